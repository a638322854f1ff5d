"""OpenAI's responses: read requests, and write runs as items, whole or as a stream."""
