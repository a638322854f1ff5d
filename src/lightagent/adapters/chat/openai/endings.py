"""What else than its finish reason says that an answer is cut or withheld.

Some servers end every answer with `stop` and tell the truth beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lightagent.adapters.chat.openai.finish_reasons import Ending, known_ending, read_finish_reason, worse

_NAMES: Final = frozenset(
    {"content_filter_results", "incomplete_details", "native_finish_reason", "output_sensitive", "status"}
)


def told_beside(holder: Mapping[object, object]) -> Ending | None:
    """What an answer or a choice says of its end beside the finish reason; None if it says nothing against it.

    Raises:
        ProviderError: it calls itself incomplete, for a reason that is neither a limit nor a filter.
    """
    if _NAMES.isdisjoint(holder):  # Most say nothing of the kind.
        return None
    ending = _incomplete(holder)
    if holder.get("output_sensitive") is True or _filtered(holder.get("content_filter_results")):
        return "content_filter"  # MiniMax; Azure
    # OpenRouter tells the word of the provider, which is any word and matters only where it is known.
    native = known_ending(holder.get("native_finish_reason"))
    return worse(ending, native if native in ("length", "content_filter") else None)


def _incomplete(holder: Mapping[object, object]) -> Ending | None:
    """The reason for which an answer in the form of the Responses API is not complete."""
    details = holder.get("incomplete_details")
    if isinstance(details, Mapping) and details.get("reason"):
        return read_finish_reason(details["reason"])
    return read_finish_reason("incomplete") if holder.get("status") == "incomplete" else None


def _filtered(results: object) -> bool:
    if not isinstance(results, Mapping):
        return False
    return any(isinstance(result, Mapping) and result.get("filtered") is True for result in results.values())
