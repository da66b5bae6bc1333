"""The preflight check: test everything between the function and its first event."""
