"""Create AWS clients, classify their errors, and read secrets."""
