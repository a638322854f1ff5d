"""Where work on the tables of journals is carried out, and how readers wait for new entries."""

from __future__ import annotations

from functools import partial

from lightagent.adapters._postgres.address import Address
from lightagent.adapters._postgres.database import Database
from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters.journals.postgres.reading import heads_of
from lightagent.adapters.journals.postgres.tables import prepare_tables
from lightagent.adapters.journals.postgres.watching import Watch
from lightagent.aiokits.per_loop import PerLoop


class JournalDatabase(Database):
    """Carries out work on the tables of journals.

    Raises:
        ConfigurationError: libpq cannot read the URL.
    """

    def __init__(self, address: Address, schema: str, limits: Limits) -> None:
        super().__init__(address, schema, limits, prepare_tables)
        self._watches = PerLoop(Watch, Watch.aclose)

    async def wait(self, digest: bytes, above: int, seconds: float) -> None:
        """Return once the stream with this digest has a sequence above `above`, or after `seconds`."""
        watch = await self._watches.get()
        # The watch keeps no reference to this object: a forgotten store would never be closed.
        await watch.wait(digest, above, seconds, lambda all_of: self.run(partial(heads_of, digests=all_of)))

    async def aclose(self) -> None:
        await self._watches.aclose()
        await super().aclose()
