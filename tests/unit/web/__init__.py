"""What a web server may answer, and what to do about it."""
