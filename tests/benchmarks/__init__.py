"""The benchmarks: their counts, and that what they wrote is what they measured."""
