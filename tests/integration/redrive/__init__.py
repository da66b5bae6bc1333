"""Tests of the redrive, with AWS in memory."""
