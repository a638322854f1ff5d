"""Encodes requests as bytes. Each message, and each set of tools, is serialised only once."""

from __future__ import annotations

import json

from lightagent.adapters.chat._profiles import UNKNOWN, EndpointProfile, fitted_params, response_format
from lightagent.adapters.chat._wire_messages import fitted_messages
from lightagent.domain.conversation.provider_fields import Recipient
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest

RESERVED = frozenset({"messages", "model", "tools", "stream"})
"""Fields that the adapter sets itself."""

_MOST_TOOL_SETS = 16
"""Encoded sets of tools that are kept."""


class RequestEncoder:
    """Encodes the requests to one model."""

    __slots__ = ("_prefix", "_stream_suffix", "_tool_sets")

    def __init__(self, model: str, *, stream_usage: bool) -> None:
        self._prefix = b'{"model":%b,"messages":[' % json.dumps(model).encode()
        self._stream_suffix = b',"stream":true'
        if stream_usage:
            self._stream_suffix += b',"stream_options":{"include_usage":true}'
        # Keyed by the ids of the tools. The tools are kept, too, so that their ids cannot be reused.
        self._tool_sets: dict[tuple[int, ...], tuple[tuple[ToolSpec, ...], bytes]] = {}

    def encode(
        self, request: ChatRequest, profile: EndpointProfile = UNKNOWN, recipient: Recipient | None = None
    ) -> bytes:
        """Return the body to post, in the form that the endpoint accepts.

        Args:
            profile: what the endpoint accepts.
            recipient: the model that is asked. Fields that its provider added to earlier answers are sent back to it.

        Raises:
            ConfigurationError: `params` contain a field that the adapter sets, or cannot be encoded.
        """
        messages = fitted_messages(profile, request.messages)
        parts = [self._prefix, b",".join([message.encoded(recipient) for message in messages]), b"]"]
        if request.tools:
            parts.append(self._tools(request.tools))
        if (form := response_format(profile, request)) is not None:
            parts.append(b',"response_format":' + encode_json(form))
        if request.params and (params := fitted_params(profile, request.params)):
            parts.append(_params(params))
        if request.stream:
            plain = "stream_options" in request.params or not profile.stream_options
            parts.append(b',"stream":true' if plain else self._stream_suffix)
        parts.append(b"}")
        return b"".join(parts)

    def _tools(self, tools: tuple[ToolSpec, ...]) -> bytes:
        key = tuple(map(id, tools))
        known = self._tool_sets.get(key)
        if known is not None:
            return known[1]
        encoded = b',"tools":[' + b",".join([encode_json(tool.to_openai()) for tool in tools]) + b"]"
        if len(self._tool_sets) >= _MOST_TOOL_SETS:
            self._tool_sets.clear()  # One operation, so it is safe while other threads encode.
        self._tool_sets[key] = (tools, encoded)
        return encoded


def _params(params: JsonObject) -> bytes:
    reserved = sorted(RESERVED & params.keys())
    if reserved:
        raise ConfigurationError(
            f"params: {', '.join(reserved)} cannot be set there, because the agent sets it.",
            guidance="Leave them out of metadata= and params.",
        )
    try:
        return b"," + encode_json(params)[1:-1]
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"params cannot be encoded as JSON: {exc}.") from exc
