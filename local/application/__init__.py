"""Build, deploy and invoke the application on the local stack."""
