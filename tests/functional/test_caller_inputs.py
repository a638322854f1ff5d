"""What a caller hands in is only read: any sequence and mapping gives what a list and a dictionary give."""

from __future__ import annotations

from collections import UserDict, UserList, deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Final

import pytest
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageFunctionToolCall
from openai.types.chat.chat_completion_message_function_tool_call import Function

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    ConfigurationError,
    HistoryMessage,
    HookContext,
    HookDecision,
    JsonInput,
    JsonObject,
    LightAgent,
    LightFlow,
    RunContext,
    ToolError,
)
from lightagent.domain.json_checks import to_json
from lightagent.testing import ScriptedModel, call_tool

Make = Callable[[Sequence[str]], Sequence[str]]

SEQUENCES: Final[dict[str, Make]] = {"list": list, "tuple": tuple, "deque": deque, "UserList": UserList}
ANY_SEQUENCE: Final = pytest.mark.parametrize("of", SEQUENCES.values(), ids=SEQUENCES)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def told(of: Make, **options: JsonInput) -> JsonObject:
    """The parameters of the request of a run with these in its metadata."""
    model = ScriptedModel(["ok"])
    LightAgent(model=model).run("?", metadata=MappingProxyType({"stop": of(["a", "b"]), **options}))
    return model.requests[0].params


@ANY_SEQUENCE
def test_parameters_are_the_same(of: Make) -> None:
    assert told(of, user=MappingProxyType({"names": of(["a"])})) == told(list, user={"names": ["a"]})


@ANY_SEQUENCE
def test_a_query_and_a_history_are_the_same(of: Callable[[Sequence[object]], Sequence[HistoryMessage]]) -> None:
    past = of([UserDict({"role": "user", "content": of([{"type": "text", "text": "Hi"}])})])
    model = ScriptedModel(["ok"])
    parts: list[Mapping[str, object]] = [MappingProxyType({"type": "text", "text": "?"})]
    result = LightAgent(model=model).run_result(deque(parts), history=past)
    assert result.history() == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "?"}]},
        {"role": "assistant", "content": "ok"},
    ]


@pytest.mark.parametrize("of", [list, tuple, deque, UserList])
def test_options_that_are_sequences_take_any(of: Callable[[Sequence[object]], Sequence[Callable[..., int]]]) -> None:
    model = ScriptedModel([call_tool("add", a=1, b=2), "3"] * 2)
    assert LightAgent(model=model, tools=of([add])).run_result("?").tool_calls[0].output == "3"
    assert LightAgent(model=model).run_result("?", tools=of([add])).tool_calls[0].output == "3"


@ANY_SEQUENCE
def test_flows_take_any(of: Make) -> None:
    flow = LightFlow().step("first", agent=str.upper)
    flow.map("each", of(["a", "b"]), agent=str.upper, depends_on=of(["first"]), metadata={"names": of(["x"])})
    result = flow.run("?")
    assert (result.status, result.output("each")) == ("success", ["A", "B"])


@ANY_SEQUENCE
def test_requests_edits_and_calls_are_the_same(of: Make) -> None:
    def pay(ctx: RunContext[object], names: list[str]) -> str:
        """Pay."""
        if not ctx.approved:
            raise ApprovalRequired("It is much.", MappingProxyType({"names": of(names)}))
        return " and ".join(names)

    agent = LightAgent(model=ScriptedModel([call_tool("pay", names=of(["ann"])), "Paid."]), tools=[pay])
    waiting = agent.run_result("?")
    (asked,) = [event for event in waiting.journal.events if event.type == "approval_requested"]
    assert asked.request == {"names": ["ann"]}
    edited = ApprovalDecision.edit(MappingProxyType({"names": of(["bob", "eve"])}))
    assert agent.resume(waiting.journal, edited).tool_calls[0].output == "bob and eve"


@ANY_SEQUENCE
def test_hooks_and_errors_are_the_same(of: Make) -> None:
    def hook(context: HookContext) -> HookDecision:
        if context.phase != "before_tool_call":
            return HookDecision.continue_()
        return HookDecision.replace(MappingProxyType({"arguments": UserDict({"names": of(["eve"])})}))

    def greet(names: list[str]) -> str:
        """Greet."""
        return " ".join(names)

    agent = LightAgent(model=ScriptedModel([call_tool("greet", names=["ann"]), "ok"]), tools=[greet], hooks=[hook])
    assert agent.run_result("?").tool_calls[0].output == "eve"
    assert ToolError("It rains.", details=MappingProxyType({"names": of(["a"])})).details == {"names": ["a"]}


def test_details_that_hold_themselves_end_nothing() -> None:
    held: dict[str, JsonInput] = {"a": 1}
    held["self"] = held
    assert ToolError("It rains.", details=held).details == {"a": 1, "self": None}


REFUSED: Final[dict[str, tuple[object, str]]] = {
    "bytes": (b"ab", "metadata.stop: this is not plain JSON: a bytes is not a JSON value"),
    "a set": ([{"a"}], r"metadata.stop\[0\]: this is not plain JSON: a set is not a JSON value"),
    "an object": (UserDict({"x": [1, object()]}), r"metadata.stop.x\[1\]: this is not plain JSON: a object"),
    "a key": (MappingProxyType({"x": {1: 2}}), "metadata.stop.x: this is not plain JSON: the key 1 must be text"),
    "a number": (deque([float("nan")]), r"metadata.stop\[0\]: this is not plain JSON: nan"),
}


@pytest.mark.parametrize(("value", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_json_is_refused_with_its_place(value: object, text: str) -> None:
    options: dict[str, object] = {"metadata": {"stop": value}}
    run: Callable[..., str] = LightAgent(model=ScriptedModel(["ok"])).run
    with pytest.raises(ConfigurationError, match=text):
        run("?", **options)


@pytest.mark.parametrize("option", ["tools", "history", "tags"])
@pytest.mark.parametrize("value", ["abc", b"abc"])
def test_a_text_is_no_sequence_of_letters(option: str, value: object) -> None:
    run: Callable[..., str] = LightAgent(model=ScriptedModel(["ok"])).run
    with pytest.raises(ConfigurationError, match=rf"run: {option} must be list or tuple"):
        run("?", **{option: value})
    assert to_json("abc", "value") == "abc"


def test_messages_that_the_openai_client_gives_are_taken() -> None:
    call = ChatCompletionMessageFunctionToolCall(
        id="c", type="function", function=Function(name="add", arguments='{"a": 1, "b": 2}')
    )
    asking = ChatCompletionMessage(role="assistant", content=None, tool_calls=[call])
    answering = ChatCompletionMessage(role="assistant", content="3")
    question: HistoryMessage = {"role": "user", "content": "1 + 2?"}
    result: HistoryMessage = {"role": "tool", "tool_call_id": "c", "content": "3"}
    plain = [question, asking.model_dump(exclude_none=True), result, answering.model_dump(exclude_none=True)]

    def history(past: Sequence[HistoryMessage]) -> list[JsonObject]:
        return LightAgent(model=ScriptedModel(["ok"])).run_result("?", history=past).history()

    assert history([question, asking, result, answering]) == history(plain)
    mixed: HistoryMessage = {"role": "assistant", "tool_calls": asking.tool_calls}
    assert history([question, mixed, result, answering]) == history(plain)


def test_what_is_no_message_is_named_by_its_place() -> None:
    run: Callable[..., str] = LightAgent(model=ScriptedModel(["ok"])).run
    with pytest.raises(
        ConfigurationError, match=r"history\[0\]: a message is an object with role and content, not Sim"
    ):
        run("?", history=[SimpleNamespace(role="user", content="Hi")])
