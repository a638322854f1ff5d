"""What every store of memories does, as tests to subclass.

    class TestMine(MemoryStoreContract):
        kind = "mine"

        def prepare(self, place: Path) -> Mapping[str, object]:
            return {"path": str(place / "mine.db")}

The adapter is reached through the registry, by its kind and options, as an application reaches it. The tests run event
loops of their own, so they need no plugin of pytest. What a store does not declare in `supports` is not asked of it.
"""

from __future__ import annotations

from lightagent.testing.contracts.memory_store.crowds import CrowdsContract
from lightagent.testing.contracts.memory_store.facts import FactsContract
from lightagent.testing.contracts.memory_store.filtering import FilteringContract
from lightagent.testing.contracts.memory_store.forgetting import ForgettingContract
from lightagent.testing.contracts.memory_store.keeping import KeepingContract
from lightagent.testing.contracts.memory_store.owners import OwnersContract


class MemoryStoreContract(
    KeepingContract, OwnersContract, FilteringContract, FactsContract, ForgettingContract, CrowdsContract
):
    """Subclass it, name the `kind`, and override `prepare` where the adapter takes options."""
