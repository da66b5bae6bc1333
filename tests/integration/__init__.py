"""Tests with real servers, runtimes, containers and builds."""
