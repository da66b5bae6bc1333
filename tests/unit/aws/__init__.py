"""Tests of AWS clients, errors and secrets."""
