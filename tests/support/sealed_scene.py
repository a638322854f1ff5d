"""A sealed store with two streams, and whoever edits it behind its back."""

from dataclasses import dataclass
from pathlib import Path

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore, StoreHeads
from lightagent.application.journals.verify import JournalFault, verify_journals
from lightagent.domain.errors import TamperedStream
from lightagent.domain.journals.seals import SealKeys, seal_keys
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from tests.support.editors import EDITORS
from tests.support.journal_editor import Editor

ANN, BOB = Scope("acme", "ann"), Scope("acme", "bob")
CHAT, OTHER = StreamKey(ANN, "session", "chat"), StreamKey(BOB, "session", "chat")
KEYS = seal_keys("shop", {"spring": "s" * 32})


@dataclass
class Scene:
    """A sealed store with two streams of four entries, and whoever edits it behind its back."""

    editor: Editor
    heads: JournalHeads | None
    keys: SealKeys = KEYS

    def store(self, keys: SealKeys | None = None, *, heads: bool = True) -> SealedJournalStore:
        """The store as a process that begins would open it."""
        kept = self.heads if heads else None
        return SealedJournalStore(self.editor.open(), keys or self.keys, kept, patience=0)

    async def fill(self) -> None:
        store = self.store()
        for key in (CHAT, OTHER):
            for turn in range(4):
                labels = {"status": "waiting", "turn": str(turn)}
                draft = Draft(f'"{key.owner.user} {turn}"', seal="outer")
                await store.append(key, [draft], expected=turn, at=turn + 1.0, labels=labels, seal="row")
        await store.aclose()

    async def append(self, content: str, expected: int, key: StreamKey = CHAT, *, heads: bool = True) -> None:
        """The service goes on, having read nothing."""
        store = self.store(heads=heads)
        try:
            await store.append(key, [Draft(content)], expected=expected, at=9.0)
        finally:
            await store.aclose()

    async def forget(self, key: StreamKey, before: int | None = None) -> None:
        store = self.store()
        await store.forget(key, before=before)
        await store.aclose()

    async def faults(self, key: StreamKey = CHAT) -> tuple[str, str, list[JournalFault]]:
        """What reading says, what a listing says, and what a verification says."""
        store = self.store()
        try:
            try:
                await store.read(key)
                refused = ""
            except TamperedStream as error:
                refused = str(error)
            unreadable = (await store.list(StreamQuery())).unreadable
            return refused, " ".join(unreadable), [fault async for fault in verify_journals(store)]
        finally:
            await store.aclose()


def scene_of(name: str, place: Path) -> Scene:
    editor = EDITORS[name.partition(",")[0]](place / "store")
    if name.endswith("heads in files"):
        return Scene(editor, FileHeads(place / "heads", fsync=False))
    return Scene(editor, StoreHeads(MemoryJournalStore(), "shop") if name.endswith("heads in a store") else None)
