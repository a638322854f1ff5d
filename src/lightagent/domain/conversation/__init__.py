"""A conversation with a model: its messages, their history and their origin, and replies in pieces."""
