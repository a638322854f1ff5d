"""The entries of feedback in a store, one stream for each trace, and their results."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import all_entries
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.learning.feedback import HumanFeedback
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "feedback"
"""The kind of the streams that hold feedback, one for each trace."""


def feedback_key(tenant: str, trace_id: str) -> StreamKey:
    """The stream of feedback about a run."""
    return StreamKey(Scope(tenant), KIND, trace_id)


async def last_helpful(store: JournalStore, tenant: str, trace_id: str) -> bool | None:
    """Whether a run was of help, by the latest feedback about that; None without such feedback.

    Raises:
        ConfigurationError: the stored feedback was changed.
        StoreError: the store cannot be read.
    """
    key = feedback_key(tenant, trace_id)
    for entry in (await store.read(key, -1, 1)).entries:
        if (said := CODEC.read(entry).was_helpful) is not None:
            return said
    each = [CODEC.read(entry).was_helpful async for entry in all_entries(store, key)]
    return next((said for said in reversed(each) if said is not None), None)


@cache
def _adapter() -> TypeAdapter[HumanFeedback]:
    from pydantic import TypeAdapter

    return TypeAdapter(HumanFeedback)


CODEC: Final = EntryCodec("Feedback", _adapter)
