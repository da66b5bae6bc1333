"""Tests of the parts of a backfill, with fakes."""
