"""Store records that could not be delivered, and read them again."""
