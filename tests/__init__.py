"""All tests, by what they need and show."""
