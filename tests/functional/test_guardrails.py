"""The templates of guardrails: what they let pass, take out and block, in plain runs and in streams."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from lightagent import (
    DEFAULT_PRIVACY_PATTERNS,
    ConfigurationError,
    Detector,
    Finding,
    GuardrailDecision,
    JsonObject,
    JsonValue,
    LightAgent,
    RunResult,
    StreamEvent,
    high_risk_parameter_guardrail,
    maximum_length_guardrail,
    output_redaction_guardrail,
    output_schema_guardrail,
    privacy_input_guardrail,
    sensitive_tool_confirmation_guardrail,
    tool,
    url_allowlist_guardrail,
)
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.conversation.provider_fields import ModelOrigin, ProviderFields
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.guardrails import TextGuardrail, ToolGuardrail
from lightagent.domain.usage import Usage
from lightagent.testing import ManualClock, Reply, ScriptedModel, SequentialIds, call_tool

EMAIL = "user@example.com"
LONG = "and so it goes on, word by word, for a while. " * 12
END = ReplyEnd("stop", Usage(1, 1, 2))


@dataclass(frozen=True)
class Seen:
    """A run, and what was shown of it."""

    result: RunResult[str]
    shown: list[StreamEvent]
    logged: str

    def everything(self) -> str:
        return "\n".join(
            (
                json.dumps([event.data for event in self.shown]),
                self.result.journal.to_json(),
                json.dumps(self.result.to_dict()),
                json.dumps(self.result.trace),
                self.logged,
            )
        )

    def text(self, kind: str = "content") -> str:
        return "".join(str(event.data.get("text")) for event in self.shown if event.type == kind)


async def watch(
    replies: Sequence[Reply], guardrails: Sequence[TextGuardrail], caplog: pytest.LogCaptureFixture
) -> Seen:
    """A streamed run, whose journal a plain one must equal."""

    @tool
    def look(place: str) -> str:
        """Looks somewhere."""
        return "seen"

    def agent() -> LightAgent[None, str]:
        return LightAgent(
            name="guarded",
            model=ScriptedModel(list(replies)),
            tools=[look],
            output_guardrails=guardrails,
            capture_content=True,
            clock=ManualClock(),
            ids=SequentialIds(),
        )

    caplog.set_level(logging.DEBUG, "lightagent")
    plain = await agent().arun("query", result_format="object", trace=True)
    stream = agent().astream("query", result_format="event", trace=True)
    shown = [event async for event in stream]
    assert stream.result.journal == plain.journal
    assert stream.result.content == plain.content
    return Seen(stream.result, shown, caplog.text)


def pieces(text: str) -> list[Delta]:
    return [*map(TextDelta, text), END]


def allow(text: str, context: JsonObject) -> bool:
    """Looks at whole answers, so that nothing is shown before."""
    return True


async def test_an_address_is_taken_out_of_a_stream_that_flows(caplog: pytest.LogCaptureFixture) -> None:
    seen = await watch([pieces(f"Write to {EMAIL}, {LONG}")], [output_redaction_guardrail()], caplog)
    assert seen.result.content == seen.text() == f"Write to [redacted], {LONG}"
    assert EMAIL not in seen.everything()
    assert "user@" not in seen.everything()
    assert len([event for event in seen.shown if event.type == "content"]) > 10
    assert [event["type"] for event in seen.result.trace if "guardrail" in event["type"]] == ["guardrail_decision"]


async def test_reasoning_and_words_beside_calls_are_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    first = AssistantMessage(f"I ask {EMAIL}.", (call_tool("look", place="here"),), f"I think of {EMAIL}.")
    seen = await watch([first, "Done."], [output_redaction_guardrail()], caplog)
    assert EMAIL not in seen.everything()
    assert seen.text("reasoning") == "I think of [redacted]."
    assert seen.text() == "I ask [redacted].Done."


async def test_a_guardrail_beside_one_that_needs_whole_texts(caplog: pytest.LogCaptureFixture) -> None:
    def polite(text: str, context: JsonObject) -> bool:
        assert EMAIL not in text
        return True

    first = AssistantMessage(f"I ask {EMAIL}.", (call_tool("look", place="here"),), f"I think of {EMAIL}.")
    replies: list[Reply] = [first, pieces(f"Write to {EMAIL}.")]
    seen = await watch(replies, [output_redaction_guardrail(), polite], caplog)
    assert EMAIL not in seen.everything()
    assert seen.result.content == "Write to [redacted]."


@pytest.mark.parametrize("reasoning", [False, True])
async def test_what_is_blocked_is_nowhere(reasoning: bool, caplog: pytest.LogCaptureFixture) -> None:
    words = f"My address is {EMAIL}, and {LONG}"
    deltas: list[Delta] = [*map(ReasoningDelta, words), TextDelta("Done."), END] if reasoning else pieces(words)
    seen = await watch([deltas], [privacy_input_guardrail(reason="Not here.")], caplog)
    assert isinstance(seen.result.outcome, Blocked)
    assert seen.result.error is not None
    assert (seen.result.error.code, seen.result.error.message) == ("LA-GUARDRAIL", "Not here.")
    assert "user@" not in seen.everything()
    assert "example.com" not in seen.everything()
    assert seen.text() + seen.text("reasoning") in "My address is "
    assert "guardrail_block" in [event["type"] for event in seen.result.trace]


class Contact(BaseModel):
    """An answer with a type."""

    email: str
    card: int | str
    tags: list[str]


async def test_an_object_with_a_name_twice_hides_nothing() -> None:
    """Readers of JSON see one of the values; the text holds both."""
    replies = [f'{{"email": "{EMAIL}", "email": "me", "card": 1, "tags": []}}']
    replies.append('{"email": "me", "card": 1, "tags": []}')
    agent = LightAgent(
        model=ScriptedModel(replies), output_type=Contact, output_guardrails=[output_redaction_guardrail()]
    )
    result = await agent.arun("q", result_format="object")
    assert result.output == Contact(email="me", card=1, tags=[])
    assert EMAIL not in result.journal.to_json()


async def test_structured_answers_stay_json() -> None:
    answer = json.dumps({"email": EMAIL, "card": 4111111111111111, "tags": [f'"{EMAIL}"', "x"]})
    for stream in (False, True):
        agent = LightAgent(
            model=ScriptedModel([pieces(answer)]), output_type=Contact, output_guardrails=[output_redaction_guardrail()]
        )
        if stream:
            events = agent.astream("query", result_format="event")
            async for event in events:
                assert EMAIL not in json.dumps(event.data)
            result = events.result
        else:
            result = await agent.arun("query", result_format="object")
        assert result.output == Contact(email="[redacted]", card="[redacted]", tags=['"[redacted]"', "x"])
        assert EMAIL not in result.journal.to_json()


@pytest.mark.parametrize(
    "query",
    [
        f"I am {EMAIL}",
        "card 4111\u200b 1111 1111 1111",
        "card 4111\U000e0105 1111 1111 1111",
        "key AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_private_input_never_reaches_the_model(query: str) -> None:
    model = ScriptedModel(["Hello."])
    agent = LightAgent(model=model, input_guardrails=[privacy_input_guardrail()])
    parts: list[JsonObject] = [{"type": "text", "text": query}]
    asked: str | list[JsonObject]
    for asked in (query, parts):
        result = agent.run(asked, result_format="object", trace=True)
        assert result.error is not None
        assert result.error.code == "LA-GUARDRAIL"
        assert query not in result.journal.to_json()
    assert not model.requests
    assert agent.run("What is the weather like?") == "Hello."


def called(guardrail: ToolGuardrail, **arguments: JsonValue) -> tuple[str, list[object]]:
    """The result that the model gets of a call, and the arguments with which the tool was called."""
    done: list[object] = []

    @tool
    def transfer_money(amount: float | str | None = None, to: str = "", detail: dict[str, object] | None = None) -> str:
        """Transfers money."""
        done.append((amount, to))
        return "transferred"

    model = ScriptedModel([call_tool("transfer_money", **arguments), "Done."])
    agent = LightAgent(model=model, tools=[transfer_money], tool_guardrails=[guardrail])
    result = agent.run("query", result_format="object")
    assert isinstance(result.outcome, Completed)
    return result.tool_calls[0].output or "", done


def test_sensitive_tools_need_an_approval() -> None:
    told, done = called(sensitive_tool_confirmation_guardrail(["transfer_money"]), amount=1.5)
    assert (told, done) == ("[LA-GUARDRAIL] The tool transfer_money requires approval.", [])
    assert called(sensitive_tool_confirmation_guardrail(["transfer_money"], approved=True), amount=1.5)[1]
    assert called(sensitive_tool_confirmation_guardrail(["another"]), amount=1.5)[1]


class Never:
    """An answer that nobody awaits."""

    def __await__(self) -> Generator[None, None, bool]:
        yield
        return False


@pytest.mark.parametrize(
    ("allowed", "arguments", "passes"),
    [
        (lambda value: value is not None and float(value) <= 1000, {"amount": 10.5}, True),
        (lambda value: value is not None and float(value) <= 1000, {"amount": 1001.5}, False),
        (lambda value: value is not None and float(value) <= 1000, {"amount": "much"}, False),
        (lambda value: value is not None and float(value) <= 1000, {"amount": None}, False),
        (lambda value: value is not None and float(value) <= 1000, {"to": "Ann"}, True),
        (lambda value: value is not None and float(value) <= 1000, {"detail": {"more": [{"amount": 5000}]}}, False),
        ([1.5, 2.5], {"amount": 1.5}, True),
        ([1.5, 2.5], {"amount": 3.5}, False),
        ({"x"}, {"amount": "x"}, True),
        (lambda value: "That is too much.", {"amount": 10.5}, False),
        (lambda value: Never(), {"amount": 10.5}, False),
        (lambda value: (answer for answer in [False]), {"amount": 10.5}, False),
        (lambda value: re.match("x", value), {"amount": "x"}, True),
    ],
)
def test_high_risk_parameters(allowed: Callable[[object], object], arguments: JsonObject, passes: bool) -> None:
    told, done = called(high_risk_parameter_guardrail({"amount": allowed}), **arguments)
    assert bool(done) is passes
    assert told.startswith("transferred" if passes else "[LA-GUARDRAIL]")


def test_values_of_arguments_can_be_redacted_and_names_stay() -> None:
    told, done = called(output_redaction_guardrail(), to=f"to {EMAIL}", detail={EMAIL: 1})
    assert (told, done) == ("transferred", [(None, "to [redacted]")])


async def test_addresses_that_are_not_listed(caplog: pytest.LogCaptureFixture) -> None:
    text = f"See https://example.com/a and https://evil.com/b?c=d, {LONG}"
    seen = await watch([pieces(text)], [url_allowlist_guardrail(["example.com"], replacement="[link]")], caplog)
    assert seen.result.content == seen.text() == f"See https://example.com/a and [link] {LONG}"
    seen = await watch([pieces(text)], [url_allowlist_guardrail(["example.com"])], caplog)
    assert isinstance(seen.result.outcome, Blocked)
    assert "evil" not in seen.everything()


@pytest.mark.parametrize("cut", [False, True])
async def test_a_maximum_length(cut: bool, caplog: pytest.LogCaptureFixture) -> None:
    seen = await watch([pieces("abcdefgh")], [maximum_length_guardrail(4, cut=cut)], caplog)
    if cut:
        assert seen.result.content == seen.text() == "abcd"
    else:
        assert isinstance(seen.result.outcome, Blocked)
    seen = await watch([pieces("abcd")], [maximum_length_guardrail(4, cut=cut)], caplog)
    assert seen.result.content == "abcd"


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("beside", [(), (allow,)], ids=["held", "whole"])
async def test_reasoning_does_not_count_towards_the_maximum_length(
    beside: tuple[TextGuardrail, ...], cut: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither does what the provider added, and both stay as they are."""
    added = ProviderFields(ModelOrigin("scripted", "scripted"), {"signature": "x" * 100})
    reply = AssistantMessage("abcd", reasoning="Let me think.", provider_fields=added)
    seen = await watch([reply], [maximum_length_guardrail(4, cut=cut), *beside], caplog)
    assert seen.result.journal.run.messages[-1] == reply


@pytest.mark.parametrize(
    ("text", "fits"), [('{"n": 1}', True), ('{"n": "1"}', False), ("no JSON", False), ('{"n": 1} or so', False)]
)
async def test_an_output_schema(text: str, fits: bool, caplog: pytest.LogCaptureFixture) -> None:
    schema: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    seen = await watch([pieces(text)], [output_schema_guardrail(schema)], caplog)
    assert isinstance(seen.result.outcome, Completed if fits else Blocked)
    assert seen.text() == (text if fits else "")


class Broken(Detector):
    """A detector that fails."""

    @property
    def name(self) -> str:
        return "broken"

    @property
    def window(self) -> int:
        return 0

    def find(self, text: str) -> Sequence[Finding]:
        raise RuntimeError(f"CANARY {text}")


async def test_a_detector_that_fails_blocks(caplog: pytest.LogCaptureFixture) -> None:
    for guardrail in (output_redaction_guardrail(Broken()), privacy_input_guardrail(Broken())):
        seen = await watch([pieces("My words. " + LONG)], [guardrail], caplog)
        assert isinstance(seen.result.outcome, Blocked)
        assert "words" not in seen.everything()
        assert "CANARY" not in seen.everything()
        result = await LightAgent(model=ScriptedModel([]), input_guardrails=[guardrail]).arun(
            "q", result_format="object"
        )
        assert isinstance(result.outcome, Blocked)


@pytest.mark.parametrize("url", ["redis://:{}@host:6379/0", "postgres://me:{}@host/db", "amqp://:{}@[::1]"])
@pytest.mark.parametrize("password", ["pw12345", "a:b:c"])
def test_passwords_in_addresses(url: str, password: str) -> None:
    redacted = output_redaction_guardrail({"url_password": DEFAULT_PRIVACY_PATTERNS["url_password"]}, replacement="***")
    assert redacted(url.format(password), {}).value == url.format("***")


def test_own_patterns_and_detectors() -> None:
    badge = privacy_input_guardrail({"badge": r"B-\d{4}", "email": DEFAULT_PRIVACY_PATTERNS["email"]})
    assert badge("I am B-1234", {}) == GuardrailDecision(False, badge.reason)
    assert badge("python@3.11", {}) == GuardrailDecision(True, None, "python@3.11")
    assert output_redaction_guardrail([r"\d+"], replacement="#")("1 and 22", {}).value == "# and #"
    make: Callable[..., object] = privacy_input_guardrail
    for wrong in ("B-[", ["B-["], [""], {"x": "a*"}, {"x": b"a"}):
        with pytest.raises(ConfigurationError):
            make(wrong)


async def is_small(value: JsonValue) -> bool:
    return value == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: sensitive_tool_confirmation_guardrail("transfer_money"),
        lambda: sensitive_tool_confirmation_guardrail(["transfer_*"]),
        lambda: sensitive_tool_confirmation_guardrail(["files/*"]),
        lambda: high_risk_parameter_guardrail({"amount": "10"}),
        lambda: high_risk_parameter_guardrail({"amount": is_small}),
        lambda: url_allowlist_guardrail(["https://example.com"]),
        lambda: maximum_length_guardrail(0),
        lambda: output_schema_guardrail({"type": "nonsense"}),
    ],
)
def test_templates_refuse_what_they_cannot_use(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()
