"""One script for each store; it runs the store's own code against the local stack and says what it wrote.

A script runs in its store's environment, which has none of this project's packages, so it imports nothing from outside
this folder.
"""
