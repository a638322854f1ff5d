"""The connections of one server: one for all, or one for each conversation, run or user, in a bounded number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from lightagent.adapters.mcp.sdk.seat import Seat
from lightagent.domain.mcp.faults import McpUnavailable
from lightagent.domain.mcp.servers import McpServer
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.ports.mcp import McpCaller

MOST_SEATS: Final = 32

Key: TypeAlias = tuple[str, ...]


class Pool:
    """Serves any number of threads at once.

    Args:
        per_user: whether each user has a connection of its own, in every scope of the server.
        make: makes the seat of those for whom it is.
    """

    def __init__(self, server: McpServer, *, per_user: bool, make: Callable[[Scope], Seat]) -> None:
        self._server = server
        self._per_user = per_user
        self._make = make
        self._lock = threading.Lock()
        self._seats: OrderedDict[Key, Seat] = OrderedDict()

    def seat(self, caller: McpCaller) -> tuple[Seat, Seat | None]:
        """The seat of a caller, and one that had to give way to it and is to be closed.

        Raises:
            McpUnavailable: there are as many as there may be, and all are in use.
        """
        key = self._key(caller)
        with self._lock:
            seat = self._seats.get(key)
            if seat is not None:
                self._seats.move_to_end(key)
                return seat, None
            gone = self._make_room()
            seat = self._seats[key] = self._make(caller.scope if key else NO_SCOPE)
            return seat, gone

    def take_all(self) -> list[Seat]:
        """Remove all seats from the pool and return them."""
        with self._lock:
            seats = list(self._seats.values())
            self._seats.clear()
            return seats

    def _key(self, caller: McpCaller) -> Key:
        scope = caller.scope
        user = (scope.tenant, scope.user)
        match self._server.scope:
            case "run":
                return (*user, "run", caller.run_id)
            case "session":
                return (*user, "session", scope.session)
            case "app":
                return user if self._per_user else ()

    def _make_room(self) -> Seat | None:
        if len(self._seats) < MOST_SEATS:
            return None
        for key, seat in self._seats.items():  # The one that was not used for longest comes first.
            if not seat.busy:
                del self._seats[key]
                return seat
        raise McpUnavailable(
            self._server.name, f"all {MOST_SEATS} of its connections are in use.", "Try again when fewer runs use it."
        )
