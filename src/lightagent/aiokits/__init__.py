"""Tools for asyncio and threads that know nothing about agents, built on the standard library alone."""
