"""AG-UI: read requests, and write runs as events."""
