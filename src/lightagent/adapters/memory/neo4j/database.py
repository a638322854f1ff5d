"""Transactions on the server: a driver for each event loop, its own trying again, and errors as ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, LiteralString, TypeAlias, TypeVar

from neo4j import AsyncDriver, AsyncGraphDatabase, AsyncManagedTransaction, AsyncSession, Record, unit_of_work
from neo4j.exceptions import DriverError, Neo4jError

from lightagent.adapters.memory.neo4j.address import Address, Limits
from lightagent.adapters.memory.neo4j.faults import fault_of
from lightagent.aiokits.per_loop import PerLoop

ResultT = TypeVar("ResultT")
Work: TypeAlias = Callable[[AsyncManagedTransaction], Awaitable[ResultT]]
"""What is done in one transaction; it is done again where that was lost, so it changes nothing else."""

_USER_AGENT: Final = "lightagent"


class Database:
    """Where transactions are carried out, from any event loop.

    Args:
        address: of the server.
        limits: of each event loop.
    """

    def __init__(self, address: Address, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._drivers = PerLoop(partial(_driver, address, limits), _close)

    async def write(self, work: Work[ResultT]) -> ResultT:
        """Carry out what changes something; it is durable when this returns."""
        return await self._run(lambda session: session.execute_write(self._bounded(work)))

    async def read(self, work: Work[ResultT]) -> ResultT:
        """Carry out what changes nothing."""
        return await self._run(lambda session: session.execute_read(self._bounded(work)))

    async def aclose(self) -> None:
        """Close what the running loop has open."""
        await self._drivers.aclose()

    def _bounded(self, work: Work[ResultT]) -> Work[ResultT]:
        @unit_of_work(timeout=self._limits.statement_timeout)
        async def bounded(transaction: AsyncManagedTransaction) -> ResultT:
            return await work(transaction)

        return bounded

    async def _run(self, use: Callable[[AsyncSession], Awaitable[ResultT]]) -> ResultT:
        driver = await self._drivers.get()
        try:
            # The server gives a statement up in its time, unless it hangs itself; the driver would wait for ever.
            async with (
                asyncio.timeout(self._limits.longest),
                driver.session(database=self._address.database) as session,
            ):
                return await use(session)
        except (DriverError, Neo4jError, TimeoutError) as exc:
            raise fault_of(exc, self._address) from exc


def _driver(address: Address, limits: Limits) -> AsyncDriver:
    auth = None if address.user is None or address.password is None else (address.user, address.password)
    return AsyncGraphDatabase.driver(
        address.url,
        auth=auth,
        max_connection_pool_size=limits.connections,
        connection_timeout=limits.connection_timeout,
        connection_acquisition_timeout=limits.connection_timeout,
        max_transaction_retry_time=limits.connection_timeout,
        notifications_min_severity="OFF",
        telemetry_disabled=True,
        user_agent=_USER_AGENT,
    )


async def _close(driver: AsyncDriver) -> None:
    await driver.close()


async def rows(transaction: AsyncManagedTransaction, query: LiteralString, **parameters: object) -> list[Record]:
    """What a statement gives, all of it; nothing from outside is ever part of its text."""
    result = await transaction.run(query, parameters)
    return [record async for record in result]
