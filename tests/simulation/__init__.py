"""Tests of the promises under faults, and mutants that show that each test can fail."""
