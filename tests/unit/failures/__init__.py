"""Tests of dead letters and their limit."""
