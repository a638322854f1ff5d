"""What foreign code puts into its errors, names and labels never makes a journal that cannot be kept."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

import pytest

from lightagent import ConfigurationError, Journal, JsonObject, LightAgent, Limits, ProviderError, ToolError
from lightagent.domain.conversation.deltas import Delta, TextDelta
from lightagent.domain.conversation.messages import Message, Trust, UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import Blocked, Failed
from lightagent.domain.policy.phases import CallPayload, Stopped, Subject
from lightagent.domain.runs.events import Concluded, ContextAdded, Event, ToolFinished
from lightagent.ports.context import Replacement
from lightagent.ports.models import ChatRequest
from lightagent.ports.system import IdSource
from lightagent.testing import ManualClock, ScriptedModel, call_tool
from tests.unit.test_policy_faults import OneGate


class Speechless:
    """Something whose text cannot be had."""

    def __repr__(self) -> str:
        raise KeyError("no text")


class Locked(dict[str, int]):
    """An object whose content cannot be had."""

    def items(self) -> NoReturn:
        raise KeyError("no items")


DETAILS: list[tuple[object, JsonObject]] = [
    ({"status": 5, "a": object()}, {"status": 5, "a": "<object object>"}),
    ({1: 2}, {"1": 2}),
    ({"x": math.nan, "y": [1]}, {"x": "nan", "y": [1]}),
    ({"x": (1, 2)}, {"x": [1, 2]}),
    ({"x": {"y": {3}}}, {"x": "{'y': {3}}"}),
    ({"\ud800": 1}, {"?": 1}),
    ([1], {"text": "[1]"}),
    ({"a": Speechless()}, {"a": "<Speechless instance>"}),
    ({"a": 10**6000}, {"a": "(int)"}),
    ({Speechless(): 1}, {"<Speechless instance>": 1}),
    (Locked(a=1), {}),
]
IDS = [
    "an object",
    "a number as a name",
    "nan",
    "a tuple",
    "a set inside",
    "half a name",
    "a list",
    "no text",
    "a long number",
    "a name without a text",
    "no items",
]


def read_back(journal: Journal) -> tuple[Event, ...]:
    """The events, once it is seen that the journal is the same after its way through JSON."""
    assert Journal.from_json(journal.to_json()) == journal
    return journal.events


@pytest.mark.parametrize(("details", "kept"), DETAILS, ids=IDS)
async def test_details_of_a_tools_error_are_kept_as_json(details: object, kept: JsonObject) -> None:
    def broken() -> str:
        """Break."""
        raise ToolError("broken", details=cast("JsonObject", details))

    agent = LightAgent(model=ScriptedModel([call_tool("broken"), "Done."]), tools=[broken])
    events = read_back((await agent.arun("q", result_format="object")).journal)
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.error is not None
    assert finished.error.details == kept


class Refuses(ScriptedModel):
    """A model whose error has details that are no JSON."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        raise ProviderError("no", details=cast("JsonObject", {"a": object()}), code="LA-400")
        yield TextDelta("")


@dataclass
class Concludes:
    """A conclusion that raises."""

    raised: Exception
    name: str = "mine"

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        raise self.raised

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        raise AssertionError


@dataclass
class Source:
    """A context source that raises, or is labelled so."""

    raised: Exception | None = None
    trust: Trust = "untrusted"
    name: str = "mine"
    timeout: float | None = None

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        if self.raised is not None:
            raise self.raised
        return ["text"]


BAD = ToolError("bad", details=cast("JsonObject", {"a": {1}}))


async def test_details_of_other_parts_are_kept_as_json() -> None:
    model = await LightAgent(model=Refuses([]), limits=Limits(max_retry=1)).arun("q", result_format="object")
    read_back(model.journal)
    assert isinstance(model.outcome, Failed)
    assert model.outcome.error.details == {"a": "<object object>"}
    agent = LightAgent(model=ScriptedModel(["x"]), conclusions=[Concludes(BAD)], context_sources=[Source(BAD)])
    events = read_back((await agent.arun("q", result_format="object")).journal)
    errors = [event.error for event in events if isinstance(event, Concluded | ContextAdded)]
    assert [error.details for error in errors if error is not None] == [{"a": "{1}"}] * 2


async def test_details_of_a_policy_are_kept_as_a_journal_reads_them() -> None:
    class Blocks(OneGate):
        async def review(self, *_: object) -> Stopped:
            return Stopped(Blocked(LightAgentErrorInfo("LA-POLICY", "no", details=cast("JsonObject", {"x": (1,)}))))

    agent = LightAgent(model=ScriptedModel(["x"]), gate=Blocks(frozenset({"output"})))
    result = await agent.arun("q", result_format="object")
    read_back(result.journal)
    assert result.error is not None
    assert result.error.details == {"x": [1]}


async def test_tuples_of_a_policy_are_the_lists_that_a_journal_reads() -> None:
    def add(numbers: list[int]) -> int:
        """Add numbers."""
        return sum(numbers)

    makes = CallPayload(cast("JsonObject", {"numbers": (1, 2)}))
    model = ScriptedModel([call_tool("add", numbers=[1]), "Done."])
    agent = LightAgent(model=model, tools=[add], gate=OneGate(frozenset({"tool_call"}), makes))
    result = await agent.arun("q", result_format="object")
    read_back(result.journal)
    assert [call.output for call in result.tool_calls] == ["3"]


class Unset(ToolError):
    """An error whose class forgot to call `super().__init__`."""

    def __init__(self, place: str) -> None:
        self.place = place


class Mute(ToolError):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise KeyError("no text")


@pytest.mark.parametrize("raised", [Unset("here"), Mute("silence")], ids=["unset", "mute"])
async def test_an_error_of_a_class_of_its_own_is_the_tools_failure(raised: ToolError) -> None:
    def broken() -> str:
        """Break."""
        raise raised

    agent = LightAgent(model=ScriptedModel([call_tool("broken"), "Done."]), tools=[broken])
    result = await agent.arun("q", result_format="object")
    read_back(result.journal)
    assert [call.status for call in result.tool_calls] == ["failed"]
    assert result.content == "Done."
    assert classify_exception(raised).message


def test_what_an_error_is_classified_as_shares_nothing_with_it() -> None:
    inner: JsonObject = {"n": [1]}
    info = classify_exception(ToolError("x", details=inner))
    inner["n"] = []
    assert info.details == {"n": [1]}


class Named(ScriptedModel):
    """A model whose name is no text."""

    name = cast("str", 5)


@dataclass
class Compacts:
    """A compactor that puts such a message in place of the first."""

    message: object = None
    name: str = "mine"
    count: int = 1

    def is_due(self, messages: Sequence[Message]) -> bool:
        return True

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        return Replacement(self.count, (cast("Message", self.message),))


@dataclass
class Ids(IdSource):
    """Gives the same id whenever it is asked for a new one."""

    one: str

    def new(self) -> str:
        return self.one


JUNK: list[tuple[Callable[[], object], str]] = [
    (lambda: LightAgent(model=Named([])), "model: its name"),
    (lambda: LightAgent(compactor=Compacts(name=cast("str", None))), "compactor: its name"),
    (
        lambda: LightAgent(gate=OneGate(frozenset({"output"}), policies=cast("tuple[str, ...]", (5,)))),
        "gate: its polic",
    ),
    (lambda: LightAgent(context_sources=[Source(trust=cast("Trust", "very"))]), "context_sources: the trust"),
    (lambda: LightAgent(context_sources=[Source(trust=cast("Trust", []))]), "context_sources: the trust"),
]


@pytest.mark.parametrize(("make", "text"), JUNK, ids=[text for _, text in JUNK])
def test_names_and_labels_that_are_none_are_refused_with_the_agent(make: Callable[[], object], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


@pytest.mark.parametrize("made", [None, 5, ""])
async def test_an_id_that_is_none_is_refused_before_the_run(made: object) -> None:
    agent = LightAgent(model=ScriptedModel(["x"]), ids=Ids(cast("str", made)))
    with pytest.raises(ConfigurationError, match="ids"):
        await agent.arun("q")


class BrokenClock(ManualClock):
    """A clock that shows something else."""

    def __init__(self, shows: object) -> None:
        super().__init__()
        self.shows = shows

    def now(self) -> float:
        return cast("float", self.shows)


@pytest.mark.parametrize("moment", [None, "x", math.nan, True])
async def test_a_moment_that_is_none_is_refused_before_the_run(moment: object) -> None:
    agent = LightAgent(model=ScriptedModel(["x"]), clock=BrokenClock(moment))
    with pytest.raises(ConfigurationError, match="clock"):
        await agent.arun("q")


@pytest.mark.parametrize(
    "compactor",
    [
        Compacts(UserMessage(cast("str", None))),
        Compacts("junk"),
        Compacts(UserMessage("x"), count=cast("int", "1")),
    ],
    ids=["a message without content", "no message", "no number"],
)
async def test_a_replacement_that_no_journal_could_keep_fails_the_run(compactor: Compacts) -> None:
    result = await LightAgent(model=ScriptedModel(["x"]), compactor=compactor).arun("q", result_format="object")
    read_back(result.journal)
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error.code == "LA-CONFIG"


async def test_a_label_that_turns_into_junk_is_the_sources_failure() -> None:
    source = Source()
    agent = LightAgent(model=ScriptedModel(["x"]), context_sources=[source])
    source.trust = cast("Trust", None)
    result = await agent.arun("q", result_format="object")
    (added,) = [event for event in read_back(result.journal) if isinstance(event, ContextAdded)]
    assert added.messages == ()
    assert added.error is not None
    assert result.content == "x"
