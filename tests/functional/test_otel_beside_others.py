"""Others who trace calls of models are told that a call is traced, from its beginning until its first answer."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value

from lightagent import ChatModel, ChatRequest, Delta, LightAgent, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.conversation.messages import ToolMessage
from tests.support.recorded_spans import RecordedSpans

OPENINFERENCE = "openinference.instrumentation.openai"
GENAI = "opentelemetry.util.genai.invocation"
KEY = "opentelemetry.genai.client.inference.context"


class InferenceData:
    """What OpenTelemetry's own instrumentations keep of a call."""


def known_to_others() -> tuple[bool, bool]:
    """Whether OpenTelemetry's instrumentations, and that of OpenInference, leave a call alone here."""
    return isinstance(get_value(KEY), InferenceData), get_value(_SUPPRESS_INSTRUMENTATION_KEY) is True


class Looking(ChatModel):
    """Looks what others would see, as it is asked and after its first delta; it calls a tool that does so as well."""

    name = "looking"

    def __init__(self) -> None:
        self.asked: list[tuple[bool, bool]] = []
        self.later: list[tuple[bool, bool]] = []

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked.append(known_to_others())
        yield TextDelta("So")
        self.later.append(known_to_others())
        if not isinstance(request.messages[-1], ToolMessage):
            yield ToolCallDelta(0, "call_1", "look", "{}")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


async def looked(*, traced: bool = True) -> tuple[Looking, list[tuple[bool, bool]]]:
    """A run, and what its tool saw."""
    seen: list[tuple[bool, bool]] = []

    def look() -> str:
        """Look."""
        seen.append(known_to_others())
        return "seen"

    model = Looking()
    agent = LightAgent(model=model, tools=[look], telemetry=[RecordedSpans().sink] if traced else False)
    assert await agent.arun("?") == "So"
    return model, seen


@pytest.mark.parametrize(
    ("loaded", "expected"),
    [((), (False, False)), ((GENAI,), (True, False)), ((OPENINFERENCE,), (False, True))],
)
async def test_each_is_told_by_its_own_key_and_only_where_it_is_loaded(
    loaded: tuple[str, ...], expected: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in loaded:
        module = SimpleNamespace(CLIENT_INFERENCE_CONTEXT_KEY=KEY, InferenceData=InferenceData)
        monkeypatch.setitem(sys.modules, name, module)
    model, tool_saw = await looked()
    assert model.asked == [expected, expected]
    assert model.later == [(False, False)] * 2
    assert tool_saw == [(False, False)]
    assert known_to_others() == (False, False)


async def test_nothing_is_told_of_what_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, OPENINFERENCE, SimpleNamespace())
    model, _ = await looked(traced=False)
    assert model.asked == [(False, False)] * 2


async def test_a_version_without_these_names_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, GENAI, SimpleNamespace())
    model, _ = await looked()
    assert model.asked == [(False, False)] * 2
