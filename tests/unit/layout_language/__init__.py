"""Tests of the language of layouts."""
