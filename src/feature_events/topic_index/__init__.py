"""Index what the topic says about each item of a table, in a few bytes per item."""
