"""OpenAI's chat completions: read requests, and write runs as chunks or whole answers."""
