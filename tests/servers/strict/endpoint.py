"""The strict server: it judges each request by the rules of the provider in its path, and answers as it is told.

async with strict_server(director) as server:
    model = OpenAIChatModel(…, base_url=server.base_url("mistral"))
    …
assert not server.refusals
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.servers.fault_connection import Connection, RawRequest
from tests.servers.fault_delivery import deliver
from tests.servers.fault_options import Options
from tests.servers.fault_records import RecordedConnection
from tests.servers.fault_wire import json_reply
from tests.servers.strict.answers import Said, answer
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import PROVIDERS
from tests.servers.strict.request import MalformedRequest, Request, read_request
from tests.servers.strict.rules import Complaint, first_complaint

Director: TypeAlias = Callable[[Provider, Request], Said]
"""Says what the model answers to a sound request."""


@dataclass(frozen=True)
class Refusal:
    """A request that broke a rule."""

    provider: str
    complaint: Complaint
    body: bytes

    def __str__(self) -> str:
        return f"{self.provider} refuses ({self.complaint.rule}): {self.complaint.text}"


@dataclass
class StrictServer:
    """The providers' endpoints at one port; `requests` counts what came, `refusals` tells what was wrong."""

    director: Director
    port: int = 0
    requests: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def base_url(self, provider: str) -> str:
        return f"http://127.0.0.1:{self.port}/{provider}/v1"

    def accept(self) -> Connection:
        connection = Connection(RecordedConnection(len(self.connections)), self._answer, self.failures.append)
        self.connections.append(connection)
        return connection

    async def _answer(self, connection: Connection, raw: RawRequest) -> None:
        self.requests += 1
        provider = PROVIDERS[raw.path.split("/")[1]]
        judged = judge(provider, raw.body)
        if isinstance(judged, Complaint):
            self.refusals.append(Refusal(provider.name, judged, raw.body))
            await deliver(connection, json_reply(provider.error(judged.text), 400), Options({}))
            return
        reply, delivery = answer(self.director(provider, judged), provider, judged)
        await deliver(connection, reply, delivery)


def judge(provider: Provider, body: bytes) -> Request | Complaint:
    """The request in a body, or what the provider complains of."""
    try:
        request = read_request(body)
    except MalformedRequest as error:
        return Complaint("shape", str(error))
    return first_complaint(provider.rules, request) or request


@asynccontextmanager
async def strict_server(director: Director) -> AsyncIterator[StrictServer]:
    """The server in the running event loop; at the end, fail if it failed itself."""
    server = StrictServer(director)
    listening = await asyncio.get_running_loop().create_server(server.accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for connection in server.connections:
            connection.transport.close()
    assert not server.failures, server.failures
