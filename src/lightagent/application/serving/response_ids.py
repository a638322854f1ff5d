"""The ids of answers: each names its run, and where in the run's events it begins."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.events import Event, RunFinished

_ID: Final = re.compile(r"resp_([0-9A-Za-z-]{1,100})(?:_([0-9]{1,9}))?(?:_s([a-z2-7]{1,1300}))?")


@dataclass(frozen=True, slots=True)
class ResponseId:
    """Which answer is meant.

    A run that waits for its client answers, and answers again once it goes on, so that one run has several answers.

    Attributes:
        run_id: of the run.
        begins: how many events of the run were there when the request for this answer came.
        session: the conversation of which the run is a turn; empty for none.
    """

    run_id: str
    begins: int = 0
    session: str = ""

    def __str__(self) -> str:
        begins = f"_{self.begins}" if self.begins else ""
        session = f"_s{_written(self.session)}" if self.session else ""
        return f"resp_{self.run_id}{begins}{session}"

    @classmethod
    def next_of(cls, run_id: str, events: Sequence[Event], session: str = "") -> ResponseId:
        """The answer for which a run is about to begin, or to go on."""
        ends = (at for at in range(len(events), 0, -1) if isinstance(events[at - 1], RunFinished))
        return cls(run_id, next(ends, 0), session)

    @property
    def stem(self) -> str:
        """The beginning of the ids of its items."""
        return str(self).removeprefix("resp_")

    def part(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events of the run that are this answer's; none where it has no such answer."""
        if self.begins and not (self.begins <= len(events) and isinstance(events[self.begins - 1], RunFinished)):
            return ()
        return events[self.begins : self.ends(events)]

    def ends(self, events: Sequence[Event]) -> int:
        """How many events of the run had happened when the answer ended."""
        finished = (at for at, event in enumerate(events) if at >= self.begins and isinstance(event, RunFinished))
        return next(finished, len(events) - 1) + 1


def read_response_id(text: str) -> ResponseId | None:
    """The answer of this id; None where no answer is called so."""
    found = _ID.fullmatch(text)
    session = None if found is None else _read(found[3] or "")
    return None if found is None or session is None else ResponseId(found[1], int(found[2] or 0), session)


def _written(session: str) -> str:
    """Any text, in letters and digits."""
    return b32encode(session.encode("utf-8", "surrogatepass")).decode().rstrip("=").lower()


def _read(written: str) -> str | None:
    try:
        raw = b32decode(written.upper() + "=" * (-len(written) % 8))
        return raw.decode("utf-8", "surrogatepass")
    except (Error, UnicodeDecodeError):
        return None
