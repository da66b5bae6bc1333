"""Tables and the comparison of their items."""
