"""What models, providers and callers say stands in attributes as every backend takes it, whatever they say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

import pytest
from typing_extensions import Unpack

pytest.importorskip("opentelemetry.exporter.otlp.proto.common", reason="the environment of openai 2 has none")

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from lightagent import (
    ContentCapture,
    ContentMode,
    JsonObject,
    LightAgent,
    ReplyEnd,
    RunOptions,
    TextDelta,
    ToolAnswer,
    Usage,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.telemetry.otel.plain_values import plain_attributes, plain_name
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from tests.support.log_records import warnings_of
from tests.support.recorded_spans import RecordedSpans

HALF: Final = "\ud800"
LONG: Final = "n" * 10_000_000
MOST: Final = 1_100
"""Characters of any attribute that holds no content."""


def says(*, end: ReplyEnd | None = None, call_id: str = "call-1", model: str = "gpt") -> ScriptedModel:
    call = AssistantMessage("", tool_calls=(ToolCall(call_id, "look", '{"word": "a"}'),))
    return ScriptedModel([call, [TextDelta("Done."), end or ReplyEnd("stop", Usage(1, 1, 2))]], model)


def look(word: str) -> str:
    """Look."""
    return word


def described(text: str) -> Callable[[str], str]:
    def look(word: str) -> str:
        return word

    look.__doc__ = text
    return look


def run(
    seen: RecordedSpans, model: ScriptedModel, *, name: str = "desk", about: str = "Look.", **given: Unpack[RunOptions]
) -> None:
    agent = LightAgent(name=name, model=model, tools=[described(about)], telemetry=[seen.sink])
    agent.run("?", **given)


CASES: Final[dict[str, Callable[[RecordedSpans, str], None]]] = {
    "the user": lambda seen, said: run(seen, says(), user_id=said),
    "the group": lambda seen, said: run(seen, says(), run_group_id=said, parent_trace_id=said, trace_id=said),
    "the id of a call": lambda seen, said: run(seen, says(call_id=said)),
    "what an answer says of itself": lambda seen, said: run(seen, says(end=ReplyEnd(said, Usage(1, 1, 2), said, said))),
    "the model": lambda seen, said: run(seen, says(model=said)),
    "the agent": lambda seen, said: run(seen, says(), name=said),
    "the description of a tool": lambda seen, said: run(seen, says(), about=said),
    "words that end an answer": lambda seen, said: run(seen, says(), metadata={"stop": [said]}),
}


def told(seen: RecordedSpans) -> Sequence[str]:
    """All texts of all spans."""
    found = [span.name for span in seen.ended]
    for span in seen.ended:
        for held in (span.attributes or {}, *(event.attributes or {} for event in span.events)):
            for value in held.values():
                found += [value] if isinstance(value, str) else map(str, value if isinstance(value, tuple) else ())
    return found


@pytest.mark.parametrize("said", [f"a{HALF}b\0c", LONG, f"{LONG}{HALF}"], ids=["halves", "long", "both"])
@pytest.mark.parametrize("case", CASES)
def test_hostile_texts_are_sent_and_short(case: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    seen = RecordedSpans()
    with caplog.at_level(logging.WARNING):
        CASES[case](seen, said)
        assert len(encode_spans(seen.ended).resource_spans[0].scope_spans[0].spans) == 4
        metrics = seen.reader.get_metrics_data()
        assert metrics is not None
        assert encode_metrics(metrics).resource_metrics
    assert warnings_of(caplog) == []
    assert max(map(len, told(seen))) <= MOST
    assert not [text for text in told(seen) if HALF in text or "\0" in text]


@pytest.mark.parametrize(
    "params",
    [{"seed": 2**64}, {"max_tokens": -(2**70)}, {"temperature": 10**400}, {"top_p": 1e308}],
    ids=lambda params: next(iter(params)),
)
def test_numbers_that_no_backend_takes_cost_no_span(params: JsonObject, caplog: pytest.LogCaptureFixture) -> None:
    seen = RecordedSpans()
    with caplog.at_level(logging.WARNING):
        LightAgent(model=ScriptedModel(["Hi."]), telemetry=[seen.sink]).run("?", metadata=params)
        assert len(encode_spans(seen.ended).resource_spans[0].scope_spans[0].spans) == 2
    assert warnings_of(caplog) == []


def test_what_looks_like_a_key_is_no_name() -> None:
    key = "sk-proj-" + "a1" * 20
    assert plain_name(f"user {key}") == "user ***"
    assert plain_attributes({"one": key, "two": (key, "b"), "three": True, "four": 2**63 - 1}) == {
        "one": "***",
        "two": ("***", "b"),
        "three": True,
        "four": 2**63 - 1,
    }


def test_a_key_in_the_description_of_a_tool_is_not_told() -> None:
    seen = RecordedSpans()
    key = "ghp_" + "a1" * 18
    run(seen, says(), about=f"Look. Authorization: Bearer {key}")
    assert not [text for text in told(seen) if key in text]


def test_texts_of_spans_that_are_not_kept_are_not_even_made() -> None:
    asked: list[str] = []

    def policy(kind: str, text: str) -> str:
        asked.append(kind)
        return text

    seen = RecordedSpans(content=ContentCapture(ContentMode.SPAN_ONLY, policy))
    seen.provider.sampler = ALWAYS_OFF

    @tool
    def move(word: str) -> ToolAnswer:
        """Answer."""
        return ToolAnswer(word)

    model = ScriptedModel([call_tool("move", word="a"), "Done."])
    LightAgent(model=model, tools=[move], telemetry=[seen.sink]).run("?")
    assert asked == []
