"""Serve agents over the protocols of clients: read requests, and write runs as responses.

Nothing here depends on an HTTP server: requests come as JSON, and responses leave as bytes.
"""
