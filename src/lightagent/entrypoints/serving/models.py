"""``GET /v1/models``: list the models that a caller may use."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute


async def list_models(request: ServedRequest) -> ASGIApp:
    """List the models that this caller may use."""
    found: list[JsonValue] = [_model(one) for one in request.serving.catalogue if request.caller.may_use(one.name)]
    return json_response({"object": "list", "data": found}, request.headers)


async def show_model(request: ServedRequest) -> ASGIApp:
    """Show one model."""
    found = request.serving.catalogue.find(str(request.http.path_params["model"]), request.caller)
    return json_response(_model(found), request.headers)


def _model(one: Served) -> JsonObject:
    kind: JsonObject = {"kind": one.kind}
    return {"id": one.name, "object": "model", "created": 0, "owned_by": "lightagent", "lightagent": kind}


MODEL_ROUTES: Final = (
    ServedRoute("/v1/models", "GET", list_models),
    ServedRoute("/v1/models/{model:path}", "GET", show_model),
)
