"""The attributes of spans: of a run's owner, its agent, its requests and its answers. Unknown values are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lightagent.adapters.telemetry.otel.attribute_names import GROUP, OTHER, PARENT_TRACE, TAGS, TENANT, Names
from lightagent.adapters.telemetry.otel.plain_values import Attributes, Value
from lightagent.aiokits.observed_work import Fact
from lightagent.domain.conversation.deltas import ReplyEnd
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.events import ModelReplied, RunStarted
from lightagent.domain.usage import Usage

Reply: TypeAlias = ReplyEnd | ModelReplied
"""What tells how an answer ended, and what it used."""

_MOST_STOPS: Final = 16


def owner_attributes(names: Names, started: RunStarted, tags: tuple[str, ...]) -> Attributes:
    """What every span of a run has: whose it is, and the tags."""
    scope = started.scope
    found: Attributes = {}
    if scope.session:
        found[names.session] = scope.session
    if scope.user:
        found[names.user] = scope.user
    if scope.tenant:
        found[TENANT] = scope.tenant
    if tags:
        found[TAGS] = tags
    return found


def run_attributes(names: Names, started: RunStarted) -> Attributes:
    """What is known of a run at its start, besides whose it is, who acts in it, and its id."""
    found: Attributes = {}
    if params := started.head.params:
        found.update(_parameters(names, _AGENT_PARAMETERS, params))
    if started.run_group_id:
        found[GROUP] = started.run_group_id
    if started.parent_trace_id:
        found[PARENT_TRACE] = started.parent_trace_id
    return found


def model_attributes(names: Names, model: str, facts: Mapping[str, Fact]) -> Attributes:
    """What is known of the one of several models that is asked: its name, and its provider."""
    return {names.request_model: model, names.provider: str(facts.get("provider") or OTHER)}


def model_server(names: Names, facts: Mapping[str, Fact]) -> Attributes:
    """Where that one is served."""
    port = facts.get("port")
    return server_attributes(names, str(facts.get("address") or ""), port if isinstance(port, int) else None)


def server_attributes(names: Names, address: str, port: int | None) -> Attributes:
    """Where a model is served."""
    if not address:
        return {}
    return {names.server_address: address} if port is None else {names.server_address: address, names.server_port: port}


def request_parameters(names: Names, params: JsonObject) -> Attributes:
    """The parameters of a request to a model that the conventions know."""
    return _parameters(names, _PARAMETERS, params)


def measured_attributes(names: Names, base: Attributes) -> Attributes:
    """What measurements of requests have, of the attributes that all requests of an agent have."""
    return {name: base[name] for name in _measured(names) if name in base}


def _measured(names: Names) -> tuple[str, ...]:
    return names.operation, names.provider, names.request_model, names.server_address, names.server_port


def reply_attributes(names: Names, end: Reply) -> Attributes:
    """What a model said of its answer."""
    found: Attributes = {}
    if end.finish_reason:
        found[names.finish_reasons] = (end.finish_reason,)
    if end.response_id:
        found[names.response_id] = end.response_id
    if end.model:
        found[names.response_model] = end.model
    if end.usage is not None:
        found.update(usage_attributes(names, end.usage))
    return found


def usage_attributes(names: Names, usage: Usage) -> Attributes:
    """The token counts that are not 0, since a 0 can also mean that the count is unknown."""
    found: Attributes = {}
    if usage.input_tokens:
        found[names.input_tokens] = usage.input_tokens
    if usage.output_tokens:
        found[names.output_tokens] = usage.output_tokens
    if usage.cached_input_tokens:
        found[names.cache_read_tokens] = usage.cached_input_tokens
    if usage.cache_write_tokens:
        found[names.cache_write_tokens] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        found[names.reasoning_tokens] = usage.reasoning_tokens
    return found


def _float(value: JsonValue) -> Value | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # A whole number that no float can hold.
        return None


def _int(value: JsonValue) -> Value | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _choices(value: JsonValue) -> Value | None:
    return None if value == 1 else _int(value)


def _texts(value: JsonValue) -> Value | None:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value[:_MOST_STOPS] if isinstance(one, str)) if isinstance(value, list) else None


_Reading = Callable[[JsonValue], Value | None]

_AGENT_PARAMETERS: Final[tuple[tuple[str, str, _Reading], ...]] = (
    ("temperature", "temperature", _float),
    ("top_p", "top_p", _float),
    ("max_tokens", "max_tokens", _int),
    ("max_completion_tokens", "max_tokens", _int),
    ("max_output_tokens", "max_tokens", _int),
    ("frequency_penalty", "frequency_penalty", _float),
    ("presence_penalty", "presence_penalty", _float),
    ("seed", "seed", _int),
    ("stop", "stop_sequences", _texts),
    ("n", "choice_count", _choices),
)
"""Parameters as providers name them, the fields of `Names`, and how each value is read."""

_PARAMETERS: Final = (*_AGENT_PARAMETERS, ("top_k", "top_k", _float))


def _parameters(names: Names, known: tuple[tuple[str, str, _Reading], ...], params: JsonObject) -> Attributes:
    found: Attributes = {}
    for name, field, read in known:
        if name in params and (value := read(params[name])) is not None:
            attribute: str = getattr(names, field)
            found[attribute] = value
    return found
