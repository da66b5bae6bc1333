"""What a redrive is asked for."""
