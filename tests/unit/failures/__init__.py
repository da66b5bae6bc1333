"""What failed: kept whole, read again, and limited."""
