"""What could not be delivered: kept, read again, and moved out of the way."""
