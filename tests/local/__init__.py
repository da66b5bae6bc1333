"""What a person meets at the terminal, where something is odd or goes wrong."""
