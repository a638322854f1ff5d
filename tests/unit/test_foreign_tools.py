"""Whatever a tool object or a source of tools raises or gives, it is a call or the run that has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    AsyncToolDispatcher,
    ConfigurationError,
    JsonObject,
    LightAgent,
    LightAgentError,
    RetryTool,
    RunContext,
    RunResult,
    ToolError,
    ToolList,
)
from lightagent.domain.outcomes import Completed, Failed, Suspended
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Tool, ToolSource
from lightagent.testing import ScriptedModel, call_tool

RAISED: list[BaseException] = [
    KeyError("boom"),
    StopIteration(),
    asyncio.CancelledError(),
    GeneratorExit(),
    SystemExit(1),
    RetryTool("again"),
    ApprovalRequired("ask"),
]
NAMES = [type(raised).__name__ for raised in RAISED]


@dataclass
class Broken:
    """A tool object that works until it is told what to raise, or to answer with in place of arguments."""

    at_check: BaseException | None = None
    at_spec: BaseException | None = None
    checked: object = None
    declared: object = field(default_factory=lambda: ToolSpec("t", "A tool.", {"type": "object"}))
    called: int = 0

    @property
    def spec(self) -> ToolSpec:
        if self.at_spec is not None:
            raise self.at_spec
        return cast("ToolSpec", self.declared)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        if self.at_check is not None:
            raise self.at_check
        return arguments if self.checked is None else cast("Mapping[str, object]", self.checked)

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        self.called += 1
        return "called"


async def ask(agent: LightAgent[None, str], *, stream: bool) -> RunResult[str]:
    async with asyncio.timeout(10):
        if not stream:
            return await agent.arun("q", result_format="object")
        events = agent.astream("q", result_format="event")
        async for _ in events:
            pass
        return events.result


def agent_with(tool: Tool[object]) -> LightAgent[None, str]:
    return LightAgent(model=ScriptedModel([call_tool("t"), "Done."]), tools=[tool])


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("raised", RAISED, ids=NAMES)
async def test_a_check_that_raises_is_a_failed_call(raised: BaseException, stream: bool) -> None:
    tool = Broken(at_check=raised)
    result = await ask(agent_with(tool), stream=stream)
    assert isinstance(result.outcome, Completed)
    (call,) = result.tool_calls
    assert call.status == ("refused" if isinstance(raised, RetryTool) else "failed")
    assert str(call.output).startswith("[LA-TOOL] ")
    assert tool.called == 0


@pytest.mark.parametrize("checked", [5, "x", [1]])
async def test_a_check_that_gives_no_mapping_is_a_failed_call(checked: object) -> None:
    tool = Broken(checked=checked)
    result = await ask(agent_with(tool), stream=False)
    assert [call.status for call in result.tool_calls] == ["failed"]
    assert tool.called == 0


@pytest.mark.parametrize("raised", [ToolError("x must be even"), ConfigurationError("x is unknown")])
async def test_a_check_that_refuses_is_a_refused_call(raised: LightAgentError) -> None:
    result = await ask(agent_with(Broken(at_check=raised)), stream=False)
    (call,) = result.tool_calls
    assert (call.status, call.output) == ("refused", str(raised))


@pytest.mark.parametrize("raised", RAISED, ids=NAMES)
async def test_a_check_that_raises_is_told_by_the_dispatcher(raised: BaseException) -> None:
    text = await AsyncToolDispatcher({"t": Broken(at_check=raised)}).dispatch("t", {})
    assert text.startswith("[LA-TOOL] ")


@pytest.mark.parametrize("raised", RAISED[:4], ids=NAMES[:4])
async def test_a_check_that_raises_refuses_an_edit(raised: BaseException) -> None:
    tool = Broken(declared=ToolSpec("t", "A tool.", {"type": "object"}, requires_approval=True))
    agent = agent_with(tool)
    waits = await agent.arun("q", result_format="object")
    assert isinstance(waits.outcome, Suspended)
    tool.at_check = raised
    with pytest.raises(ToolError):
        await agent.aresume(waits.journal, ApprovalDecision.edit({"x": 1}))
    assert tool.called == 0


class FailsLater(Broken):
    """A tool object whose declaration can be had only so often."""

    looks = 1

    @property
    def spec(self) -> ToolSpec:
        self.looks -= 1
        if self.looks < 0 and self.at_spec is not None:
            raise self.at_spec
        return cast("ToolSpec", self.declared)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("raised", RAISED[:5], ids=NAMES[:5])
async def test_a_declaration_that_cannot_be_had_fails_the_run(raised: BaseException, stream: bool) -> None:
    result = await ask(agent_with(FailsLater(at_spec=raised)), stream=stream)
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error.code == "LA-TOOL"
    assert "'t'" in result.outcome.error.message
    with pytest.raises(ToolError):
        await agent_with(FailsLater(at_spec=raised)).arun("q")


@pytest.mark.parametrize("looks", [2, 3])
@pytest.mark.parametrize("raised", RAISED[:5], ids=NAMES[:5])
async def test_a_declaration_that_is_gone_at_a_call_fails_the_call(raised: BaseException, looks: int) -> None:
    tool = FailsLater(at_spec=raised)
    tool.looks = looks
    result = await ask(agent_with(tool), stream=False)
    assert [call.status for call in result.tool_calls] == ["failed"]
    assert tool.called == 0


def test_a_declaration_that_is_none_is_refused_with_the_agent() -> None:
    for broken in (Broken(at_spec=asyncio.CancelledError()), Broken(declared="spec")):
        with pytest.raises(ConfigurationError, match="Broken"):
            LightAgent(model=ScriptedModel([]), tools=[broken])


def many(number: int) -> list[Broken]:
    """More tools than are described when an agent is made."""
    return [Broken(declared=ToolSpec(f"t{place}", "A tool.", {"type": "object"})) for place in range(number)]


def undescribed(a: NoSuchType) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Its annotation stands for nothing."""
    return "x"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_one_of_many_tools_that_cannot_be_described_fails_the_run(stream: bool) -> None:
    agent = LightAgent(model=ScriptedModel(["x"]), tools=[*many(70), undescribed])
    result = await ask(agent, stream=stream)
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error.code == "LA-CONFIG"
    assert "NoSuchType" in result.outcome.error.message
    with pytest.raises(ConfigurationError, match="NoSuchType"):
        await agent.arun("q")


def no_tools() -> ToolList[object]:
    return ToolList({})


@dataclass
class Source(ToolSource[object]):
    """A source of tools that lists these, and raises when it is asked for its version for a second time."""

    listed: object = field(default_factory=no_tools)
    at_version: BaseException | None = None
    asked: int = 0

    @property
    def name(self) -> str:
        return "shelf"

    @property
    def version(self) -> int:
        self.asked += 1
        if self.at_version is not None and self.asked > 2:
            raise self.at_version
        return 1

    async def tools(self) -> ToolList[object]:
        return cast("ToolList[object]", self.listed)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("raised", RAISED[:4], ids=NAMES[:4])
async def test_a_version_that_raises_fails_the_run(raised: BaseException, stream: bool) -> None:
    source = Source(at_version=raised)
    result = await ask(LightAgent(model=ScriptedModel(["x"]), tools=[source]), stream=stream)
    assert isinstance(result.outcome, Failed)
    if not isinstance(raised, Exception):
        assert result.outcome.error.code == "LA-TOOL"
        assert "'shelf' failed to tell its version" in result.outcome.error.message


class Unlisted(dict[str, Tool[object]]):
    """A mapping that cannot be read."""

    def items(self) -> object:  # type: ignore[override]
        raise asyncio.CancelledError


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("tools", "code"),
    [
        ({"t": None}, "LA-CONFIG"),
        ({"t": "x"}, "LA-CONFIG"),
        ({"t": Broken}, "LA-CONFIG"),
        ({"t": len}, "LA-CONFIG"),
        ({5: Broken()}, "LA-CONFIG"),
        (Unlisted(), "LA-TOOL"),
    ],
    ids=["None", "text", "a class", "a function", "a name that is none", "no list"],
)
async def test_a_list_of_what_is_no_tool_fails_the_run(tools: object, code: str, stream: bool) -> None:
    source = Source(ToolList(cast("Mapping[str, Tool[object]]", tools)))
    result = await ask(LightAgent(model=ScriptedModel(["x"]), tools=[source]), stream=stream)
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error.code == code
    assert "'shelf'" in result.outcome.error.message


@pytest.mark.parametrize(
    ("field_name", "value", "told"),
    [
        ("name", None, "name must be a text"),
        ("description", None, "description must be a text"),
        ("title", 5, "title must be a text"),
        ("parameters", None, "parameters must be an object"),
        ("parameters", [], "parameters must be an object"),
        ("parameters", {"properties": {1: {}}}, "the key 1 must be text"),
        ("parameters", {"default": float("nan")}, "not a JSON number"),
        ("parameters", {"enum": {"a"}}, "a set is not a JSON value"),
        ("parameters", {"default": b"x"}, "a bytes is not a JSON value"),
        ("parameters", "nested", "nested too deep"),
    ],
)
def test_a_declaration_that_a_journal_cannot_hold_is_refused_where_it_is_made(
    field_name: str, value: object, told: str
) -> None:
    if value == "nested":
        value = {"type": "string"}
        for _ in range(100):
            value = {"type": "object", "properties": {"within": value}}
    make: Callable[..., ToolSpec] = ToolSpec
    given: dict[str, object] = {"name": "t", "description": "A tool.", "parameters": {"type": "object"}}
    with pytest.raises(ConfigurationError, match=told):
        make(**{**given, field_name: value})
