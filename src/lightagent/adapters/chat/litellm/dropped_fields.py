"""Fields of a stream that LiteLLM drops, captured before LiteLLM reads them.

LiteLLM turns every finish reason that it does not know into `stop`, and drops refusals, errors in a choice, and fields
beside the choices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, Protocol, TypeAlias, runtime_checkable

from lightagent.adapters.chat.openai.finish_reasons import known_ending

_BESIDE: Final = ("x_groq", "base_resp", "output_sensitive", "incomplete_details", "status", "content_filter_results")
"""Fields of an answer beside its choices (`openai.finish_reasons`, `_endpoints.error_bodies`)."""
_DELTA_REASONS: Final = ("stop_reason", "finish_reason")
"""Where the events of Anthropic and Cohere have it."""

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


class DroppedFields:
    """Captures the fields from one stream.

    If LiteLLM reads the events itself, they are captured as the provider sent them. If the OpenAI SDK reads them,
    LiteLLM keeps the last finish reason and the fields beside the choices.
    """

    def __init__(self, stream: object) -> None:
        self._stream = stream
        self._reasons: dict[object, object] = {}
        self._beside: _Object = {}
        self._refusal = ""
        self._capture_from(getattr(stream, "completion_stream", None))
        if isinstance(stream, _LateStream) and stream.completion_stream is None and stream.make_call is not None:
            stream.make_call = self._capturing(stream.make_call)

    def reason(self, index: object) -> object:
        """Return the finish reason of the choice with this index, or None if it is unknown."""
        word = self._reasons.get(index)
        if word is None and not index:
            word = getattr(self._stream, "received_finish_reason", None)
        return word

    def take(self) -> _Object:
        """Return what was captured since the last call, as a chunk: fields beside the choices, and the refusal."""
        captured, refusal = self._beside, self._refusal
        self._beside, self._refusal = {}, ""
        return captured | {"choices": [{"index": 0, "delta": {"refusal": refusal}}]} if refusal else captured

    def _capturing(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def opened(*args: object, **options: object) -> object:
            stream = await call(*args, **options)
            self._capture_from(stream)
            return stream

        return opened

    def _capture_from(self, inner: object) -> None:
        if isinstance(inner, _Parser):
            parse = inner.chunk_parser

            def parsed(chunk: dict[str, object]) -> object:
                self._capture(chunk)
                return parse(chunk)

            inner.chunk_parser = parsed
        elif inner is not None and isinstance(self._stream, _Creator):
            create = self._stream.chunk_creator

            def created(chunk: object) -> object:
                self._capture_choices(_plain(chunk))
                return create(chunk=chunk)

            self._stream.chunk_creator = created

    def _capture(self, chunk: Mapping[str, object]) -> None:
        self._reasons.update(_reasons(chunk))
        self._beside |= {name: chunk[name] for name in _BESIDE if chunk.get(name) is not None}
        self._capture_choices(chunk)

    def _capture_choices(self, chunk: Mapping[str, object]) -> None:
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, Mapping):
                continue
            index = choice.get("index") or 0
            if word := _severe_reason(choice):
                self._reasons[index] = word
            if choice.get("error"):
                self._beside["error"] = choice["error"]
            delta = choice.get("delta")
            if not index and isinstance(delta, Mapping) and isinstance(delta.get("refusal"), str):
                self._refusal += str(delta["refusal"])


def _plain(chunk: object) -> Mapping[str, object]:
    """Return a chunk of the OpenAI SDK as plain data, including unknown fields."""
    dump = getattr(chunk, "model_dump", None)
    plain: object = dump(exclude_none=True, warnings=False) if dump is not None else None
    return plain if isinstance(plain, Mapping) else {}


def _reasons(event: Mapping[str, object]) -> Iterator[tuple[object, object]]:
    """Yield the finish reasons in an event of a provider, each with the index of its choice."""
    for choices, name in (("choices", "finish_reason"), ("candidates", "finishReason")):
        listed = event.get(choices)
        for place, choice in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(choice, Mapping) and (word := choice.get(name)):
                index = choice.get("index")
                yield place if index is None else index, word
    delta = event.get("delta")
    if isinstance(delta, Mapping):
        yield from ((0, delta[name]) for name in _DELTA_REASONS if delta.get(name))


def _severe_reason(choice: Mapping[object, object]) -> object:
    """Return the native finish reason behind a gateway, if it means that the answer is cut or withheld."""
    word = choice.get("native_finish_reason")
    return word if known_ending(word) in ("length", "content_filter") else None
