"""Tools as values: their specification, and which of them a model is offered."""
