"""Agents that other agents call: as tools, and as members of a swarm that are asked."""
