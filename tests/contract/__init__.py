"""The contract with consumers, checked by the libraries that they use."""
