"""The store of large payloads, a journal store that all workers share: each is kept once for a run of an owner."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload

from lightagent.adapters.engines.temporal.codec import MissingPayload, tampered
from lightagent.domain.errors import StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun
from lightagent.ports.journals import JournalStore

KIND: Final = "flow-payload"
"""The kind of the streams of a store that hold a payload each."""

RUN: Final = "run"
NAMESPACE: Final = "namespace"
WORKFLOW: Final = "workflow"
"""The labels by which the payloads of a run are found."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The run that a payload belongs to, and where it is: several servers and applications may share a store.

    Attributes:
        workflow: the id of its workflow.
    """

    namespace: str
    workflow: str
    run: FlowRun

    def key(self, name: str) -> StreamKey:
        """The stream of a payload."""
        owner = Scope(self.run.owner.tenant, self.run.owner.user)
        return StreamKey(owner, KIND, f"{self.namespace}/{self.workflow}/{name}")


@dataclass(frozen=True, slots=True)
class LargePayloads:
    """Where large payloads are kept. Callers and workers need the same.

    A payload belongs to one run of one owner, and is named by what it holds, so that the same content is kept once.

    Attributes:
        store: of all processes that take part, such as a database.
        over: the bytes beyond which a payload is kept there.
    """

    store: JournalStore
    over: int = 100_000

    async def keep(self, holder: Holder, name: str, payload: Payload) -> None:
        """Keep a payload of a run under its name, unless it is there.

        Raises:
            StoreError: the store cannot be written.
        """
        key = holder.key(name)
        owner = key.owner
        asked = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user, session="", id=key.id, limit=1)
        if (await self.store.list(asked)).streams:
            return
        content = json.dumps(b64encode(payload.SerializeToString()).decode("ascii"))
        labels = {RUN: holder.run.run_id, NAMESPACE: holder.namespace, WORKFLOW: holder.workflow}
        try:
            await self.store.append(key, [Draft(content)], expected=0, at=time.time(), labels=labels)
        except StreamConflict:
            return  # Another worker has kept it at the same moment.

    async def find(self, holder: Holder, name: str, size: int) -> Payload:
        """The payload of a run that was kept under a name.

        Args:
            size: its bytes, for the error.

        Raises:
            MissingPayload: it is not there.
            StoreError: the store cannot be read.
        """
        found = await self.store.read(holder.key(name), limit=1)
        run = holder.run
        if not found.entries:
            raise MissingPayload(
                f"A payload of the run {run.run_id!r:.100}, of {size:,} bytes, is not in the store of large payloads.",
                guidance="Check that callers and workers have the same store (large_payloads), and that nothing was "
                "removed from it. The run goes on once the payload is there again.",
                details={"run": run.run_id, "payload": name, "size": size},
            )
        try:
            return Payload.FromString(b64decode(str(json.loads(found.entries[0].content)), validate=True))
        except (ValueError, NotBase64, DecodeError):
            raise tampered("one in the store of large payloads was changed") from None
