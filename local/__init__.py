"""Run the application on one machine, with local stand-ins for AWS and Amazon MSK, and demonstrate it."""
