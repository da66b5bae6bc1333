"""The language in which a table's layout is written down."""
