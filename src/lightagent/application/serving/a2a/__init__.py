"""A2A, the Agent2Agent protocol: read requests, and write runs as tasks."""
