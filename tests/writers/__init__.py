"""Real writers of feature tables, and the stream records of their writes."""
