"""Tests of the benchmarks: bounds of the measured work, and documents that match the results."""
