"""The parts together, each the real one: build, runtime, container, stack."""
