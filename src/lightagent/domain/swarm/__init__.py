"""Swarms: how agents hand over to each other, consult each other and send messages."""
