"""Parse table layouts, and read the features of items by them."""
