"""The registry is asked within limits, and what it answers is told apart."""
