"""The preflight check."""
