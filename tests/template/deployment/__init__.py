"""Deploy the packaged templates to the local stack, and test what the deployed functions do."""
