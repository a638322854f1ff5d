"""Streams that break off, and text cut at any byte or UTF-16 unit: nothing is told twice, nothing is garbled."""

from __future__ import annotations

import asyncio
import json

import pytest
from openai.types.chat import ChatCompletionChunk as OfficialChunk

from lightagent import LightAgent, ProviderError
from tests.functional.agents import KEY, MODES, agent_at, ask
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import eventually, held_clock

pytestmark = pytest.mark.openai

CUTS: list[dict[str, Option]] = [
    {"end": end, "cut": cut, "inside": inside}
    for end in ("fin", "rst", "clean")
    for cut in (0, 1, 2, 5)
    for inside in (0, 1)
    if not (end == "clean" and inside)
]


async def test_a_stream_that_breaks_before_its_text_is_asked_for_again(leaks: LeakCheck, faults: FaultServer) -> None:
    """The first event holds the role and no text."""

    async def broken(options: dict[str, Option]) -> None:
        scenario = faults.scenario("ok", times=1, **options)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=True)
        assert (ending.result.content, ending.live) == (TEXT, TEXT), options
        assert len(scenario.requests) == 2

    await asyncio.gather(*(broken(options) for options in CUTS if options["cut"] in (0, 1) and not options["inside"]))


async def test_a_stream_that_breaks_after_its_text_began_ends_the_run(leaks: LeakCheck, faults: FaultServer) -> None:
    async def broken(options: dict[str, Option]) -> None:
        scenario = faults.scenario("ok", times=1, gap_ms=5, **options)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=True)
        assert ending.code == "LA-503", options
        assert ending.live
        assert TEXT.startswith(ending.live)
        assert len(scenario.requests) == 1

    await asyncio.gather(*(broken(options) for options in CUTS if options["cut"] in (2, 5)))


async def test_a_plain_answer_that_breaks_off_is_asked_for_again(leaks: LeakCheck, faults: FaultServer) -> None:
    async def broken(options: dict[str, Option]) -> None:
        scenario = faults.scenario("ok", times=1, **options)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=False)
        assert ending.result.content == TEXT, options
        assert len(scenario.requests) == 2

    await asyncio.gather(*(broken(options) for options in CUTS if options["cut"] in (0, 1, 2)))


async def _read(agent: LightAgent[None, str], word: str) -> None:
    async for _ in agent.astream(word):
        pass


@pytest.mark.parametrize("word", ["[truncated]", "[disconnected]"])
async def test_a_server_that_breaks_off(leaks: LeakCheck, aimock: Aimock, word: str) -> None:
    async with agent_at(aimock.base_url) as agent:
        ending = await ask(agent, word, stream=True)
        with pytest.raises(ProviderError, match=r"^\[LA-503\] "):
            await _read(agent, word)
    assert ending.code == "LA-503"
    assert ending.live
    assert len(aimock.journal()) == 2, "one request a run"


async def test_a_call_that_breaks_off_is_not_carried_out(leaks: LeakCheck, aimock: Aimock) -> None:
    called: list[str] = []

    def weather(city: str) -> str:
        called.append(city)
        return "sunny"

    async with agent_at(aimock.base_url, weather) as agent:
        ending = await ask(agent, "[truncated-tool]", stream=True, max_retry=2)
    assert (ending.code, called) == ("LA-503", [])


@MODES
@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("[unicode]", 'Grüße, 漢字, naïve café, "quotes" and a \\ backslash\nin two lines.'),
        ("[surrogates]", "Hello 👋🏽!"),
    ],
)
async def test_text_cut_between_utf16_units(
    leaks: LeakCheck, aimock: Aimock, word: str, text: str, stream: bool
) -> None:
    async with agent_at(aimock.base_url) as agent:
        ending = await ask(agent, word, stream=stream)
    assert ending.result.content == text
    if stream:
        assert ending.live == text
        for event in ending.events:
            json.dumps(event.data, ensure_ascii=False).encode()  # no half of a pair anywhere


async def test_chunks_hold_whole_characters(leaks: LeakCheck, aimock: Aimock) -> None:
    async with agent_at(aimock.base_url) as agent:
        chunks = [chunk async for chunk in agent.astream("[surrogates]")]
    again = [OfficialChunk.model_validate_json(chunk.model_dump_json()) for chunk in chunks]
    assert "".join(choice.delta.content or "" for chunk in again for choice in chunk.choices) == "Hello 👋🏽!"


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 8, 13])
async def test_text_cut_at_any_byte(leaks: LeakCheck, faults: FaultServer, pieces: int) -> None:
    text = "Grüße 👋🏽 und 漢字"
    scenario = faults.scenario("ok", text=text, pieces=pieces, eol="crlf", comments=1, multiline=1)
    async with agent_at(scenario.base_url) as agent:
        ending = await ask(agent, "Hello", stream=True)
    assert (ending.result.content, ending.live) == (text, text)


@pytest.mark.parametrize(
    "pieces",
    [
        [r"\ud83d", r"\udc4b"],
        ["a", r"\ud83d", r"\udc4b", "b"],
        [r"\ud83d", r"\udc4b\ud83c", r"\udffd\ud83d\udc4b"],
        [r"\ud83d"],
        [r"\udc4b"],
        ["a", r"\ud83d", "b"],
        [r"\udc4b", r"\ud83d"],
        [r"\u00e9", r"\ud83d", r"\u6f22"],
        [r"\ud83d", r"\ud83d", r"\udc4b"],
    ],
    ids="".join,
)
@MODES
async def test_text_with_halves_of_pairs(
    leaks: LeakCheck, faults: FaultServer, pieces: list[str], stream: bool
) -> None:
    """A half without its other half becomes one replacement character, live and in the result."""
    if stream:
        events = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{piece}"}}}}]}}' for piece in pieces]
        end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
        body = "\n\n".join([*events, end, "data: [DONE]", ""])
    else:
        message = f'{{"role":"assistant","content":"{"".join(pieces)}"}}'
        body = f'{{"choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}'
    async with agent_at(faults.scenario("raw", body=body, type="text/event-stream").base_url) as agent:
        ending = await ask(agent, "Hello", stream=stream)
    text = str(json.loads(f'"{"".join(pieces)}"'))
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert ending.result.content == whole
    if stream:
        assert ending.live == whole


async def test_a_slow_reader_gets_it_all(leaks: LeakCheck, faults: FaultServer) -> None:
    """The time that a consumer takes is not the model's: no deadline of the model counts it."""
    scenario = faults.scenario("ok")
    text = ""
    async with agent_at(scenario.base_url, attempt=0.3, idle_timeout=0.1) as agent:
        with held_clock() as clock:
            began = clock.time()
            async for chunk in agent.astream("Hello"):
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
                await eventually(lambda: scenario.requests[0].answered)  # all of it is there
                await clock.advance(0.05)
        assert clock.time() - began > 0.3
    assert text == TEXT


def test_a_stream_without_asyncio(leaks: LeakCheck, aimock: Aimock) -> None:
    agent = LightAgent(model="m", base_url=aimock.base_url, api_key=KEY)
    pieces = [choice.delta.content or "" for chunk in agent.run("[story]", stream=True) for choice in chunk.choices]
    assert len(pieces) > 20
    assert "".join(pieces).startswith("Once upon a time")
    with pytest.raises(ProviderError, match=r"^\[LA-503\] "):
        list(agent.run("[truncated]", stream=True))
    agent.close()
