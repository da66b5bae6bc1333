"""The redrive: what still stands is sent and moved, the rest stays."""
