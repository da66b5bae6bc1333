"""Stream records and scanned items."""
