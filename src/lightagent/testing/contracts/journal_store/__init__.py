"""What every journal store does, as tests to subclass.

    class TestMine(JournalStoreContract):
        kind = "mine"

        def prepare(self, place: Path) -> Mapping[str, object]:
            return {"path": str(place / "mine.db")}

The adapter is reached through the registry, by its kind and options, as an application reaches it. The tests run event
loops of their own, so they need no plugin of pytest.
"""

from __future__ import annotations

from lightagent.testing.contracts.journal_store.listings import ListingsContract
from lightagent.testing.contracts.journal_store.streams import StreamsContract
from lightagent.testing.contracts.journal_store.writers import WritersContract


class JournalStoreContract(StreamsContract, ListingsContract, WritersContract):
    """Subclass it, name the `kind`, and override `prepare` where the adapter takes options."""
