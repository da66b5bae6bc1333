"""A run that sends again what could not be delivered, once its cause is fixed."""
