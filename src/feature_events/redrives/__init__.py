"""Resend records that could not be delivered, once the cause is fixed."""
