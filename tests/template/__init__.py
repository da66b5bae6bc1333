"""Tests of the templates: resources, rules for parameters, permissions of roles, alarms, and their documentation."""
