"""AWS clients and secrets: what goes wrong is told apart, and nothing secret is shown."""
