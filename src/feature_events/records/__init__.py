"""Stream records and scanned items, as Changes."""
