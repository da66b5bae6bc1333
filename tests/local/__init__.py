"""The local stack and its commands, as a person at the terminal meets them."""
