"""The servers of the local stack, and what runs them."""
