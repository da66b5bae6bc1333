"""Announces what a table already holds, beside its live stream."""
