"""The ids of responses: each names its run, and the position in the run's events where the response begins."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.runs.events import Event, RunFinished

_ID: Final = re.compile(r"resp_([0-9A-Za-z-]{1,100})(?:_([0-9]{1,9}))?(?:_s([a-z2-7]{1,1300}))?")


@dataclass(frozen=True, slots=True)
class ResponseId:
    """Identifies one response.

    A run that waits for its client produces a response, and another one when it resumes, so one run may have several.

    Attributes:
        run_id: the id of the run.
        begins: how many events the run had when the request for this response came.
        session: the conversation that the run belongs to; empty for none.
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
        """Return the id of the response for which a run is about to start or resume."""
        ends = (at for at in range(len(events), 0, -1) if isinstance(events[at - 1], RunFinished))
        return cls(run_id, next(ends, 0), session)

    @property
    def stem(self) -> str:
        """The prefix of the ids of its items."""
        return str(self).removeprefix("resp_")

    def part(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the run's events that belong to this response; empty if the run has no such response."""
        if self.begins and not (self.begins <= len(events) and isinstance(events[self.begins - 1], RunFinished)):
            return ()
        return events[self.begins : self.ends(events)]

    def ends(self, events: Sequence[Event]) -> int:
        """Return how many events the run had when the response ended."""
        finished = (at for at, event in enumerate(events) if at >= self.begins and isinstance(event, RunFinished))
        return next(finished, len(events) - 1) + 1


def read_response_id(text: str) -> ResponseId | None:
    """Parse the id of a response; None if the text is not one."""
    found = _ID.fullmatch(text)
    session = None if found is None else _read(found[3] or "")
    return None if found is None or session is None else ResponseId(found[1], int(found[2] or 0), session)


def _written(session: str) -> str:
    """Encode any text in letters and digits."""
    return b32encode(session.encode("utf-8", "surrogatepass")).decode().rstrip("=").lower()


def _read(written: str) -> str | None:
    try:
        raw = b32decode(written.upper() + "=" * (-len(written) % 8))
        return raw.decode("utf-8", "surrogatepass")
    except (Error, UnicodeDecodeError):
        return None
