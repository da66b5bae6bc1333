"""What came in: a stream record, read into a Change."""
