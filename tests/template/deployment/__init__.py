"""The templates, deployed to the local stack, produce events and can be changed and removed."""
