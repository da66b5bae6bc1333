"""Drills: a week of metrics for each thing that can go wrong, and the alarms that ring."""
