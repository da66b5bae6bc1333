"""The preflight checks."""
