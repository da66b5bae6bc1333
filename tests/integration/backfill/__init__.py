"""The backfill on an AWS in memory."""
