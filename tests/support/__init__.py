"""Helpers for several kinds of tests."""
