"""Where the streams of a sealed store ended, as it is kept in another place: what a whole older copy cannot know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lightagent.domain.journals.seals import SealedRow
from lightagent.domain.journals.streams import StreamInfo, StreamKey

HeadState: TypeAlias = Literal["live", "leaving", "gone"]
"""A stream is `leaving` while it is being forgotten, and `gone` afterwards."""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """Where a stream ended when it was last written.

    Attributes:
        birth: of the stream; a stream of the same key that was begun later has another. Where the stream is only
            announced, what its birth will begin with: each of several who begin it at once adds something of its own.
        sequence: of the last entry that is known; 0 where the stream is only announced.
        code: of that entry.
        base: the last entry that was pruned.
        key: of the stream; None once it was forgotten, so that a name does not outlive its data.
    """

    birth: str
    sequence: int = 0
    code: str = ""
    base: int = 0
    state: HeadState = "live"
    key: StreamKey | None = None


def fault_of(stream: StreamInfo, row: SealedRow | None, head: StreamHead | None) -> str:
    """What is wrong with a stream, by where it is known to have ended; empty if nothing is.

    A stream may have gone on, since its end is noted after it was written; see `has_new_entries`.
    """
    if row is None:
        lost = head is not None and head.state == "live" and head.sequence > 0
        return "it was deleted" if lost else ""
    if head is None:
        return "it was put there; the heads do not know it"
    if head.state == "gone":
        return "it was forgotten, and was put back"
    if not belongs_to(row, head):
        return "another stream of the same name was put in its place"
    if stream.head < head.sequence:
        return f"it ended at entry {head.sequence}, and now ends at {stream.head}: it was cut off, or is an older copy"
    if stream.base < head.base:
        return "entries that were pruned were put back"
    if stream.head == head.sequence and row.tip != head.code:
        return f"entry {stream.head} is not the one that was last written"
    return ""


def birth_after(head: StreamHead, own: str) -> str:
    """The birth of a stream that was announced, for one who begins it."""
    return f"{head.birth}~{own}"


def belongs_to(row: SealedRow, head: StreamHead) -> bool:
    """Whether a stream is the one whose head was noted, or was begun as it was announced."""
    return row.birth == head.birth or (not head.sequence and row.birth.startswith(f"{head.birth}~"))


def has_new_entries(stream: StreamInfo, head: StreamHead) -> bool:
    """Whether a stream has entries that are not yet noted, so that it has to be compared where it was noted last."""
    return stream.head > head.sequence


def advance_head(head: StreamHead, stream: StreamInfo, row: SealedRow) -> StreamHead:
    """The head once the stream is known to be there as it is; it never moves back."""
    if stream.head > head.sequence:
        head = replace(head, birth=row.birth, sequence=stream.head, code=row.tip)
    return replace(head, base=max(head.base, stream.base), state="live", key=stream.key)


def tombstone(head: StreamHead) -> StreamHead:
    """What remains of a stream that was forgotten."""
    return StreamHead(head.birth, state="gone")
