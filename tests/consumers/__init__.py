"""Each example consumer, run on a real topic: what it prints is what was sent."""
