"""Where work is carried out: connections for each event loop, the first contact, and trying again.

Whether a connection still works is not checked before it is used, which would double the cost of every append and leave
a gap all the same. It is used, and where it turns out to be lost the work is done again on another; so all work knows
again what it has done already.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8Dumper

from lightagent.adapters._postgres.address import Address
from lightagent.adapters._postgres.connections import AllInUse, Connections
from lightagent.adapters._postgres.faults import NoConnection, connecting_failed, passes, statement_failed
from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters._postgres.session import Session
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ConfigurationError, StoreError

T = TypeVar("T")

_PREPARE_AFTER: Final = 3
"""Uses of a statement on one connection before it is prepared there."""
_LONGEST_PAUSE: Final = 0.25


class Database:
    """Carries out work on a connection of the running loop.

    Args:
        prepare: makes the tables, or looks whether they are what they should be, before the first work.

    Raises:
        ConfigurationError: libpq cannot read the URL.
    """

    def __init__(
        self, address: Address, schema: str, limits: Limits, prepare: Callable[[Session], Awaitable[None]]
    ) -> None:
        self._address = address
        self._schema = schema
        self._limits = limits
        self._prepare = prepare
        connect = partial(_connect, _conninfo(address, limits), address, limits)
        self._clients = PerLoop(lambda: Connections(connect, limits.connections), Connections.aclose)
        self._prepared = False

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What `work` returns. It is done again where the connection was lost meanwhile.

        Raises:
            StoreError, ConfigurationError: the server cannot be reached, or refuses.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._limits.connection_timeout, 0.0
        while True:
            try:
                return await self._run_once(work)
            except NoConnection as failed:
                # Who has never been reached is not waited for: the address may be wrong.
                again = failed.soon or (self._prepared and failed.told.retryable)
                if not again or loop.time() >= deadline:
                    raise failed.told from failed.__cause__
            except psycopg.Error as exc:
                if not passes(exc) or loop.time() >= deadline:
                    raise statement_failed(exc, self._address) from exc
            await asyncio.sleep(pause)
            pause = min(2 * pause or 0.01, _LONGEST_PAUSE)

    async def aclose(self) -> None:
        """Close the running loop's connections; a later call opens new ones and looks after the tables again."""
        self._prepared = False
        await self._clients.aclose()

    async def _run_once(self, work: Callable[[Session], Awaitable[T]]) -> T:
        connections = await self._clients.get()
        if not self._prepared:
            await self._on_a_connection(connections, self._prepare)
            self._prepared = True
        return await self._on_a_connection(connections, work)

    async def _on_a_connection(self, connections: Connections, work: Callable[[Session], Awaitable[T]]) -> T:
        patience = self._limits.connection_timeout
        try:
            async with connections.one(patience) as connection:
                return await work(Session(connection, self._schema))
        except AllInUse:
            raise StoreError(
                f"All {self._limits.connections} connections to PostgreSQL at {self._address} were in use for "
                f"{patience:g} s.",
                guidance="Raise connections, or see in pg_stat_activity what they wait for.",
                retryable=True,
            ) from None


async def _connect(conninfo: str, address: Address, limits: Limits) -> AsyncConnection[TupleRow]:
    prepare_after = _PREPARE_AFTER if limits.prepared_statements else None
    try:
        connection = await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=prepare_after)
    except psycopg.Error as exc:
        raise connecting_failed(exc, address) from exc
    # The type would otherwise depend on how large a number is, and each combination be prepared as another statement.
    connection.adapters.register_dumper(int, Int8Dumper)
    return connection


def _conninfo(address: Address, limits: Limits) -> str:
    """The URL with what it leaves open: a server that has vanished is noticed, and no statement lasts for ever."""
    try:
        given = conninfo_to_dict(address.url)
    except psycopg.Error:  # Its text may quote a part of the password.
        raise ConfigurationError(
            "libpq cannot read the URL of the PostgreSQL server.",
            guidance="Write special characters in user and password as %40 and the like, and check the parameters.",
        ) from None
    defaults: dict[str, str | int | None] = {
        "fallback_application_name": "lightagent",
        "connect_timeout": max(2, math.ceil(limits.connection_timeout)),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": math.ceil(1000 * (limits.connection_timeout + limits.statement_timeout)),
    }
    fixed: dict[str, str | int | None] = {"client_encoding": "utf8"}
    if limits.prepared_statements:  # A transaction pooler takes no settings of the session.
        others = given.get("options") or os.environ.get("PGOPTIONS", "")
        fixed["options"] = f"-c statement_timeout={math.ceil(1000 * limits.statement_timeout)} {others}".rstrip()
    return make_conninfo("", **{**defaults, **given, **fixed})
