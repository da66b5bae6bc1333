"""What came in, read or refused."""
