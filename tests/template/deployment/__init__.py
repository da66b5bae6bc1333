"""The unmodified `sam deploy` makes, changes and removes the stack, and events come through."""
