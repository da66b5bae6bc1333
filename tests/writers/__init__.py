"""Real writers of feature tables, and the stream records that DynamoDB makes of their writes."""
