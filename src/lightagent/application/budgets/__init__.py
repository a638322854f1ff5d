"""Budgets while runs spend them: meters, reservations, and what a journal says was spent."""
