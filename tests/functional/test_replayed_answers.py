"""What a model said goes back over real HTTP to a server that demands it, and never to one that refuses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lightagent import ChatModel, FallbackModel, LightAgent, Limits, OpenAIChatModel, RunResult, ToolAnswer
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.json_types import JsonObject
from tests.servers.json_values import as_list, as_object
from tests.servers.leaks import LeakCheck

WAYS = pytest.mark.parametrize(
    "way",
    ["aiohttp", pytest.param("sdk", marks=pytest.mark.openai), pytest.param("litellm", marks=pytest.mark.litellm)],
)
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
SIGNED: JsonObject = {"google": {"thought_signature": "c2ln"}}
DETAILS: JsonObject = {"reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "s", "index": 0}]}


class Server:
    """Answers with the told messages in their order, and keeps what it was sent."""

    def __init__(self, *answers: JsonObject, status: int = 200) -> None:
        self.answers = list(answers)
        self.status = status
        self.bodies: list[JsonObject] = []
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        self.http = TestServer(app, host="127.0.0.1")

    def model(self, way: str, name: str = "m") -> ChatModel:
        url = str(self.http.make_url("/v1"))
        if way == "litellm":
            return LiteLLMChatModel(f"openai/{name}", api_key="sk-test", api_base=url)
        return OpenAIChatModel(name, "sk-test", url, transport="sdk" if way == "sdk" else "aiohttp")

    def messages(self, request: int) -> list[JsonObject]:
        return [as_object(message) for message in as_list(self.bodies[request]["messages"])]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = as_object(await request.json())
        self.bodies.append(body)
        if self.status != 200:
            return web.json_response({"error": {"message": "Not now."}}, status=self.status)
        message: JsonObject = {"role": "assistant", **self.answers.pop(0)}
        reason = "tool_calls" if "tool_calls" in message else "stop"
        if not body.get("stream"):
            choice: JsonObject = {"index": 0, "message": message, "finish_reason": reason}
            return web.json_response({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
        calls = [{"index": at, **as_object(call)} for at, call in enumerate(as_list(message.get("tool_calls", [])))]
        delta = {**message, "tool_calls": calls} if calls else message
        lines = [{"index": 0, "delta": delta}, {"index": 0, "delta": {}, "finish_reason": reason}]
        chunks = [{"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [line]} for line in lines]
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")


@asynccontextmanager
async def serving(*servers: Server) -> AsyncIterator[None]:
    for server in servers:
        await server.http.start_server()
    try:
        yield
    finally:
        for server in servers:
            await server.http.close()


def now() -> str:
    """Tell the time."""
    return "noon"


def call(
    name: str = "now", arguments: str | None = "{}", call_id: str = "c", more: JsonObject | None = None
) -> JsonObject:
    made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **(more or {})}
    return as_object(json.loads(json.dumps(made)))


def asks(*calls: JsonObject, **more: object) -> JsonObject:
    return as_object(json.loads(json.dumps({"content": None, "tool_calls": calls or (call(),), **more})))


async def ask(
    model: ChatModel,
    stream: bool,
    *,
    history: Sequence[JsonObject] = (),
    metadata: JsonObject | None = None,
    instructions: str | None = None,
) -> RunResult:
    """One run, watched or not; the agent and its connections are closed behind it."""
    limits = Limits(max_retry=1, model_timeout=30)
    agent = LightAgent(model=model, tools=[now], instructions=instructions, limits=limits, metadata=metadata or {})
    async with aclosing(agent):
        if not stream:
            return await agent.arun("When?", history=history, result_format="object")
        async with agent.astream("When?", history=history, result_format="event") as events:
            async for _ in events:
                pass
        journal = agent.export_journal()
        assert journal is not None
        result = agent.replay(journal)
        assert result.error is None, result.error
        return result


@WAYS
@MODES
@pytest.mark.parametrize(
    "added",
    [
        {"reasoning_content": "think"},
        {"reasoning_content": ""},
        {"reasoning": "think"},
        {"reasoning": "think", **DETAILS},
        DETAILS,
        {"thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
        {"extra_content": SIGNED},
    ],
    ids=lambda added: "+".join(added),
)
async def test_what_was_added_goes_back_with_the_calls_and_with_the_history(
    leaks: LeakCheck, way: str, stream: bool, added: JsonObject
) -> None:
    if way == "litellm" and "reasoning" in added:
        pytest.skip("LiteLLM renames this field")
    if way == "litellm" and added == {"reasoning_content": ""}:
        pytest.skip("LiteLLM leaves an empty text out")
    server = Server(asks(**added), {"content": "Noon.", **added}, {"content": "Still."})
    async with serving(server):
        first = await ask(server.model(way), stream)
        assert first.content == "Noon."
        second = await ask(server.model(way), stream, history=first.history())
        assert second.content == "Still."
    replayed = server.messages(1)
    assert {name: replayed[2].get(name) for name in added} == added
    assert server.messages(2)[1:4] == replayed[1:4], "the history replays the same"
    assert {name: server.messages(2)[4].get(name) for name in added} == added


@WAYS
@MODES
async def test_a_signature_goes_back_with_its_call(leaks: LeakCheck, way: str, stream: bool) -> None:
    name = "provider_specific_fields" if way == "litellm" else "extra_content"
    value: JsonObject = {"thought_signature": "s"} if way == "litellm" else SIGNED
    server = Server(asks(call(call_id="a", more={name: value}), call(call_id="b")), {"content": "Noon."})
    async with serving(server):
        assert (await ask(server.model(way), stream)).content == "Noon."
    one, two = (as_object(sent) for sent in as_list(server.messages(1)[2]["tool_calls"]))
    assert one.get(name) == value
    assert name not in two


@WAYS
@MODES
async def test_a_fallback_is_not_given_what_the_first_model_added(leaks: LeakCheck, way: str, stream: bool) -> None:
    first = Server(asks(call(more={"extra_content": SIGNED}), reasoning_content="think", **DETAILS))
    second = Server({"content": "Noon."})
    async with serving(first, second):
        model = FallbackModel([first.model(way), second.model(way)])
        async with aclosing(LightAgent(model=model, tools=[_breaks(first)], limits=Limits(max_retry=1))) as agent:
            result = await agent.arun("When?", result_format="object")
    assert result.content == "Noon."
    sent = second.messages(0)[2]
    assert sent.keys() - {"content"} == {"role", "tool_calls"}
    assert as_object(as_list(sent["tool_calls"])[0]).keys() == {"id", "type", "function"}
    refused = first.messages(1)[2]
    assert refused["reasoning_content"] == "think"


def _breaks(server: Server) -> Callable[[], str]:
    def now() -> str:
        """Tell the time."""
        server.status = 503
        return "noon"

    return now


@MODES
async def test_a_history_from_one_model_is_no_reasoning_of_another(leaks: LeakCheck, stream: bool) -> None:
    server = Server({"content": "Hello.", "reasoning_content": "greet"}, {"content": "Yo."})
    async with serving(server):
        first = await ask(server.model("aiohttp"), stream)
        assert (await ask(server.model("aiohttp", "other"), stream, history=first.history())).content == "Yo."
    assert server.messages(1)[2] == {"role": "assistant", "content": "Hello."}


@MODES
async def test_another_agent_that_takes_over_is_not_given_the_reasoning(leaks: LeakCheck, stream: bool) -> None:
    def leave() -> ToolAnswer:
        """Hand over to the clerk."""
        return ToolAnswer("The clerk goes on.", hand_over="clerk")

    first, second = Server(asks(call("leave"), reasoning_content="think")), Server({"content": "Noon."})
    async with serving(first, second):
        clerk = LightAgent(name="clerk", model=second.model("aiohttp"))
        agent = LightAgent(model=first.model("aiohttp"), tools=[leave], handoffs=[clerk])
        async with aclosing(clerk), aclosing(agent):
            assert await agent.arun("When?") == "Noon."
    assert all("reasoning_content" not in message for message in second.messages(0))


@WAYS
@MODES
@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (call(arguments=None), call()),
        (call(arguments="null"), call()),
        (call(arguments=""), call()),
        (call(arguments=" \n"), call()),
        (call("functions.now"), call()),
        (call(" now"), call()),
        (call("now<|channel|>commentary"), call()),
        (call("functions.now:0", "null"), call()),
        (call("wetter für Oslo"), call("wetter_f_r_Oslo")),
        (call(arguments='{"city": "Oslo"'), call()),
        (call(arguments="[1]"), call()),
        (call(arguments='"{\\"a\\":1}"'), call(arguments='{"a": 1}')),
    ],
    ids=lambda made: ascii(made["function"])[:60],
)
async def test_a_call_goes_back_valid_and_the_journal_keeps_it(
    leaks: LeakCheck, way: str, stream: bool, written: JsonObject, sent: JsonObject
) -> None:
    server = Server(asks(written), {"content": "Noon."})
    async with serving(server):
        result = await ask(server.model(way), stream)
    assert result.content == "Noon."
    assert server.messages(1)[2]["tool_calls"] == [sent]
    assert server.messages(1)[3]["tool_call_id"] == "c"
    function = as_object(written["function"])
    assert result.tool_calls[0].name == function["name"]
    runs = sent == call() and function["arguments"] not in ("[1]", '{"city": "Oslo"')
    assert result.tool_calls[0].status == ("ok" if runs else "refused")


@WAYS
@MODES
@pytest.mark.parametrize(
    "ids", [["", None], ["x", "x"], ["y" * 80, "z" * 80], ["a b", "ü"]], ids=["missing", "twice", "long", "odd"]
)
async def test_ids_go_back_valid_and_paired(leaks: LeakCheck, way: str, stream: bool, ids: list[str | None]) -> None:
    calls = [{**call(), "id": one} for one in ids]
    server = Server(asks(*calls), {"content": "Noon."})
    async with serving(server):
        assert (await ask(server.model(way), stream)).content == "Noon."
    sent = [str(as_object(one)["id"]) for one in as_list(server.messages(1)[2]["tool_calls"])]
    assert sent == [message["tool_call_id"] for message in server.messages(1)[3:]]
    assert len(set(sent)) == 2
    assert all(0 < len(one) <= 40 and one.isascii() and " " not in one for one in sent)


@WAYS
@MODES
@pytest.mark.parametrize("instructions", ["", " ", "\n\t"])
async def test_an_empty_system_message_is_not_sent(leaks: LeakCheck, way: str, stream: bool, instructions: str) -> None:
    server = Server({"content": "Noon."})
    async with serving(server):
        await ask(server.model(way), stream, instructions=instructions)
    assert server.messages(0) == [{"role": "user", "content": "When?"}]


@WAYS
@MODES
@pytest.mark.parametrize(
    ("forced", "freed"),
    [
        ("required", "auto"),
        ({"type": "function", "function": {"name": "now"}}, "auto"),
        ("auto", "auto"),
        ("none", "none"),
    ],
)
async def test_a_forced_tool_call_is_asked_for_once(
    leaks: LeakCheck, way: str, stream: bool, forced: str | JsonObject, freed: str
) -> None:
    server = Server(asks(), asks(call(call_id="d")), {"content": "Noon."})
    async with serving(server):
        result = await ask(server.model(way), stream, metadata={"tool_choice": forced})
    assert result.content == "Noon."
    assert [body["tool_choice"] for body in server.bodies] == [forced, freed, freed]
