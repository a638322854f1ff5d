"""What a model is to say, and the bytes in which its provider says it: one JSON object, or a stream of events."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.fault_options import Option, Options
from tests.servers.fault_wire import USAGE, Reply, chunk, completion, envelope, json_reply, sse_reply
from tests.servers.json_values import Json, JsonObject
from tests.servers.strict.provider import Provider
from tests.servers.strict.request import Request


@dataclass(frozen=True)
class SaidCall:
    """A call as the model makes it, sound or not; `id` may be empty or null."""

    id: str | None
    name: str
    arguments: str | None


@dataclass(frozen=True)
class Said:
    """One answer of a model.

    Attributes:
        status: an error instead of the answer, by its HTTP status; its message is the text.
        cut: the connection ends after so many parts of the answer; None: never.
        pieces: into how many pieces a stream cuts texts and arguments.
        faults: what is wrong with it, by the names that a test gives them.
    """

    text: str | None = None
    reasoning: str = ""
    refusal: str | None = None
    calls: tuple[SaidCall, ...] = ()
    finish: str | None = None
    status: int = 200
    cut: int | None = None
    pieces: int = 1
    faults: tuple[str, ...] = ()


def answer(said: Said, provider: Provider, request: Request) -> tuple[Reply, Options]:
    """The answer, and how it is delivered."""
    delivery: dict[str, Option] = {} if said.cut is None else {"cut": said.cut, "end": "fin"}
    options = Options({}).over(delivery)
    if said.status != 200:
        return json_reply(provider.error(said.text or "busy"), said.status, {"retry-after": "0"}), options
    finish = said.finish or ("tool_calls" if said.calls else "stop")
    if not request.streams:
        return json_reply(completion(_message(said, provider), finish)), options
    events = [*_chunks(said, provider), chunk({}, finish), *_usage(request)]
    return sse_reply(events, options), options


def _message(said: Said, provider: Provider) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": said.text}
    if provider.reasoning_field:
        message[provider.reasoning_field] = said.reasoning
    if said.refusal is not None:
        message["refusal"] = said.refusal
    if said.calls:
        message["tool_calls"] = [_call(said, place, provider) for place in range(len(said.calls))]
    return message


def _call(said: Said, place: int, provider: Provider) -> JsonObject:
    call = said.calls[place]
    told: JsonObject = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if provider.signs_calls and place == 0:
        told["extra_content"] = {"google": {"thought_signature": f"signature of {call.id}"}}
    return told


def _chunks(said: Said, provider: Provider) -> Iterator[Json]:
    first: JsonObject = {"role": "assistant", "content": None if said.text is None else ""}
    if provider.reasoning_field:
        first[provider.reasoning_field] = ""
    yield chunk(first)
    for field, text in ((provider.reasoning_field, said.reasoning), ("content", said.text), ("refusal", said.refusal)):
        for piece in _pieces(text or "", said.pieces):
            yield chunk({field: piece})
    for place, call in enumerate(said.calls):
        pieces = _pieces(call.arguments or "", said.pieces)
        begun = None if call.arguments is None else "".join(pieces[:1])
        whole = _call(said, place, provider)
        yield chunk({"tool_calls": [{**whole, "index": place, "function": {"name": call.name, "arguments": begun}}]})
        for piece in pieces[1:]:
            yield chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})


def _pieces(text: str, count: int) -> list[str]:
    size = max(1, -(-len(text) // count))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _usage(request: Request) -> list[Json]:
    asked = request.body.get("stream_options")
    wanted = isinstance(asked, dict) and asked.get("include_usage") is True
    return [envelope("chat.completion.chunk", [], USAGE)] if wanted else []
