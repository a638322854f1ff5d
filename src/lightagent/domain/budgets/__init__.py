"""Budgets: limits, accounts, what a run has spent, prices, and tokens."""
