"""Events to and from plain JSON, strictly: an event that is read equals the one that was written, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeAlias, TypeVar

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.planning.plans import Planned
from lightagent.domain.policy.phases import MEMORY_PHASES, Decision
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Concluded,
    ContextAdded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    ModelRetried,
    Nested,
    Noted,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
    Unrecognized,
)
from lightagent.domain.sessions.entries import SessionEntry
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.domain.usage import Usage

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_Plain: TypeAlias = (
    RunStarted
    | Admitted
    | ContextAdded
    | ContextReplaced
    | ToolsSelected
    | Planned
    | MessagesDelivered
    | ModelRequested
    | ModelRetried
    | ModelFailed
    | ModelReplied
    | CallsRefused
    | ToolStarted
    | ToolFinished
    | ApprovalRequested
    | ApprovalDecided
    | OutputRejected
    | OutputAccepted
    | Concluded
    | Noted
    | RunFinished
)
"""The events that hold no other; pydantic reads and writes them."""

KINDS: Final = frozenset(kind.__dataclass_fields__["type"].default for kind in (*_Plain.__args__, Nested))
"""Every kind of event that this version knows."""


class LaterField(NamedTuple):
    """A field that came after version 2. It is written only if it differs from its default.

    Attributes:
        kind, name: of the event or entry, and of the field.
        version: that brought it; an earlier release refuses it instead of dropping it.
        unused: its value in JSON if the field is not used.
    """

    kind: str
    name: str
    version: int
    unused: JsonValue


LATER_FIELDS: Final = (
    LaterField("run_started", "untrusted", 3, None),
    LaterField("run_started", "plans", 4, []),
    LaterField("run_started", "tags", 4, []),
    LaterField("run_started", "acting", 4, None),
    LaterField("tool_finished", "labels", 3, []),
    LaterField("session_base", "untrusted", 3, None),
    LaterField("session_base", "untrusted_everything", 3, None),
    LaterField("session_base", "tools", 4, []),
    LaterField("session_base", "agent", 4, ""),
    LaterField("context_added", "details", 4, {}),
    LaterField("concluded", "details", 4, {}),
    LaterField("concluded", "usage", 4, None),
)

EFFECT_VERSIONS: Final[Mapping[str, int]] = {
    "declare_tools": 4,
    "narrow_tools": 4,
    "transfer_history": 4,
    "send_message": 4,
}
"""Kinds of effect of a tool that came after version 2, with the version that brought them."""

USAGE_PARTS: Final[Mapping[str, int]] = {"cache_write_tokens": 4}
"""Parts of a usage that came after version 2, with the version that brought them. A 0 is not written."""

MEMORY_DECISIONS: Final = 4
"""The version that brought the boundaries about memories."""

MOST_NESTED: Final = 32
"""Runs within runs that a journal may hold."""

_GUIDANCE: Final = "Pass what RunResult.journal or Journal.to_json() gave."
_NEWER: Final = "It was written by a newer version of lightagent, or was changed."


def event_to_dict(event: Event) -> JsonObject:
    """One event as plain JSON, for a line of a log or a row of a table."""
    if isinstance(event, Nested):
        return {"call_id": event.call_id, "event": event_to_dict(event.event), "type": event.type}
    if isinstance(event, Unrecognized):
        return copy_json(event.entry)
    entry: JsonObject = _codec().dump_python(event, mode="json", exclude_defaults=False)
    return without_unused(entry)


def without_unused(entry: JsonObject) -> JsonObject:
    """An entry without unused fields of later versions, so that earlier releases can read it."""
    for later in LATER_FIELDS:
        if entry.get("type") == later.kind and entry[later.name] == later.unused:
            del entry[later.name]
    if isinstance(usage := entry.get("usage"), dict):
        for part in USAGE_PARTS:
            if usage.get(part) == 0:
                del usage[part]
    return entry


def later_fields(event: Event | SessionEntry) -> Iterator[LaterField]:
    """The fields of later versions that an event, one of a nested run in it, or an entry of a session uses."""
    while isinstance(event, Nested):
        event = event.event
    for later in LATER_FIELDS:
        unused = () if later.unused == [] else later.unused
        if event.type == later.kind and getattr(event, later.name) != unused:
            yield later


def effect_version(event: Event | SessionEntry) -> int:
    """The version that brought the effects of an event, or of one of a nested run in it; 0 if none did."""
    while isinstance(event, Nested):
        event = event.event
    if not isinstance(event, ToolFinished):
        return 0
    return max((EFFECT_VERSIONS.get(effect.kind, 0) for effect in event.effects), default=0)


def usage_version(event: Event | SessionEntry) -> int:
    """The version that brought the parts of a usage that an event, or one of a nested run in it, uses; otherwise 0."""
    while isinstance(event, Nested):
        event = event.event
    usage: Usage | None = getattr(event, "usage", None)
    return 0 if usage is None else max(version if usage[part] else 0 for part, version in USAGE_PARTS.items())


def decision_version(event: Event | SessionEntry) -> int:
    """The version that brought the boundaries of an event's decisions; 0 if they were always there."""
    while isinstance(event, Nested):
        event = event.event
    decisions: tuple[Decision, ...] = getattr(event, "decisions", ())
    return MEMORY_DECISIONS if any(decision.phase in MEMORY_PHASES for decision in decisions) else 0


def event_from_dict(entry: JsonValue, at: str = "event", *, levels: int = MOST_NESTED) -> Event:
    """The event that `event_to_dict` gave.

    An event of an unknown kind that is marked ``"ignorable": true`` is kept word for word; it changes no state.

    Args:
        at: names the place of `entry` in the text of an error.
        levels: runs within runs that may follow.

    Raises:
        ConfigurationError: it is not an event.
    """
    kind = entry.get("type") if isinstance(entry, dict) else None
    if isinstance(entry, dict) and isinstance(kind, str) and kind not in KINDS:
        if entry.get("ignorable") is True:
            return Unrecognized(copy_json(entry))
        raise ConfigurationError(f"Journal: {at}: the kind of event {kind!r:.50} is not known.", guidance=_NEWER)
    if isinstance(entry, dict) and kind == "nested":
        return _nested(entry, at, levels)
    return read_strictly(_codec(), entry, at)


def read_strictly(codec: TypeAdapter[T], entry: JsonValue, at: str, *, guidance: str = _GUIDANCE) -> T:
    """What `codec`, whose kinds are told apart by their type, reads from `entry`, if nothing is lost by that.

    Args:
        at: names the place of `entry` in the text of an error.
        guidance: what to do about an error.

    Raises:
        ConfigurationError: something is missing, unknown or of another type; the text names the place.
    """
    from pydantic import ValidationError

    try:
        value = codec.validate_python(entry)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        path = ".".join([at, *(str(part) for part in first["loc"])])
        raise ConfigurationError(f"Journal: {path}: {first['msg']}.", guidance=guidance) from None
    kind = entry.get("type", "") if isinstance(entry, dict) else ""
    place = f"{at}.{kind}" if kind else at
    _refuse_converted(entry, codec.dump_python(value, mode="json"), place, guidance)
    return value


def _nested(entry: JsonObject, at: str, levels: int) -> Nested:
    call_id = entry.get("call_id")
    if not isinstance(call_id, str) or set(entry) != {"call_id", "event", "type"}:
        raise ConfigurationError(f"Journal: {at}.nested: call_id and event are expected.", guidance=_GUIDANCE)
    if levels <= 0:
        raise ConfigurationError(f"Journal: {at}.nested: more than {MOST_NESTED} runs within runs.", guidance="")
    return Nested(call_id, event_from_dict(entry.get("event"), f"{at}.nested", levels=levels - 1))


@cache
def _codec() -> TypeAdapter[_Plain]:
    """Made at first use: building it takes some milliseconds, and most runs never leave their process."""
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[_Plain, Field(discriminator="type")])


def _refuse_converted(given: object, kept: JsonValue, at: str, guidance: str) -> None:
    """Raise unless `kept`, the JSON of the event that was read, equals `given`, which it was read from.

    pydantic accepts ``"1"`` for a number, and its strict mode refuses JSON that was parsed before. A dropped name
    would be state that is lost silently.
    """
    if isinstance(kept, dict) and isinstance(given, Mapping):
        unknown = given.keys() - kept.keys()
        if unknown:
            raise ConfigurationError(f"Journal: {at}: {min(map(str, unknown))!r:.50} is not known.", guidance=_NEWER)
        for name in given:
            _refuse_converted(given[name], kept[name], f"{at}.{name}", guidance)
    elif isinstance(kept, list) and isinstance(given, list | tuple):
        for place, (one, other) in enumerate(zip(given, kept, strict=True)):
            _refuse_converted(one, other, f"{at}.{place}", guidance)
    elif type(given) is not type(kept) and not (isinstance(kept, float) and type(given) is int):
        problem = f"a {type(kept).__name__} is expected, got a {type(given).__name__}"
        raise ConfigurationError(f"Journal: {at}: {problem}.", guidance=guidance)
