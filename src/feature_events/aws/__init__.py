"""AWS: its clients, and what their errors mean."""
