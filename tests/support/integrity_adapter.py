"""Our stores for the runner of agent-memory-integrity: its nine edits, made behind the back of a store.

The edits are made by `journal_editor`, so the attacker closes gaps, mends heads and makes checksums anew. The verdict
is that of the store: what reading and listing say, and after them a verification.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from agmi.adapters.base import MemoryAdapter, Record

from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.application.journals.verify import verify_journals
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, Entry, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.servers.postgres import PostgresServer
from tests.support.editors import EDITORS
from tests.support.journal_editor import Editor, SqliteEditor
from tests.support.postgres_editor import PostgresEditor

Protection: TypeAlias = Literal["unsealed", "sealed", "sealed, heads elsewhere"]
VICTIM: Final = StreamKey(Scope("acme", "ann"), "session", "chat")
OTHER: Final = StreamKey(Scope("acme", "bob"), "session", "chat")
MALLORY: Final = StreamKey(Scope("acme", "mallory"), "session", "chat")

INDEXED: Final = (SqliteEditor, PostgresEditor)
"""Editors of stores that keep labels a second time, to find streams by."""

ROW_EDITS: Final[dict[str, Callable[[StreamInfo], StreamInfo]]] = {
    "labels": lambda row: replace(row, labels={"status": "approved"}),
    "times": lambda row: replace(row, updated_at=946684800.0),
}
"""What the edit of metadata changes in the row; `owner`, `schema` and `index` are edits of their own."""


class JournalStoreAdapter(MemoryAdapter):
    """A journal store under the runner's edits.

    Args:
        kind: of the store that is edited.
        protection: what stands before it.
        metadata: what the eighth edit changes.
        server: that keeps it, where the kind is ``postgres``.
    """

    supports_replay = True
    supports_metadata = True
    supports_snapshot = True

    def __init__(
        self, kind: str, protection: Protection, metadata: str = "labels", server: PostgresServer | None = None
    ) -> None:
        self.name = f"lightagent {kind}, {protection}"
        self.detection_point = "read"
        self.verify_detail = None
        self._kind, self._protection, self._metadata, self._server = kind, protection, metadata, server

    def setup(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="integrity-"))
        server = self._server
        self._editor: Editor = EDITORS[self._kind](self._place / "store") if server is None else PostgresEditor(server)
        self._heads = FileHeads(self._place / "heads", fsync=False)
        self._where = VICTIM

    def teardown(self) -> None:
        if isinstance(self._editor, PostgresEditor):
            self._editor.drop()
        shutil.rmtree(self._place)

    def seed(self, n: int) -> None:
        asyncio.run(self._write(VICTIM, n))

    def seed_other(self, n: int) -> None:
        asyncio.run(self._write(OTHER, n))

    def append_genuine(self) -> None:
        asyncio.run(self._write(VICTIM, 1))

    def read_all_raw(self) -> list[Record]:
        return self._records(self._where)

    def read_other_raw(self) -> list[Record]:
        return self._records(OTHER)

    def write_raw(self, record: Record) -> None:
        raw = self._editor.take(VICTIM)
        entries = [*raw.entries]
        entry = Entry(0, record.fields["content"], record.fields["schema"], record.fields["seal"])
        entries[record.seq : record.seq + 1] = [entry]
        self._editor.put(raw.with_entries(entries))

    def delete_raw(self, seq: int) -> None:
        raw = self._editor.take(VICTIM)
        if seq == len(raw.entries) - 1:
            self._editor.cut_tail(VICTIM)
        else:
            self._editor.put(raw.with_entries([*raw.entries[:seq], *raw.entries[seq + 1 :]]))

    def replay_onto(self, victim_seq: int, donor: Record) -> None:
        self.write_raw(Record(victim_seq, donor.fields))

    def read_meta(self, seq: int) -> dict[str, object]:
        raw = self._editor.take(self._where)
        indexed = self._editor.indexed(self._where) if isinstance(self._editor, INDEXED) else raw.info.labels
        return {
            "owner": self._where.owner.user,
            "labels": raw.info.labels,
            "updated_at": raw.info.updated_at,
            "schema": raw.entries[seq].schema,
            "indexed": indexed,
        }

    def write_meta(self, seq: int, meta: dict[str, object]) -> None:
        raw = self._editor.take(VICTIM)
        if self._metadata == "owner":
            self._editor.move(VICTIM, MALLORY)
            self._where = MALLORY
        elif self._metadata == "schema":
            entries = [*raw.entries]
            entries[seq] = replace(entries[seq], schema=entries[seq].schema + 1)
            self._editor.put(raw.with_entries(entries))
        elif self._metadata == "index":
            assert isinstance(self._editor, INDEXED)
            self._editor.cut_index(VICTIM)
        else:
            self._editor.put(replace(raw, info=ROW_EDITS[self._metadata](raw.info)))

    def mutate_payload(self, record: Record) -> Record:
        return Record(record.seq, {**record.fields, "content": '"Ann wants everything to be paid to Mallory."'})

    def identity_of(self, record: Record) -> str:
        return f"{record.fields['owner']} {record.seq}"

    def payload_of(self, record: Record) -> str:
        return str(record.fields["content"])

    def owner_of(self, record: Record) -> str:
        return str(record.fields["owner"])

    def snapshot_store(self) -> object:
        return self._editor.copy()

    def restore_store(self, token: object) -> None:
        self._editor.restore(token)

    def reload(self) -> None:
        """Each verdict is that of a store that was just opened."""

    def verify(self) -> bool:
        return asyncio.run(self._verdict())

    def _records(self, key: StreamKey) -> list[Record]:
        # The owner is the victim's also where the stream was moved: the runner looks for the record at its old place.
        owner = VICTIM.owner.user if key == MALLORY else key.owner.user
        return [
            Record(place, {"owner": owner, "content": one.content, "schema": one.schema, "seal": one.seal})
            for place, one in enumerate(self._editor.take(key).entries)
        ]

    def _open(self) -> JournalStore:
        store = self._editor.open()
        if self._protection == "unsealed":
            return store
        heads = self._heads if self._protection == "sealed, heads elsewhere" else None
        return SealedJournalStore(store, seal_keys("integrity", {"first": "k" * 32}), heads, patience=0)

    async def _write(self, key: StreamKey, count: int) -> None:
        store = self._open()
        head = (await store.read(key)).stream.head
        for turn in range(head, head + count):
            content = f'"{key.owner.user} said {turn}"'
            await store.append(key, [Draft(content)], expected=turn, at=turn + 1.0, labels={"status": "waiting"})
        await store.aclose()

    async def _verdict(self) -> bool:
        self.verify_detail, store = None, self._open()
        try:
            self.detection_point = "read"
            self.verify_detail = await self._refusal(store)
            if self.verify_detail is None:
                self.detection_point = "audit"
                faults = [f"{fault.key}: {fault.text}" async for fault in verify_journals(store)]
                self.verify_detail = " ".join(faults) or None
        finally:
            await store.aclose()
        return self.verify_detail is None

    async def _refusal(self, store: JournalStore) -> str | None:
        """What a service that reads the stream, and lists what it has to do, is told."""
        try:
            await store.read(self._where)
        except StoreError as error:
            return str(error)
        return " ".join((await store.list(StreamQuery(kind="session"))).unreadable) or None
