"""One module at a time, on examples, in the rooms that the modules have."""
