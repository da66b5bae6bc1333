"""The commands of `make` for the local stack."""
