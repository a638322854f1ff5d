"""Random flows: definitions, a world that says what happens in them, a model of how they end, and whoever runs them."""
