"""Trace one item: what the function would announce now, and what the topic says."""
