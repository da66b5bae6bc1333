"""What tests of several kinds stand on, with its own tests beside it."""
