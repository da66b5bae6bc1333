"""Tests of the example current-state on topics in memory."""
