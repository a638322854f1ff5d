"""LiteLLM's answers as plain data, with the provider fields, errors and finish reasons that LiteLLM moves or drops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeAlias

from lightagent.adapters.chat.litellm.dropped_fields import DroppedFields
from lightagent.adapters.chat.openai.finish_reasons import is_known, is_whole
from lightagent.domain.conversation.provider_fields import MESSAGE_FIELDS

_ASIDE: Final = "provider_specific_fields"
_OF_CHOICE: Final = ("error", "content_filter_results")

_Object: TypeAlias = dict[object, object]


async def plain_answers(answer: object, *, gateway: bool = False) -> AsyncIterator[object]:
    """Yield the chunks of a stream, or the one whole answer.

    Args:
        gateway: the provider is a gateway with finish reasons of its own, which also passes on those of its providers.
    """
    if not isinstance(answer, AsyncIterator):
        yield _restored(answer, None, gateway=gateway)
        return
    dropped_fields = DroppedFields(answer)
    try:
        while (chunk := await anext(answer, None)) is not None:
            if dropped := dropped_fields.take():
                yield {"choices": [], **dropped}
            yield _restored(chunk, dropped_fields, gateway=gateway)
        if dropped := dropped_fields.take():
            yield {"choices": [], **dropped}
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


def _restored(answer: object, dropped_fields: DroppedFields | None, *, gateway: bool) -> object:
    """Return an answer or chunk as plain data, with every field where the provider sent it."""
    dump = getattr(answer, "model_dump", None)
    plain: object = dump(exclude_none=True) if dump is not None else answer
    choices = plain.get("choices") if isinstance(plain, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            _restore_reason(choice, dropped_fields, gateway=gateway)
            _restore_beside(choice)
            for part in (choice.get("message"), choice.get("delta")):
                if isinstance(part, dict):
                    _restore_fields(part)
    return plain


def _restore_reason(choice: _Object, dropped_fields: DroppedFields | None, *, gateway: bool) -> None:
    """Restore a finish reason that means an incomplete answer. For a whole one, LiteLLM's own reason is kept."""
    if choice.get("finish_reason") is None:
        return
    aside = choice.get(_ASIDE)
    word = aside.get("native_finish_reason") if isinstance(aside, dict) else None
    if gateway and not is_known(word):
        word = None
    if word is None and dropped_fields is not None:
        word = dropped_fields.reason(choice.get("index", 0))
    if word is not None and not is_whole(word):
        choice["finish_reason"] = word


def _restore_beside(choice: _Object) -> None:
    """Restore the unknown fields of a choice, which LiteLLM moves aside in a whole answer."""
    aside = choice.get(_ASIDE)
    if isinstance(aside, dict):
        for name in _OF_CHOICE:
            if aside.get(name) and name not in choice:
                choice[name] = aside[name]


def _restore_fields(part: _Object) -> None:
    """Restore the unknown fields of a message, which LiteLLM moves aside in a whole answer, but not in a stream."""
    aside = part.get(_ASIDE)
    if isinstance(aside, dict):
        for name in MESSAGE_FIELDS:
            if name in aside and name not in part:
                part[name] = aside[name]
