"""The layer that is deployed beside the code, as Lambda has it."""
