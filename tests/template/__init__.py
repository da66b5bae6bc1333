"""The template: what it makes, what it refuses, what it allows its roles, and what is told of it."""
