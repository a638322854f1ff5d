"""The connections: a pool for each event loop, the first contact, and trying again.

Whether a connection still works is not checked before it is used, which would double the cost of every append and leave
a gap all the same. It is used, and where it turns out to be lost the work is done again on another; so all work knows
again what it has done already.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lightagent.adapters.journals.postgres.address import Address
from lightagent.adapters.journals.postgres.faults import connecting_failed, passes, statement_failed
from lightagent.adapters.journals.postgres.limits import Limits
from lightagent.adapters.journals.postgres.reading import heads_of
from lightagent.adapters.journals.postgres.session import Session
from lightagent.adapters.journals.postgres.tables import prepare_tables
from lightagent.adapters.journals.postgres.watching import Watch
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError

T = TypeVar("T")

_PREPARE_AFTER: Final = 3
"""Uses of a statement on one connection before it is prepared there."""
_LONGEST_PAUSE: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Client:
    """What belongs to one event loop."""

    pool: AsyncConnectionPool[AsyncConnection[TupleRow]]
    watch: Watch = field(default_factory=Watch)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class Database:
    """Carries out work on a connection of the running loop's pool.

    Raises:
        ConfigurationError: libpq cannot read the URL.
    """

    def __init__(self, address: Address, schema: str, limits: Limits) -> None:
        self._address = address
        self._schema = schema
        self._limits = limits
        self._conninfo = _conninfo(address, limits)
        self._clients = PerLoop(partial(_make_client, self._conninfo, limits), _close_client)
        self._prepared = False

    async def _client(self) -> _Client:
        """The running loop's pool and watch; at the first contact with the server its tables are made.

        Raises:
            StoreError, ConfigurationError: there is no such contact.
        """
        client = await self._clients.get()
        if self._prepared and not client.pool.closed:
            return client
        async with client.opening:
            if not self._prepared:
                await self._first_contact()
            if client.pool.closed:
                await client.pool.open()
        return client

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What `work` returns. It is done again where the connection was lost meanwhile.

        Raises:
            StoreError, ConfigurationError: the server cannot be reached, or refuses.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._limits.connection_timeout, 0.0
        while True:
            try:
                client = await self._client()
                async with client.pool.connection() as connection:
                    return await work(Session(connection, self._schema))
            except PoolTimeout as exc:
                raise await self._why_none_is_free() from exc
            except psycopg.Error as exc:
                if not passes(exc) or loop.time() >= deadline:
                    raise statement_failed(exc, self._address) from exc
            await asyncio.sleep(pause)
            pause = min(2 * pause or 0.01, _LONGEST_PAUSE)

    async def wait(self, digest: bytes, above: int, seconds: float) -> None:
        """Return once the stream with this digest has a sequence above `above`, or after `seconds`."""
        watch = (await self._clients.get()).watch
        # The watch keeps no reference to this object: a forgotten store would never be closed.
        await watch.wait(digest, above, seconds, lambda all_of: self.run(partial(heads_of, digests=all_of)))

    async def aclose(self) -> None:
        """Close the running loop's connections; a later call opens new ones and looks after the tables again."""
        self._prepared = False
        await self._clients.aclose()

    async def _first_contact(self) -> None:
        connection = await self._connect()
        try:
            await prepare_tables(Session(connection, self._schema))
        finally:
            await connection.close()
        self._prepared = True

    async def _connect(self) -> AsyncConnection[TupleRow]:
        """A connection outside of the pool, since a pool keeps to itself why it has none."""
        try:
            return await AsyncConnection.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        except psycopg.Error as exc:
            raise connecting_failed(exc, self._address) from exc

    async def _why_none_is_free(self) -> LightAgentError:
        try:
            connection = await self._connect()
        except LightAgentError as error:
            return error
        await connection.close()
        limits = self._limits
        return StoreError(
            f"All {limits.connections} connections to PostgreSQL at {self._address} were in use for "
            f"{limits.connection_timeout:g} s.",
            guidance="Raise connections, or see in pg_stat_activity what they wait for.",
            retryable=True,
        )


def _make_client(conninfo: str, limits: Limits) -> _Client:
    return _Client(
        AsyncConnectionPool(
            conninfo,
            kwargs={
                "autocommit": True,
                "prepare_threshold": _PREPARE_AFTER if limits.prepared_statements else None,
            },
            min_size=1,
            max_size=limits.connections,
            timeout=limits.connection_timeout,
            open=False,
        )
    )


async def _close_client(client: _Client) -> None:
    await client.watch.aclose()
    await client.pool.close()


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
