"""Read the topic: the events that it contains about one table."""
