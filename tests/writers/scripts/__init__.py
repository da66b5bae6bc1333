"""Scripts that run the stores' code on the local stack and report what it wrote.

A script runs in the environment of its store, without this project's packages, so it imports only from this directory.
"""
