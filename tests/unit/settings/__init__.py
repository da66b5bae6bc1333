"""Settings and the values in them."""
