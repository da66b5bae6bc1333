"""Read the function's settings from its environment."""
