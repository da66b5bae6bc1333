"""Describe DynamoDB tables, read their items, and compare them."""
