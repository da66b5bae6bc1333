"""The stand-in for AWS and Amazon MSK on one machine, and the demo that runs on it."""
