"""The journal: a run's events as a value that is kept as plain JSON and continued anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Event, RunStarted
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.plain import refuse_unless_json
from lightagent.domain.runs import Run, fold

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION: Final = 1
"""Of the journal's JSON form. A reader refuses a newer one; fields are only ever added with a default."""

_WANTED: Final = "Pass what RunResult.journal or Journal.to_json() gave."


@dataclass(frozen=True, slots=True)
class Journal:
    """The events of one run, in order. Two journals are equal when the same happened, whenever it did."""

    events: tuple[Event, ...]

    @property
    def started(self) -> RunStarted:
        """The first event.

        Raises:
            ConfigurationError: the journal does not begin with one.
        """
        if self.events and isinstance(self.events[0], RunStarted):
            return self.events[0]
        raise ConfigurationError("A journal begins with run_started.")

    @property
    def run(self) -> Run:
        """The state the events amount to.

        Raises:
            ConfigurationError: they are no possible run.
        """
        return fold(self.events)

    def to_json(self) -> str:
        """The journal as JSON text: ``{"schema_version": 1, "events": [...]}``."""
        return json.dumps({"schema_version": SCHEMA_VERSION, "events": [event_to_dict(e) for e in self.events]})

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, JsonValue]) -> Journal:
        """The journal that `to_json` gave, as text or parsed.

        Raises:
            ConfigurationError: no JSON, another schema version, an unknown event, a wrong type (the text names the
                place), or events that are no possible run.
        """
        document = _parsed(document)
        version = document.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise ConfigurationError(
                f"Journal: schema_version is {version!r}, this version of lightagent reads {SCHEMA_VERSION}.",
                guidance="Read it with the version that wrote it, or a newer one.",
            )
        entries = document.get("events")
        if not isinstance(entries, list):
            raise ConfigurationError("Journal: events is missing or no list.", guidance=_WANTED)
        journal = cls(tuple(event_from_dict(entry, f"events[{place}]") for place, entry in enumerate(entries)))
        fold(journal.events)
        return journal


def event_to_dict(event: Event) -> JsonObject:
    """One event as plain JSON, for a line of a log or a row of a table."""
    return _codec().dump_python(event, mode="json", exclude_defaults=False)  # type: ignore[no-any-return]


def event_from_dict(entry: JsonValue, at: str = "event") -> Event:
    """The event that `event_to_dict` gave.

    Raises:
        ConfigurationError: it is none; `at` names its place in the text.
    """
    from pydantic import ValidationError

    try:
        event = _codec().validate_python(entry)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        path = ".".join([at, *(str(part) for part in first["loc"])])
        raise ConfigurationError(f"Journal: {path}: {first['msg']}.", guidance=_WANTED) from None
    _refuse_converted(entry, event_to_dict(event), f"{at}.{event.type}")
    return event


@cache
def _codec() -> TypeAdapter[Event]:
    """Made at first use: building it takes some milliseconds, and most runs never leave their process."""
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[Event, Field(discriminator="type")])


def _parsed(document: object) -> Mapping[str, JsonValue]:
    value: JsonValue = None
    if isinstance(document, (str, bytes, bytearray)):
        try:
            value = read_json(document if isinstance(document, str) else _text(document))
        except ValueError as exc:
            raise ConfigurationError(f"Journal: this is no JSON ({exc}).", guidance=_WANTED) from None
    elif isinstance(document, Mapping):
        value = dict(document)
        refuse_unless_json(value, "Journal")
    if not isinstance(value, dict):
        raise ConfigurationError("Journal: a JSON object is wanted.", guidance=_WANTED)
    return value


def _text(document: bytes | bytearray) -> str:
    """The text of JSON as bytes; half a surrogate pair passes, as it does in text."""
    return document.decode(json.detect_encoding(document), "surrogatepass")


def _refuse_converted(given: object, kept: JsonValue, at: str) -> None:
    """Nothing, where `kept`, which an event gives, says the same as `given`, which it was read from.

    pydantic takes ``"1"`` for a number, and its strict mode no JSON that was parsed before. What an event does not
    know was added by a later version.
    """
    if isinstance(kept, dict) and isinstance(given, Mapping):
        for name in kept.keys() & given.keys():
            _refuse_converted(given[name], kept[name], f"{at}.{name}")
    elif isinstance(kept, list) and isinstance(given, list | tuple):
        for place, (one, other) in enumerate(zip(given, kept, strict=True)):
            _refuse_converted(one, other, f"{at}.{place}")
    elif type(given) is not type(kept) and not (isinstance(kept, float) and type(given) is int):
        problem = f"a {type(kept).__name__} is wanted, not a {type(given).__name__}"
        raise ConfigurationError(f"Journal: {at}: {problem}.", guidance=_WANTED)
