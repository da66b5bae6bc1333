"""Drills, which play faults against a model of the pipeline and report the alarms that fire."""
