"""Build a release: one zip file from which the AWS CLI installs the application."""
