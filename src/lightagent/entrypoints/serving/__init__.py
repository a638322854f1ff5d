"""Agents over HTTP, for any client: `serve` makes the application."""

from lightagent.entrypoints.serving.serve import serve

__all__ = ["serve"]
