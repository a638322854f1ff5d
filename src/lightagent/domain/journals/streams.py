"""What a journal store keeps: streams of entries that are only ever appended to.

A run, a conversation, a waiting review and a workflow are streams of one store, told apart by their kind. The owner is
part of a stream's key, so the same id of another owner is another stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Final

from lightagent.domain.errors import ConfigurationError, Fenced, LeaseHeld, StreamConflict
from lightagent.domain.scopes import Scope

MOST_LISTED: Final = 1000
"""The most streams of one page, and the most entries of one slice."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Names a stream. Each part is any text, and no two keys ever stand for the same stream.

    Attributes:
        owner: whose stream it is.
        kind: what it is, such as ``run`` or ``session``.
        id: its name among those of its kind and owner.
    """

    owner: Scope
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be appended.

    Attributes:
        content: JSON text without line breaks; a store gives it back byte for byte.
        schema: the version of the content's format.
        seal: what a sealing store adds; empty without one.
    """

    content: str
    schema: int = 1
    seal: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a stream. Sequences are 1, 2, 3 and so on, without gaps; see `Draft` for the rest."""

    sequence: int
    content: str
    schema: int = 1
    seal: str = ""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream without reading its entries. A stream that does not exist has `head` 0.

    Attributes:
        head: the sequence of the last entry.
        base: the sequence of the last entry that was pruned from the front; 0 if none was.
        labels: what it is found by; they change only with an append.
        created_at, updated_at: seconds since 1970 in UTC, as told with the first and the last append.
        size: bytes of content, in the form in which it is kept.
        seal: what a sealing store adds.
        holder: who holds the lease, as they named themselves; empty where it is not held.
        lease_left: seconds until the lease ends, by the clock of the store; 0 where it is not held.
    """

    key: StreamKey
    head: int = 0
    base: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: float = 0.0
    updated_at: float = 0.0
    size: int = 0
    seal: str = ""
    holder: str = ""
    lease_left: float = 0.0

    def after(self, drafts: Sequence[Draft], labels: Mapping[str, str] | None, at: float, seal: str) -> StreamInfo:
        """What is known once these are appended; see `JournalStore.append`. Nothing of the lease."""
        return StreamInfo(
            self.key,
            self.head + len(drafts),
            self.base,
            self.labels if labels is None else dict(labels),
            self.created_at if self.head else at,
            at,
            self.size + sum([size_of(draft.content) for draft in drafts]),
            seal,
        )


def size_of(content: str) -> int:
    """How many bytes a content has."""
    return len(content) if content.isascii() else len(content.encode())


@dataclass(frozen=True, slots=True)
class Slice:
    """Some entries of a stream and what is known of it, both as of one moment."""

    stream: StreamInfo
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamQuery:
    """Which streams to list: those that match all that is given, exactly. None and no labels match any.

    Attributes:
        updated_before, updated_after: bounds of `StreamInfo.updated_at`; the bound itself is not included.
        limit: the most streams of one page, up to `MOST_LISTED`.
        cursor: where the page begins: `StreamPage.next` of the page before.
    """

    kind: str | None = None
    tenant: str | None = None
    user: str | None = None
    session: str | None = None
    id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    updated_before: float | None = None
    updated_after: float | None = None
    limit: int = 100
    cursor: str = ""

    @property
    def only(self) -> StreamKey | None:
        """The key of the only stream that can match, where every part of a key is given."""
        given = [part for part in (self.tenant, self.user, self.session, self.kind, self.id) if part is not None]
        if len(given) < 5:
            return None
        tenant, user, session, kind, id_ = given
        return StreamKey(Scope(tenant, user, session), kind, id_)

    def matches(self, stream: StreamInfo) -> bool:
        """Whether a stream is one of those asked for."""
        owner = stream.key.owner
        wanted = (self.kind, self.tenant, self.user, self.session, self.id)
        found = (stream.key.kind, owner.tenant, owner.user, owner.session, stream.key.id)
        if any(want is not None and want != have for want, have in zip(wanted, found, strict=True)):
            return False
        if self.updated_before is not None and stream.updated_at >= self.updated_before:
            return False
        if self.updated_after is not None and stream.updated_at <= self.updated_after:
            return False
        return all(stream.labels.get(name) == value for name, value in self.labels.items())


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Streams in the order of their creation, the newest first, so that none moves between pages.

    Attributes:
        next: the cursor of the next page; empty if this is the last one.
        unreadable: what could not be read of the streams asked for, a sentence each. The others are listed all the
            same; where this is not empty the listing may be incomplete.
    """

    streams: tuple[StreamInfo, ...]
    next: str = ""
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to append to a stream, for a while.

    Attributes:
        token: to be shown at each append; a store never gives the same one twice, and later ones are greater.
        seconds: how long it lasts unless it is renewed.
    """

    token: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreNote:
    """What an operator should know of a store.

    Attributes:
        text: a sentence.
        advice: what to do; empty where nothing is wrong.
    """

    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who may append to a stream, as a store remembers it.

    Attributes:
        token: the last one that was given; 0 once it was released.
        until: the moment at which the lease ends, by the clock of the store.
    """

    token: int = 0
    holder: str = ""
    until: float = 0.0

    def remaining(self, now: float) -> float:
        """Seconds that the lease still lasts; 0 where it is not held."""
        return max(self.until - now, 0.0) if self.token else 0.0


NO_HOLD: Final = Hold()


def check_append(
    stream: StreamInfo, hold: Hold, now: float, expected: int, token: int | None, seal: str | None
) -> None:
    """Decide whether an append may go ahead. The clock decides only who may try; that none is lost hangs on the token.

    Raises:
        Fenced: `token` is not the last one that was issued, or it is missing while the lease is held.
        StreamConflict: the stream does not end where the writer believes, or bears another seal.
    """
    if token is not None and token != hold.token:
        raise Fenced(token)
    if token is None and hold.remaining(now) > 0:
        raise Fenced(None)
    check_end(stream, expected, seal)


def check_end(stream: StreamInfo, expected: int | None, seal: str | None) -> None:
    """Decide whether a stream is still what a writer believes; None believes anything.

    Raises:
        StreamConflict: it ends elsewhere, or bears another seal.
    """
    if (expected is not None and expected != stream.head) or (seal is not None and seal != stream.seal):
        raise StreamConflict(stream.head if expected is None else expected, stream.head)


def check_lease(hold: Hold, now: float, seconds: float, token: int | None) -> None:
    """Decide whether a lease may be given, renewed or released.

    Raises:
        Fenced: `token` is not the last one that was given.
        LeaseHeld: another writer holds the lease.
        ConfigurationError: a new lease of no length.
    """
    if token is not None and token != hold.token:
        raise Fenced(token)
    if token is None and (left := hold.remaining(now)) > 0:
        raise LeaseHeld(hold.holder, left)
    if isnan(seconds) or (token is None and seconds <= 0):
        raise ConfigurationError("A lease lasts a number of seconds above 0.", guidance="")


def belongs(owner: Scope, subject: Scope) -> bool:
    """Whether what `owner` has is forgotten with `subject`: the whole tenant, or one user, or one session of theirs.

    Without a tenant only what has none is meant, so that no tenant's user is taken for another's of the same name.
    """
    if owner.tenant != subject.tenant:
        return False
    return subject.user in ("", owner.user) and subject.session in ("", owner.session)
