"""Tests of schema registries."""
