"""What knows nothing of agents: the standard library's asyncio and threads, made fit for what stands above."""
