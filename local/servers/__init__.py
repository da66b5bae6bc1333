"""The servers of the local stack, and their processes."""
