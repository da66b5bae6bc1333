"""Test the layer with the function's dependencies."""
