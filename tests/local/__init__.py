"""Tests of the local stack and its commands, as users run them."""
