"""The redrive on an AWS in memory."""
