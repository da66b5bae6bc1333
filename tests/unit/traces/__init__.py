"""Tests of `feature_events.traces`."""
