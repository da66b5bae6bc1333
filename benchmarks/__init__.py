"""What a record costs: in time, in work, at the start, in memory and in money."""
