"""The demo: table writes, and the events that they must give."""
