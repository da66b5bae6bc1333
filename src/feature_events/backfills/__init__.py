"""Announce the items that a table already contains, while its live stream continues."""
