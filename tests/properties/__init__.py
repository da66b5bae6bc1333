"""The promises, on generated input."""
