"""LiteLLM's answers as plain data, with what LiteLLM puts aside: provider fields, and the provider's finish reasons.

LiteLLM makes `stop` of every finish reason that it does not know, and of some that say that an answer broke off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, Protocol, TypeAlias, runtime_checkable

from lightagent.adapters.chat.openai.finish_reasons import is_whole, known_ending
from lightagent.domain.provider_fields import MESSAGE_FIELDS

_ASIDE: Final = "provider_specific_fields"
_DELTA_REASONS: Final = ("stop_reason", "finish_reason")
"""Where the events of Anthropic and Cohere tell it, beside what they add to the answer."""

_BESIDE: Final = ("base_resp", "output_sensitive", "incomplete_details", "status", "content_filter_results")
"""What providers tell of an answer beside its choices (`openai.endings`, `openai.error_bodies`)."""
_OF_CHOICE: Final = ("error", "content_filter_results")

_Object: TypeAlias = dict[object, object]


@runtime_checkable
class _Parser(Protocol):
    """A stream of LiteLLM that takes the provider's events as JSON, as most do; the SDKs' and Bedrock's do not."""

    chunk_parser: Callable[[dict[str, object]], object]


@runtime_checkable
class _LateStream(Protocol):
    """A stream of LiteLLM that is opened at its first chunk, as Gemini's."""

    completion_stream: object
    make_call: Callable[..., Awaitable[object]] | None


@runtime_checkable
class _Creator(Protocol):
    """A stream of LiteLLM that is given the chunks of the OpenAI SDK."""

    chunk_creator: Callable[..., object]


async def plain_answers(answer: object) -> AsyncIterator[object]:
    """The chunks of a stream, or the one whole answer."""
    if not isinstance(answer, AsyncIterator):
        yield _restored(answer, None)
        return
    reasons = _StreamReasons(answer)
    try:
        while (chunk := await anext(answer, None)) is not None:
            yield _restored(chunk, reasons)
        if beside := reasons.take_beside():
            yield {"choices": [], **beside}
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


class _StreamReasons:
    """The finish reasons in a stream as the provider told them, and what it told beside its choices.

    Where LiteLLM reads the events itself, both are heard before. Where the OpenAI SDK reads them LiteLLM keeps the word,
    and what is beside, but for the word of a provider behind a gateway.
    """

    def __init__(self, stream: object) -> None:
        self._stream = stream
        self._heard: dict[object, object] = {}
        self._beside: _Object = {}
        self._listen(getattr(stream, "completion_stream", None))
        if isinstance(stream, _LateStream) and stream.completion_stream is None and stream.make_call is not None:
            stream.make_call = self._listening(stream.make_call)

    def of(self, index: object) -> object:
        """The word for the choice of this number; None where nothing is known."""
        word = self._heard.get(index)
        if word is None and not index:
            word = getattr(self._stream, "received_finish_reason", None)
        return word

    def take_beside(self) -> _Object:
        """What has been told beside the choices and not been taken yet."""
        beside, self._beside = self._beside, {}
        return beside

    def _listening(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def opened(*args: object, **options: object) -> object:
            stream = await call(*args, **options)
            self._listen(stream)
            return stream

        return opened

    def _listen(self, inner: object) -> None:
        if isinstance(inner, _Parser):
            parse = inner.chunk_parser

            def parsed(chunk: dict[str, object]) -> object:
                self._heard.update(_reasons(chunk))
                self._beside |= {name: chunk[name] for name in _BESIDE if chunk.get(name) is not None}
                return parse(chunk)

            inner.chunk_parser = parsed
        elif inner is not None and isinstance(self._stream, _Creator):
            create = self._stream.chunk_creator

            def created(chunk: object) -> object:
                self._heard.update(_native_reasons(chunk))
                return create(chunk=chunk)

            self._stream.chunk_creator = created


def _reasons(event: object) -> Iterator[tuple[object, object]]:
    """The finish reasons in an event of a provider, each with the number of its choice."""
    if not isinstance(event, dict):
        return
    for choices, name in (("choices", "finish_reason"), ("candidates", "finishReason")):
        for place, choice in enumerate(_listed(event.get(choices))):
            if isinstance(choice, dict) and (word := choice.get(name)):
                index = choice.get("index")
                yield place if index is None else index, _telling(choice) or word
    delta = event.get("delta")
    if isinstance(delta, dict):
        yield from ((0, delta[name]) for name in _DELTA_REASONS if delta.get(name))


def _native_reasons(chunk: object) -> Iterator[tuple[object, object]]:
    """The words of providers behind a gateway, in a chunk of the OpenAI SDK."""
    for choice in _listed(getattr(chunk, "choices", None)):
        if word := _telling({"native_finish_reason": getattr(choice, "native_finish_reason", None)}):
            yield getattr(choice, "index", 0), word


def _telling(choice: _Object) -> object:
    """The word of a provider behind a gateway, where it says that the answer is cut or withheld."""
    word = choice.get("native_finish_reason")
    return word if known_ending(word) in ("length", "content_filter") else None


def _restored(answer: object, reasons: _StreamReasons | None) -> object:
    """An answer or chunk as plain data, with everything where the provider had it."""
    dump = getattr(answer, "model_dump", None)
    plain: object = dump(exclude_none=True) if dump is not None else answer
    if isinstance(plain, dict):
        if reasons is not None:
            plain = reasons.take_beside() | plain
        for choice in _listed(plain.get("choices")):
            if isinstance(choice, dict):
                _restore_reason(choice, reasons)
                _restore_beside(choice)
                for part in (choice.get("message"), choice.get("delta")):
                    if isinstance(part, dict):
                        _restore_fields(part)
    return plain


def _restore_reason(choice: _Object, reasons: _StreamReasons | None) -> None:
    """What says that the answer is not whole counts; of a whole one LiteLLM knows better whether it asks for tools."""
    if choice.get("finish_reason") is None:
        return
    aside = choice.get(_ASIDE)
    word = aside.get("native_finish_reason") if isinstance(aside, dict) else None
    if word is None and reasons is not None:
        word = reasons.of(choice.get("index", 0))
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


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
