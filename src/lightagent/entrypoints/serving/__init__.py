"""Serve agents over HTTP: `serve` builds the ASGI application."""

from lightagent.entrypoints.serving.serve import serve

__all__ = ["serve"]
