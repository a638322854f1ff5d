"""The spans of a model that stands for several tell which of them was really asked, and where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import (
    Budgets,
    ChatModel,
    ChatRequest,
    Delta,
    FallbackModel,
    LightAgent,
    Limits,
    ModelEndpoint,
    ModelPrice,
    PriceTable,
    ProviderError,
    ReplyEnd,
    ServedModel,
    TextDelta,
    Usage,
)
from lightagent.domain.error_codes import ErrorCode
from lightagent.testing import ScriptedModel
from tests.support.recorded_spans import RecordedSpans, attributes, events, status
from tests.support.semconv_rules import span_faults


class Served(ChatModel, ServedModel):
    """Answers where it is served, or does not."""

    def __init__(self, name: str, provider: str, address: str, *, code: ErrorCode | None = None) -> None:
        self._name, self._endpoint, self._code = name, ModelEndpoint(provider, address, 443), code

    @property
    def name(self) -> str:
        return self._name

    @property
    def endpoint(self) -> ModelEndpoint:
        return self._endpoint

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if self._code:
            raise ProviderError("No.", code=self._code)
        yield TextDelta("Yes.")
        yield ReplyEnd("stop", Usage(1_000_000, 0, 1_000_000))

    async def aclose(self) -> None:
        """Nothing is open."""


BUSY = Served("large", "openai", "api.openai.com", code="LA-503")
SMALL = Served("small", "anthropic", "api.anthropic.com")
PRICES = PriceTable({"large": ModelPrice(9.0, 9.0), "small": ModelPrice(2.0, 2.0)})
WHO = ("gen_ai.request.model", "gen_ai.provider.name", "server.address", "server.port")


async def spans_of(model: ChatModel, *, streamed: bool = False) -> RecordedSpans:
    spans = RecordedSpans()
    agent = LightAgent(name="desk", model=model, telemetry=[spans.sink], budgets=Budgets(prices=PRICES))
    if streamed:
        async for _ in agent.astream("?"):
            pass
    else:
        await agent.arun("?")
    assert [fault for span in spans.all for fault in span_faults(span)] == []
    assert spans.open == 0
    return spans


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("nested", [False, True])
async def test_a_chat_span_names_the_model_that_answered(streamed: bool, nested: bool) -> None:
    model = FallbackModel([BUSY, FallbackModel([SMALL]) if nested else SMALL])
    spans = await spans_of(model, streamed=streamed)
    chat = spans.one("chat")
    assert chat.name == "chat small"
    assert [attributes(chat).get(name) for name in WHO] == ["small", "anthropic", "api.anthropic.com", 443]
    assert attributes(chat)["lightagent.cost"] == 2.0
    assert status(chat) == ("UNSET", "")
    assert events(chat) == ["lightagent.model.failed"]
    failed = {"lightagent.model": "large", "error.type": "LA-503"}
    assert dict(chat.events[0].attributes or {}) == {**failed, "server.address": "api.openai.com", "server.port": 443}
    (point,) = spans.points("gen_ai.client.operation.duration")
    assert [(point.attributes or {}).get(name) for name in WHO[:3]] == ["small", "anthropic", "api.anthropic.com"]


async def test_one_that_has_no_address_is_not_said_to_be_where_the_first_is() -> None:
    spans = await spans_of(FallbackModel([BUSY, ScriptedModel(["Yes."])]))
    assert [attributes(spans.one("chat")).get(name) for name in WHO] == ["scripted", "_OTHER", None, None]


async def test_where_all_fail_each_is_told() -> None:
    late = Served("late", "cohere", "api.cohere.com", code="LA-408")
    spans = RecordedSpans()
    agent = LightAgent(
        name="desk", model=FallbackModel([BUSY, late]), telemetry=[spans.sink], limits=Limits(max_retry=1)
    )
    with pytest.raises(ProviderError):
        await agent.arun("?")
    chat = spans.one("chat")
    assert (chat.name, status(chat)) == ("chat late", ("ERROR", "LA-408"))
    told = [dict(event.attributes or {}) for event in chat.events]
    assert [one["lightagent.model"] for one in told] == ["large", "late"]


async def test_what_an_agent_is_said_to_ask_is_the_model_that_it_has() -> None:
    spans = await spans_of(FallbackModel([SMALL, BUSY]))
    assert attributes(spans.one("invoke_agent"))["gen_ai.request.model"] == "fallback(small, large)"
    assert spans.one("chat").name == "chat small"
    assert events(spans.one("chat")) == []
