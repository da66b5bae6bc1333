"""Tests of the backfill, with AWS in memory."""
