"""LiteLLM's answers as plain data, with what LiteLLM puts aside: provider fields, errors, and finish reasons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeAlias

from lightagent.adapters.chat.litellm.dropped_fields import DroppedFields
from lightagent.adapters.chat.openai.finish_reasons import is_known, is_whole
from lightagent.domain.provider_fields import MESSAGE_FIELDS

_ASIDE: Final = "provider_specific_fields"
_OF_CHOICE: Final = ("error", "content_filter_results")

_Object: TypeAlias = dict[object, object]


async def plain_answers(answer: object, *, gateway: bool = False) -> AsyncIterator[object]:
    """The chunks of a stream, or the one whole answer.

    Args:
        gateway: the provider is a gateway with finish reasons of its own, which also passes on those of its providers.
    """
    if not isinstance(answer, AsyncIterator):
        yield _restored(answer, None, gateway=gateway)
        return
    overheard = DroppedFields(answer)
    try:
        while (chunk := await anext(answer, None)) is not None:
            if heard := overheard.take():
                yield {"choices": [], **heard}
            yield _restored(chunk, overheard, gateway=gateway)
        if heard := overheard.take():
            yield {"choices": [], **heard}
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


def _restored(answer: object, overheard: DroppedFields | None, *, gateway: bool) -> object:
    """An answer or chunk as plain data, with everything where the provider had it."""
    dump = getattr(answer, "model_dump", None)
    plain: object = dump(exclude_none=True) if dump is not None else answer
    choices = plain.get("choices") if isinstance(plain, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            _restore_reason(choice, overheard, gateway=gateway)
            _restore_beside(choice)
            for part in (choice.get("message"), choice.get("delta")):
                if isinstance(part, dict):
                    _restore_fields(part)
    return plain


def _restore_reason(choice: _Object, overheard: DroppedFields | None, *, gateway: bool) -> None:
    """What says that the answer is not whole counts; of a whole one LiteLLM knows better whether it asks for tools."""
    if choice.get("finish_reason") is None:
        return
    aside = choice.get(_ASIDE)
    word = aside.get("native_finish_reason") if isinstance(aside, dict) else None
    if gateway and not is_known(word):
        word = None
    if word is None and overheard is not None:
        word = overheard.reason(choice.get("index", 0))
    if word is not None and not is_whole(word):
        choice["finish_reason"] = word


def _restore_beside(choice: _Object) -> None:
    """In a whole answer LiteLLM moves aside what it does not know of a choice."""
    aside = choice.get(_ASIDE)
    if isinstance(aside, dict):
        for name in _OF_CHOICE:
            if aside.get(name) and name not in choice:
                choice[name] = aside[name]


def _restore_fields(part: _Object) -> None:
    """A streamed message keeps what LiteLLM does not know; in a whole one it moves that aside."""
    aside = part.get(_ASIDE)
    if isinstance(aside, dict):
        for name in MESSAGE_FIELDS:
            if name in aside and name not in part:
                part[name] = aside[name]
