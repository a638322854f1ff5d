"""Runs of flows on Temporal: one workflow for each run, carried out by any number of workers on any number of machines.

Read in this order: `orders` (what passes between the parts), `review_deadlines` and `run_loop` (the flow's machine,
folded in a workflow), `failures`, `machine`, `move_keys` and `late_decisions` (what it is folded with), `workflow`
(what Temporal calls), `activity` (a worker carries out a move), `recording` and `event_pages` (what it tells and asks
meanwhile), `worker`; `connection`, `runtime`, `trace_context`, `trace_headers` and `faults` (the server),
`payload_keys`, `codec` and `codec_server` (what encrypts), `large_payloads`, `payload_references` and
`payload_pruning`, `sizes`, `starting`, `runs`, `stuck` and `attributes` (runs as the server has them), and `engine`,
which is the port. The SDK is imported by those who open the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.engines.temporal.default_times import HEARTBEAT, LONGEST, PATIENCE
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.registry import Adapter, open_nested, outlives_process
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from lightagent.adapters.engines.temporal.codec import EncryptingCodec
    from lightagent.adapters.engines.temporal.engine import TemporalEngine
    from lightagent.adapters.engines.temporal.large_payloads import LargePayloads

EXTRA: Final = "temporal"


class EncryptionOptions(BaseModel):
    """The option `encryption`: the keys with which payloads are encrypted before they are sent to the server."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    keys: dict[str, SecretStr] = Field(min_length=1, description="secrets by key id, each at least 32 random bytes")
    current: str = Field(default="", description="the id of the key that encrypts; required if there are several")
    tenants: dict[str, str] = Field(
        default_factory=dict, description="by tenant: the id of the key used instead of `current`"
    )
    takes_plain: bool = Field(
        default=False, description="also read unencrypted payloads, such as those of runs that are older than the keys"
    )
    server_key: SecretStr = Field(
        default=SecretStr(""), description="the secret that clients of the codec server send, at least 16 characters"
    )
    origins: list[str] = Field(
        default_factory=list, description="the origins of the web interfaces that may call the codec server"
    )

    def codec(self, prefix: str) -> EncryptingCodec:
        """Return the codec of an engine whose workflow ids begin with the prefix.

        Raises:
            ConfigurationError: the keys are invalid.
            MissingExtraError: cryptography is not installed.
        """
        from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher

        secrets = {name: secret.get_secret_value() for name, secret in self.keys.items()}
        keys = payload_keys(secrets, self.current, self.tenants)
        return EncryptingCodec(PayloadCipher(keys), prefix, takes_plain=self.takes_plain)


class LargePayloadOptions(BaseModel):
    """The option `large_payloads`: the store of large payloads. The Temporal server gets only references to them."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    # The options of the store may hold secrets, of which only that store knows.
    store: JsonObject = Field(
        repr=False, description="the journal store that all callers and workers share: its kind and its options"
    )
    over: int = Field(
        default=100_000, ge=10_000, le=1_800_000, description="the largest payload that is sent to the server, in bytes"
    )

    def open(self) -> LargePayloads:
        """Open the store.

        Raises:
            ConfigurationError: its kind is unknown, is not a journal store, or loses its content with its process.
        """
        from lightagent.adapters.engines.temporal.large_payloads import LargePayloads

        at = "flow.engine.large_payloads.store"
        store = open_nested("journals", self.store, at=at, example="postgres")
        if not isinstance(store, JournalStore):
            raise ConfigurationError(
                f"{at}.kind: {self.store['kind']!r} opened a {type(store).__name__}, which is not a JournalStore."
            )
        if not outlives_process(self.store):
            raise ConfigurationError(
                f"{at}: workers and callers in other processes do not see this store.",
                guidance="Choose one that they share, such as postgres; on one machine sqlite or files will do.",
            )
        return LargePayloads(store, self.over)


class TemporalOptions(BaseModel):
    """Options of the kind `temporal`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    address: str = Field(default="localhost:7233", description="the address of the server: HOST:PORT")
    namespace: str = Field(default="default", description="the namespace, which must exist")
    task_queue: str = Field(
        default="lightagent",
        min_length=1,
        description="the beginning of the names of all task queues; a slash and the flow's name follow",
    )
    tenant_queues: dict[str, str] = Field(
        default_factory=dict,
        description="by tenant: the beginning used instead of `task_queue`, for tenants with workers of their own",
    )
    prefix: str = Field(
        default="",
        pattern=r"^[^'\"\\]*$",
        description="the beginning of the ids of workflows, for applications that share a namespace",
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="the API key for the server; it implies TLS")
    tls: bool = Field(default=False, description="connect with TLS")
    ca_file: str = Field(default="", description="PEM file of the authority that signed the server's certificate")
    cert_file: str = Field(default="", description="PEM file of this client's certificate")
    key_file: str = Field(default="", description="PEM file of that certificate's key")
    heartbeat: float = Field(
        default=HEARTBEAT, ge=5, le=3600, description="seconds without a heartbeat after which a worker counts as dead"
    )
    longest: float = Field(default=LONGEST, gt=0, description="the time limit of steps without their own, in seconds")
    patience: float = Field(default=PATIENCE, ge=0, description="seconds to wait for a worker before a run starts")
    make_attributes: bool = Field(
        default=True, description="let workers create the search attributes that the namespace lacks"
    )
    encryption: EncryptionOptions | None = Field(
        default=None, description="the keys that encrypt payloads before they are sent to the server"
    )
    large_payloads: LargePayloadOptions | None = Field(
        default=None, description="the store of large payloads; the server gets only references to them"
    )


def _open(options: TemporalOptions) -> TemporalEngine:
    from lightagent.adapters.engines.temporal.connection import Place
    from lightagent.adapters.engines.temporal.engine import TemporalEngine

    place = Place(
        options.address,
        options.namespace,
        options.api_key.get_secret_value(),
        options.tls,
        options.ca_file,
        options.cert_file,
        options.key_file,
        None if options.encryption is None else options.encryption.codec(options.prefix),
        None if options.large_payloads is None else options.large_payloads.open(),
    )
    return TemporalEngine(
        place,
        task_queue=options.task_queue,
        tenant_queues=options.tenant_queues,
        prefix=options.prefix,
        heartbeat=options.heartbeat,
        longest=options.longest,
        patience=options.patience,
        make_attributes=options.make_attributes,
    )


ADAPTER = Adapter(TemporalOptions, _open, requires=("temporalio",), extra=EXTRA)
