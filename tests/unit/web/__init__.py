"""Tests of HTTP sessions and OAuth 2.0 tokens."""
