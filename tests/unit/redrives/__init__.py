"""Tests of the redrive."""
