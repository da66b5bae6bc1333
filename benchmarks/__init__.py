"""Measure the time, work, start-up, memory and money that records cost."""
