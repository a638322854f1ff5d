"""What a text, a message and a tool cost, and how far the estimate is from a real tokenizer."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from lightagent import ConfigurationError, JsonObject
from lightagent.adapters.tokens.tiktoken import NEWEST, TiktokenCounter
from lightagent.domain.budgets.token_costs import (
    CALL_TOKENS,
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    TOOL_TOKENS,
    TokenCost,
    message_cost,
    tools_cost,
)
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.provider_fields import ModelOrigin, ProviderFields
from lightagent.domain.tools.spec import ToolSpec
from tests.support.encodings import encodings_folder

ROOT = Path(__file__).parents[2]

SAMPLES = {
    "English": (ROOT / "docs/tools.md").read_text(encoding="utf-8"),
    "Python": (ROOT / "src/lightagent/application/run_loop/run_agent.py").read_text(encoding="utf-8"),
    "JSON": json.dumps([{"id": number, "name": f"item {number}", "price": number * 1.5} for number in range(200)]),
    "Chinese": "人工智能正在改变我们的生活方式。从医疗到教育、每个行业都受到了影响。请总结以下合同的主要条款。" * 5,
    "Japanese": "東京は日本の首都であり、世界で最も人口の多い都市圏の一つです。カタカナとひらがなも使います。" * 5,
    "Korean": "안녕하세요. 오늘 회의 내용을 정리해 주시겠어요? 서울의 날씨는 맑습니다." * 5,
    "Russian": "Искусственный интеллект меняет нашу жизнь: от медицины до образования, каждая отрасль." * 5,
    "Arabic": "الذكاء الاصطناعي يغير طريقة حياتنا من الطب إلى التعليم وكل قطاع يتأثر به." * 5,
    "Hindi": "कृत्रिम बुद्धिमत्ता हमारे जीवन को बदल रही है, चिकित्सा से लेकर शिक्षा तक।" * 5,
    "German": "Die Straßenbahnhaltestelle befindet sich gegenüber dem größeren Gebäude in der Nähe." * 5,
    "emoji": "🙂🎉🚀👩‍💻🇩🇪" * 20,
    "base64": base64.b64encode(bytes(range(256)) * 8).decode(),
    "hexadecimal": "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(200)),
}


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(encodings_folder()))


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
@pytest.mark.parametrize("sample", SAMPLES)
async def test_the_estimate_is_near_a_real_tokenizer_and_rarely_below(sample: str, encoding: str) -> None:
    (counted,) = await TiktokenCounter(encoding).count([SAMPLES[sample]])
    estimated = estimate_tokens(SAMPLES[sample])
    assert 0.8 * counted <= estimated <= 4 * counted


async def test_the_encoding_follows_from_the_model() -> None:
    assert TiktokenCounter(model="gpt-4").name == "tiktoken:cl100k_base"
    assert TiktokenCounter(model="gpt-4o").name == "tiktoken:o200k_base"
    assert TiktokenCounter(model="my-own-model").name == TiktokenCounter().name == f"tiktoken:{NEWEST}"
    with pytest.raises(ConfigurationError, match="does not know the encoding 'o300k'"):
        TiktokenCounter("o300k")


def part(kind: str, **fields: JsonObject | str) -> JsonObject:
    return {"type": kind, **fields}


@pytest.mark.parametrize(
    ("message", "cost"),
    [
        (UserMessage("Hi"), TokenCost(("Hi",), MESSAGE_TOKENS)),
        (ToolMessage("c", "42"), TokenCost(("42",), MESSAGE_TOKENS + CALL_TOKENS)),
        (
            AssistantMessage("So", (ToolCall("a", "add", '{"x": 1}'), ToolCall("b", "look", "{}"))),
            TokenCost(("So", "add", '{"x": 1}', "look", "{}"), MESSAGE_TOKENS + 2 * CALL_TOKENS),
        ),
        (AssistantMessage(None, refusal="No."), TokenCost(("No.",), MESSAGE_TOKENS)),
        (
            AssistantMessage(
                "So", reasoning="hm", provider_fields=ProviderFields(ModelOrigin("m"), {"k": "v"}, "reasoning")
            ),
            TokenCost(("So", '{"reasoning":"hm","k":"v"}'), MESSAGE_TOKENS),
        ),
        (
            UserMessage((part("text", text="See:"), part("image_url", image_url={"url": "https://x/y.png"}))),
            TokenCost(("See:",), MESSAGE_TOKENS + IMAGE_TOKENS),
        ),
        (
            UserMessage((part("input_audio", input_audio={"data": "A" * 4000, "format": "mp3"}),)),
            TokenCost((), MESSAGE_TOKENS + 3000 // 250 + 1),
        ),
        (
            UserMessage((part("file", file={"file_data": "A" * 4000}),)),
            TokenCost((), MESSAGE_TOKENS + 3000 // 20 + 1),
        ),
        (UserMessage((part("other", x="y"),)), TokenCost(('{"type":"other","x":"y"}',), MESSAGE_TOKENS)),
    ],
)
def test_what_a_message_costs(message: Message, cost: TokenCost) -> None:
    assert message_cost(message) == cost


def test_context_costs_its_delimiters_too() -> None:
    message = ContextMessage("memory", "known")
    assert message_cost(message).texts == (message.delimited,)


def test_declarations_of_tools_and_the_schema_of_the_answer_cost() -> None:
    spec = ToolSpec("add", "Adds.", {"type": "object", "properties": {"x": {"type": "integer"}}})
    cost = tools_cost((spec, spec), {"type": "integer"})
    assert cost.tokens == 2 * TOOL_TOKENS
    assert len(cost.texts) == 3
    assert '"Adds."' in cost.texts[0]
    assert cost.texts[2] == '{"type":"integer"}'
