"""The model that is used where none is configured: the OpenAI environment if there is one, else the offline model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lightagent.domain.json_types import JsonObject
from lightagent.settings.layers import flatten
from lightagent.settings.origins import Leaves, Origin
from lightagent.settings.secrets import refer_to

DEFAULT_MODEL: Final = "gpt-4.1"


def default_leaves(environ: Mapping[str, str]) -> Leaves:
    """The built-in layer, for an environment."""
    return flatten(("model",), _model(environ), lambda _: Origin())


def _model(environ: Mapping[str, str]) -> JsonObject:
    if not (environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL")):
        return {"kind": "offline"}
    known = {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}
    model: JsonObject = {"kind": "openai", "model": environ.get("OPENAI_MODEL") or DEFAULT_MODEL}
    for option, variable in known.items():
        if environ.get(variable):
            model[option] = refer_to(variable)
    return model
