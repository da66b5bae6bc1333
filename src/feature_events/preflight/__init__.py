"""Whether everything between the function and its first event is in place."""
