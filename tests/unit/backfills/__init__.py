"""The parts of a backfill, between doubles."""
