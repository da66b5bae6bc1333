"""Try table layouts on stream records or on the items of a real table."""
