"""Requests as bytes. A message is serialised once in its life, and so is a set of tools."""

from __future__ import annotations

import json

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import encode_json
from lightagent.domain.provider_fields import Recipient
from lightagent.domain.tools import ToolSpec
from lightagent.ports.models import ChatRequest

RESERVED = frozenset({"messages", "model", "tools", "stream"})
"""What the adapter itself puts into a request."""

_MOST_TOOL_SETS = 16


class RequestEncoder:
    """Encodes the requests to one model."""

    __slots__ = ("_prefix", "_stream_suffix", "_tool_sets")

    def __init__(self, model: str, *, stream_usage: bool) -> None:
        self._prefix = b'{"model":%b,"messages":[' % json.dumps(model).encode()
        self._stream_suffix = b',"stream":true'
        if stream_usage:
            self._stream_suffix += b',"stream_options":{"include_usage":true}'
        # By the identities of the tools, which are kept with their bytes so that no identity is used again.
        self._tool_sets: dict[tuple[int, ...], tuple[tuple[ToolSpec, ...], bytes]] = {}

    def encode(self, request: ChatRequest, recipient: Recipient | None = None) -> bytes:
        """The body to post.

        Args:
            recipient: the model that is asked; it is given back what its provider added to what it said.

        Raises:
            ConfigurationError: `params` hold what the adapter sets itself, or what is no JSON.
        """
        parts = [self._prefix, b",".join([message.encoded(recipient) for message in request.messages]), b"]"]
        if request.tools:
            parts.append(self._tools(request.tools))
        if request.output_schema is not None:
            parts.append(_response_format(request))
        if request.params:
            parts.append(_params(request.params))
        if request.stream:
            own_options = "stream_options" in request.params
            parts.append(b',"stream":true' if own_options else self._stream_suffix)
        parts.append(b"}")
        return b"".join(parts)

    def _tools(self, tools: tuple[ToolSpec, ...]) -> bytes:
        key = tuple(map(id, tools))
        known = self._tool_sets.get(key)
        if known is not None:
            return known[1]
        encoded = b',"tools":[' + b",".join([encode_json(tool.to_openai()) for tool in tools]) + b"]"
        if len(self._tool_sets) >= _MOST_TOOL_SETS:
            self._tool_sets.clear()  # at once, and so safe for every thread that encodes at the same time
        self._tool_sets[key] = (tools, encoded)
        return encoded


def _response_format(request: ChatRequest) -> bytes:
    if "response_format" in request.params:
        raise ConfigurationError(
            "params: response_format and an output type say the same thing twice.", guidance="Leave out one of them."
        )
    # Not strict: OpenAI's strict mode refuses schemas of many ordinary types; the answer is validated here anyway.
    schema: JsonObject = {"name": "output", "schema": request.output_schema, "strict": False}
    return b',"response_format":' + encode_json({"type": "json_schema", "json_schema": schema})


def _params(params: JsonObject) -> bytes:
    reserved = sorted(RESERVED & params.keys())
    if reserved:
        raise ConfigurationError(
            f"params: {', '.join(reserved)} cannot be set there; the agent does it.",
            guidance="Leave them out of metadata= and params.",
        )
    try:
        return b"," + encode_json(params)[1:-1]
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"params: they are no JSON ({exc}).") from exc
