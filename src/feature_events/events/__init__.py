"""What goes out: the event, its bytes, its headers and its message."""
