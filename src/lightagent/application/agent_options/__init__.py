"""Options of an agent that have several parts, with their defaults: budgets, planning, learning, selection."""
