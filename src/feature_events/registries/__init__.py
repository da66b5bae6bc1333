"""Who gives a schema its id."""
