"""The users of a shared pool: each is one text, and has a place of its own in the store below."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.memory import OwnerSelection


def named_user(user_id: object) -> str:
    """The user as text. None is refused: callers that forget the user would all share one."""
    if user_id is None:
        raise ConfigurationError(
            "SharedMemoryPool: there is no user_id.", guidance="Give the user whose memories these are."
        )
    return str(user_id)


def place_of(user_id: str) -> MemoryOwner:
    """Where the store below keeps the records of a user: by the whole text, so that no two texts share a place."""
    return MemoryOwner(user=user_id)


def own_selection(user: str | None) -> OwnerSelection:
    """What the pool keeps in the store below, of one user or of all; what others keep there is not the pool's."""
    place = place_of("")
    return OwnerSelection(place.namespace, place.tenant, user, place.session, place.agent)


def owner_of(user_id: str) -> MemoryOwner:
    """Whose text it is: that of an agent's user, or a name that a program made up."""
    parts = [part.replace("%3A", ":").replace("%25", "%") for part in user_id.split(":")]
    for owner in _readings(parts):
        if owner.user_id == user_id:
            return owner
    return MemoryOwner(user=user_id)


def _readings(parts: list[str]) -> Iterator[MemoryOwner]:
    match parts:
        case [user]:
            yield MemoryOwner(user=user)
        case [namespace, user]:
            yield MemoryOwner(namespace, user=user)
        case [namespace, tenant, user, session, agent]:
            yield MemoryOwner(namespace, tenant, user, session, agent)
        case _:
            return


def only_user(selection: OwnerSelection) -> str | None:
    """Return the text of the single selected owner; None if several may match."""
    owner = selection.only_owner
    return None if owner is None else owner.user_id
