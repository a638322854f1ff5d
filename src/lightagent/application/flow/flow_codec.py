"""The events of a flow to and from JSON: written without default values, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from lightagent.application.journals.event_codec import event_from_dict, event_to_dict, read_strictly
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    DefinitionChanged,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    Forked,
    RerunRequested,
    Resumed,
    Signalled,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.journals.streams import Entry
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.last_results import LastResults
from lightagent.domain.runs.events import Event

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Plain: TypeAlias = (
    FlowStarted
    | Answered
    | AttemptStarted
    | AttemptFinished
    | AttemptFailed
    | AttemptStopped
    | StepApprovalRequested
    | StepApprovalDecided
    | WaitBegan
    | WaitEnded
    | Signalled
    | CancelRequested
    | Resumed
    | RerunRequested
    | Forked
    | DefinitionChanged
    | FlowFinished
)

_KINDS: Final = frozenset(kind.__dataclass_fields__["type"].default for kind in FlowEvent.__args__)
FLOW_SCHEMA: Final = 1
"""The version of the format of these events."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder for each event.
_MOST_DEPTH: Final = 900
_CHANGED: Final = "What is stored is not what was written."
MOST_NESTED: Final = 16
"""How many flows may be steps of each other."""


def read_flow_event(entry: Entry) -> FlowEvent:
    """The event that a store gave.

    Raises:
        ConfigurationError: a later release wrote it, or it is not an event of a flow.
    """
    at = f"Flow: entry {entry.sequence}"
    if entry.schema > FLOW_SCHEMA:
        raise ConfigurationError(f"{at} was written by a later release.", guidance="Update lightagent.")
    try:
        content = read_json(entry.content, most_depth=_MOST_DEPTH)
    except ValueError as error:
        raise ConfigurationError(f"{at}: {error}.", guidance=_CHANGED) from None
    return flow_event_from_dict(content, at)


def flow_event_text(event: FlowEvent) -> str:
    """One event as one line: the text of what `flow_event_to_dict` gives.

    The two events that every step has are written without that, in a third of the time.
    """
    if type(event.at) is float and isfinite(event.at):
        if isinstance(event, AttemptStarted) and not event.decisions:
            query = "" if event.query is None else f',"query":{_value_text(event.query)}'
            return f'{_attempt_text(event)},"key":{encode_basestring_ascii(event.key)}{query}{_moment_text(event.at)}'
        if isinstance(event, AttemptFinished) and not (event.proposes or event.decisions or event.output.artifacts):
            value = event.output.value
            output = "" if value is None else f',"output":{{"value":{_value_text(value)}}}'
            return f"{_attempt_text(event)}{output}{_moment_text(event.at)}"
    if isinstance(event, FlowStarted):
        return _started_text(event)
    return _encode(flow_event_to_dict(event))


def _started_text(event: FlowStarted) -> str:
    """The steps of a flow are the same for each of its runs, and so is their text."""
    name, steps = encode_basestring_ascii(event.definition.name), _steps_text(event.definition.steps)
    front = f'{{"type":"{event.type}","run_id":{encode_basestring_ascii(event.run_id)}'
    told = _non_default_fields(event, besides="definition")
    told.pop("run_id", None)
    return f'{front},"definition":{{"name":{name},"steps":{steps}}}{f",{_encode(told)[1:]}" if told else "}"}'


def _attempt_text(event: AttemptStarted | AttemptFinished) -> str:
    path = encode_basestring_ascii(event.path)
    return f'{{"type":"{event.type}","path":{path},"epoch":{event.epoch},"attempt":{event.attempt}'


def _value_text(value: JsonValue) -> str:
    return encode_basestring_ascii(value) if type(value) is str else _encode(value)


def _moment_text(at: float) -> str:
    return f',"at":{at!r}}}' if at else "}"


def flow_event_to_dict(event: FlowEvent) -> JsonObject:
    """One event as plain JSON."""
    if isinstance(event, AttemptNoted):
        inner = event.event
        return {
            "type": event.type,
            "path": event.path,
            "epoch": event.epoch,
            "attempt": event.attempt,
            "at": event.at,
            "event": flow_event_to_dict(inner) if isinstance(inner, FlowEvent) else event_to_dict(inner),
        }
    return {"type": event.type, **_non_default_fields(event)}


def flow_event_from_dict(entry: JsonValue, at: str = "event", *, levels: int = MOST_NESTED) -> FlowEvent:
    """The event that `flow_event_to_dict` gave.

    Args:
        at: names the place of `entry` in the text of an error.
        levels: flows within flows that may follow.

    Raises:
        ConfigurationError: it is not an event of a flow.
    """
    if isinstance(entry, dict) and entry.get("type") == "attempt_noted":
        return _noted(entry, at, levels)
    return read_strictly(_codec(), entry, at, guidance=_CHANGED)


def _noted(entry: JsonObject, at: str, levels: int) -> AttemptNoted:
    path, moment = entry.get("path"), entry.get("at")
    epoch, attempt = _whole(entry.get("epoch")), _whole(entry.get("attempt"))
    if (
        entry.keys() != _NOTED
        or not isinstance(path, str)
        or not isinstance(moment, (int, float))
        or not epoch * attempt
    ):
        raise ConfigurationError(f"{at}: what was noted of an attempt has other fields.", guidance=_CHANGED)
    if levels <= 0:
        raise ConfigurationError(f"{at}: more than {MOST_NESTED} flows within flows.", guidance=_CHANGED)
    inner, place = entry["event"], f"{at}.event"
    event: Event | FlowEvent
    if isinstance(inner, dict) and inner.get("type") in _KINDS:
        event = flow_event_from_dict(inner, place, levels=levels - 1)
    else:
        event = event_from_dict(inner, place)
    return AttemptNoted(path, epoch, attempt, event, at=float(moment))


_NOTED: Final = frozenset({"type", "path", "epoch", "attempt", "at", "event"})


def _whole(value: JsonValue) -> int:
    """A number counted from 1; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _non_default_fields(value: object, besides: str = "") -> JsonObject:
    """The fields of a dataclass that differ from their defaults, as JSON.

    Args:
        besides: a field that is left out.
    """
    told: JsonObject = {}
    for name, default in _defaults(type(value)):
        one: object = getattr(value, name)
        if name == besides or one is default or (default is not None and type(one) is type(default) and one == default):
            continue
        told[name] = _plain(one)
    return told


def _plain(value: object) -> JsonValue:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, FlowDefinition):
        return {"name": value.name, "steps": _steps(value.steps)}
    if is_dataclass(value):
        return _non_default_fields(value)
    raise TypeError(f"{type(value).__name__} is in no event of a flow")


def _all_fields(steps: tuple[StepDefinition, ...]) -> JsonValue:
    return [_non_default_fields(step) for step in steps]


def _text_of_steps(steps: tuple[StepDefinition, ...]) -> str:
    return _encode(_steps(steps))


_steps: Final = LastResults(_all_fields)
_steps_text: Final = LastResults(_text_of_steps)


def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """The fields of a dataclass besides `type`, each with its default, or with a value that equals nothing."""
    known = _known.get(kind)
    if known is None and is_dataclass(kind):
        found = [one for one in fields(kind) if one.name != "type"]
        known = tuple(
            (one.name, one.default if one.default_factory is MISSING else one.default_factory()) for one in found
        )
        _known[kind] = known
    return known or ()


_known: Final[dict[type, tuple[tuple[str, object], ...]]] = {}


@cache
def _codec() -> TypeAdapter[_Plain]:
    """Made at first use: building it takes some milliseconds."""
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[_Plain, Field(discriminator="type")])
