"""Processes that carry out runs of a flow and are killed at named points of it."""
