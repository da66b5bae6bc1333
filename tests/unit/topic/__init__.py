"""Tests of `feature_events.topic`."""
