"""Checks the options of agents, runs, swarms and flows, and makes of them what the application works with."""
