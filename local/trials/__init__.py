"""A trial of table layouts: what the function would make of records, or of a real table's items."""
