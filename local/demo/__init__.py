"""The demo: table writes and their expected events."""
