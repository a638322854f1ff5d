"""What knows nothing of agents: tools for asyncio and threads, from the standard library alone."""
