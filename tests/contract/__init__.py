"""What consumers read, by their own libraries."""
