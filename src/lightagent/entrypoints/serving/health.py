"""Liveness and readiness probes, for load balancers and Kubernetes."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute


async def healthy(request: ServedRequest) -> ASGIApp:
    """Report that the process is alive."""
    return json_response({"status": "ok"}, request.headers)


async def ready(request: ServedRequest) -> ASGIApp:
    """Report whether the server accepts new runs; 503 once it is stopping."""
    closing = request.serving.active.closing
    return json_response({"status": "stopping" if closing else "ok"}, request.headers, 503 if closing else 200)


HEALTH_ROUTES: Final = (
    ServedRoute("/healthz", "GET", healthy, needs_key=False, any_host=True),
    ServedRoute("/readyz", "GET", ready, needs_key=False, any_host=True),
)
