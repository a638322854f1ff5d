"""The journal: a run's events as a value that is kept as plain JSON and continued anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lightagent.application.journals.event_codec import (
    decision_version,
    effect_version,
    event_from_dict,
    event_to_dict,
    later_fields,
    usage_version,
)
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import require_json
from lightagent.domain.json_types import JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.event_migrations import migrate, oldest_version
from lightagent.domain.runs.events import Event, Nested, RunStarted
from lightagent.domain.runs.folding import fold
from lightagent.domain.runs.state import Run
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.entries import SessionEntry
from lightagent.ports.journals import JournalStore

SCHEMA_VERSION: Final = 4
"""The newest version of the journal's JSON form that is read and written.

State is only ever added by new kinds of event or by a new version, never by a field that an older reader would drop in
silence; and the version that is written is the oldest that has all the kinds and fields which a journal uses.
"""

KIND_VERSIONS: Final[Mapping[str, int]] = {"tools_selected": 4, "planned": 4, "messages_delivered": 4}
"""Kinds of event that came after version 2, with the version that brought them."""

_BASE_VERSION: Final = 2
_MOST_LEVELS: Final = 900
_GUIDANCE: Final = "Pass what RunResult.journal or Journal.to_json() gave."


@dataclass(frozen=True, slots=True)
class Journal:
    """The events of one run, in order. Two journals are equal when the same happened, whenever it did.

    Attributes:
        store: where the run is kept by itself; a run that is resumed from this journal goes on there. The JSON form and
            a copy in another process do not have it, and are resumed with `store=`.
    """

    events: tuple[Event, ...]
    store: JournalStore | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[Journal], tuple[tuple[Event, ...]]]:
        return Journal, (self.events,)

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
            ConfigurationError: they do not form a possible run.
        """
        return fold(self.events)

    @property
    def resumable(self) -> bool:
        """Whether `agent.resume` can go on with it: the run waits for a human, or was interrupted before its end.

        Raises:
            ConfigurationError: its events do not form a possible run.
        """
        outcome = self.run.outcome
        return outcome is None or isinstance(outcome, Suspended)

    def to_json(self) -> str:
        """The journal as JSON text: ``{"schema_version": 2, "events": [...]}``."""
        events = [event_to_dict(event) for event in self.events]
        return json.dumps({"schema_version": format_version(self.events), "events": events})

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, JsonValue]) -> Journal:
        """The journal that `to_json` gave, as text or parsed.

        Raises:
            ConfigurationError: it is not JSON, has another schema version, an unknown event or field, or a wrong type
                (the text names the place), or its events do not form a possible run.
        """
        document = _parsed(document)
        version = document.get("schema_version")
        oldest = oldest_version(SCHEMA_VERSION)
        if not isinstance(version, int) or isinstance(version, bool) or not oldest <= version <= SCHEMA_VERSION:
            raise ConfigurationError(
                f"Journal: schema_version is {version!r:.50}, this version of lightagent reads {SCHEMA_VERSION}.",
                guidance="Read it with the version that wrote it, or a newer one.",
            )
        entries = document.get("events")
        if not isinstance(entries, list):
            raise ConfigurationError("Journal: events is missing or not a list.", guidance=_GUIDANCE)
        named = [(entry, f"events[{place}]") for place, entry in enumerate(entries)]
        journal = cls(tuple(event_from_dict(migrate(entry, version, SCHEMA_VERSION, at), at) for entry, at in named))
        fold(journal.events)
        return journal


def require_owner(journal: Journal, owner: Scope) -> None:
    """Raise unless a journal that is kept for an owner is that of one of the owner's runs.

    Going on with another one would act, read and decide for somebody else.

    Raises:
        ConfigurationError: it is not.
    """
    if journal.started.scope != owner:
        raise ConfigurationError(
            "What is kept here is the run of another tenant, user or session.",
            guidance="The store was changed: find out who writes to it, and restore a backup.",
        )


def format_version(events: Iterable[Event], versions: Mapping[str, int] = KIND_VERSIONS) -> int:
    """The oldest version of the format that has all these kinds of event, and the fields that they use."""
    return max((version_of(event, versions) for event in events), default=_BASE_VERSION)


def version_of(event: Event | SessionEntry, versions: Mapping[str, int] = KIND_VERSIONS) -> int:
    """The same for one event, or one entry of a session."""
    fields = (one.version for one in later_fields(event))
    kind = versions.get(_kind(event), _BASE_VERSION)
    return max(_BASE_VERSION, kind, effect_version(event), decision_version(event), usage_version(event), *fields)


def _kind(event: Event | SessionEntry) -> str:
    """The kind of an event; that of a nested run's is its own."""
    while isinstance(event, Nested):
        event = event.event
    return event.type


def _parsed(document: object) -> Mapping[str, JsonValue]:
    value: JsonValue = None
    if isinstance(document, (str, bytes, bytearray)):
        try:
            value = read_json(document if isinstance(document, str) else _text(document), most_depth=_MOST_LEVELS)
        except ValueError as exc:
            raise ConfigurationError(f"Journal: this is not JSON ({exc}).", guidance=_GUIDANCE) from None
    elif isinstance(document, Mapping):
        value = dict(document)
        require_json(value, "Journal", most_depth=_MOST_LEVELS)
    if not isinstance(value, dict):
        raise ConfigurationError("Journal: a JSON object is expected.", guidance=_GUIDANCE)
    return value


def _text(document: bytes | bytearray) -> str:
    """The text of JSON as bytes; half a surrogate pair passes, as it does in text."""
    return document.decode(json.detect_encoding(document), "surrogatepass")
