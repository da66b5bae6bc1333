"""Read DynamoDB tables and compare their items."""
