"""What a table's items mean."""
