"""The connection to a server: a client for each event loop, made at the first use."""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError, TLSConfig

from lightagent.adapters.engines.temporal.faults import fault, unreachable
from lightagent.adapters.engines.temporal.large_payloads import LargePayloads
from lightagent.adapters.engines.temporal.payload_references import converter
from lightagent.adapters.engines.temporal.runtime import runtime
from lightagent.adapters.engines.temporal.trace_context import TraceContext
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ConfigurationError

_LONGEST_END: Final = 2.0
"""Seconds that the end of the process waits for threads of the SDK."""

_LAST_STEPS: Final = 0.1
"""Seconds for what those threads still give back to Python after their call; nothing tells when they have."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which server, and how it is spoken to.

    Attributes:
        tls: speak TLS; also where a file is named. With an API key it is spoken in any case.
        ca_file, cert_file, key_file: PEM files: of the authority that the server is checked against instead of the
            system's, and of the client where the server asks for its certificate.
        codec: encodes payloads, such as `EncryptingCodec`; callers and workers need the same.
        large: where large payloads are kept, so that the server has references to them; None: the server has them.
        metrics: IP:PORT where this process serves the SDK's metrics for Prometheus; empty for none.
    """

    address: str
    namespace: str
    api_key: str = ""
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    codec: PayloadCodec | None = None
    large: LargePayloads | None = None
    metrics: str = ""

    def __repr__(self) -> str:
        return f"Place({self.address!r}, {self.namespace!r})"

    @property
    def has_tls(self) -> bool:
        """Whether TLS is spoken."""
        return self.tls or bool(self.api_key or self.ca_file or self.cert_file)


class Connection:
    """Gives the running loop's client. Nothing is opened before that.

    Args:
        prefix: what the ids of workflows begin with.
    """

    def __init__(self, place: Place, prefix: str = "") -> None:
        self.place = place
        self._prefix = prefix
        self._clients = PerLoop(lambda: _Connecting(place, prefix), _forget)

    def with_metrics(self, address: str) -> Connection:
        """Another connection to the same place, whose metrics are served at IP:PORT."""
        return Connection(replace(self.place, metrics=address), self._prefix)

    async def client(self) -> Client:
        """The running loop's client.

        Raises:
            StoreError: the server does not answer.
            ConfigurationError: the server rejects the key, or a certificate file cannot be read.
        """
        return await (await self._clients.get()).client()

    async def aclose(self) -> None:
        """Forget the running loop's client, and close the store of large payloads until it is needed again."""
        await self._clients.aclose()
        if self.place.large is not None:
            await self.place.large.store.aclose()


class _Connecting:
    """A client that connects once."""

    def __init__(self, place: Place, prefix: str) -> None:
        self._place, self._prefix = place, prefix
        self._lock = asyncio.Lock()
        self._client: Client | None = None

    async def client(self) -> Client:
        async with self._lock:
            if self._client is None:
                self._client = await _connect(self._place, self._prefix)
            return self._client

    def forget(self) -> None:
        self._client = None


async def _forget(connecting: _Connecting) -> None:
    """Drop the client; the SDK closes its connection once nothing refers to it."""
    connecting.forget()


async def _connect(place: Place, prefix: str) -> Client:
    try:
        return await Client.connect(
            place.address,
            namespace=place.namespace,
            api_key=place.api_key or None,
            tls=_tls(place) if place.has_tls else False,
            data_converter=converter(place.codec, place.large, prefix),
            runtime=runtime(place.metrics),
            interceptors=[TraceContext()],
        )
    except RPCError as error:
        raise fault(error, place.address, place.namespace) from None
    except RuntimeError as error:  # The SDK raises this if no server listens there.
        raise unreachable(place.address, str(error).removeprefix("Failed client connect: ")) from None


def _tls(place: Place) -> TLSConfig:
    return TLSConfig(
        server_root_ca_cert=_pem(place.ca_file, "ca_file"),
        client_cert=_pem(place.cert_file, "cert_file"),
        client_private_key=_pem(place.key_file, "key_file"),
    )


def _pem(path: str, option: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The Temporal engine cannot read {option} {path!r:.200}: {error.strerror}.", guidance="Check the path."
        ) from None


def _let_threads_end() -> None:
    """Wait at the end of the process until no thread of the SDK's is within Python.

    Its threads tell the event loop of an answer, and the answer may be the last thing that a program waits for. One
    that is still about that when the interpreter is taken down ends the process with SIGABRT or SIGSEGV.
    """
    until = time.monotonic() + _LONGEST_END
    while time.monotonic() < until:
        time.sleep(_LAST_STEPS)
        # The only list of all threads that are within Python: `threading` knows those that Python began.
        within = sys._current_frames().keys()  # pyright: ignore[reportPrivateUsage]
        if within <= {thread.ident for thread in threading.enumerate()}:
            return


atexit.register(_let_threads_end)
