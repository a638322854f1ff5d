"""A run while it goes on: its state, its parts, and what observes and reviews it."""
