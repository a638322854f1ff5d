"""Feedback of people about runs, and the log of how lessons were used."""
