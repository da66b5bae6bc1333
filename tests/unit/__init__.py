"""One module at a time, on examples."""
