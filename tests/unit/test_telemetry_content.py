"""Texts in telemetry: where they go, what is taken out, how much is kept, and that nothing they hold can do harm."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightagent import (
    ConfigurationError,
    ContentCapture,
    ContentLimits,
    ContentMode,
    ContentPolicy,
    Detector,
    Finding,
    JsonObject,
    JsonValue,
    ToolSpec,
    open_detector,
)
from lightagent.adapters.telemetry.otel import content as content_module
from lightagent.adapters.telemetry.otel.content import VARIABLE
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.ports.content_policy import ContentKind
from tests.support.genai_schemas import problems

KEY = "sk-proj-4f8a0c2e9b7d6a1f3c5e8b0d"
MAIL = "ada.lovelace@analytical.org"
CARD = 4_111_111_111_111_111

EVERYWHERE = [mode for mode in ContentMode if mode is not ContentMode.NO_CONTENT]

REMEMBERED = ContextMessage("memory", "The user likes tea.")

CONVERSATION: tuple[Message, ...] = (
    SystemMessage("Be brief."),
    REMEMBERED,
    ContextMessage("skills", "How to brew."),
    UserMessage("What should I drink?"),
    AssistantMessage(None, (ToolCall("call_1", "look_up", '{"what": "tea"}'),)),
    ToolMessage("call_1", '{"kinds": ["green", "black"]}'),
)
TOOL = ToolSpec("look_up", "Looks things up.", {"type": "object", "properties": {"what": {"type": "string"}}})

Asked = Callable[[ContentCapture], Mapping[str, str]]

KINDS: dict[ContentKind, Asked] = {
    "input_messages": lambda capture: capture.request([UserMessage("canary")], ()),
    "output_messages": lambda capture: capture.reply(AssistantMessage("canary"), "stop"),
    "system_instructions": lambda capture: capture.request([SystemMessage("canary")], ()),
    "tool_definitions": lambda capture: capture.request((), [ToolSpec("look_up", "canary", {"type": "object"})]),
    "tool_arguments": lambda capture: capture.arguments({"what": "canary"}),
    "tool_result": lambda capture: capture.result("canary"),
    "question": lambda capture: capture.question("canary"),
    "answer": lambda capture: capture.answer("canary"),
    "error": lambda capture: capture.error("canary"),
    "memory": lambda capture: capture.memories([("m1", 0.5, "canary")]),
}


def parsed(text: str) -> JsonValue:
    value: JsonValue = json.loads(text)
    return value


def everything(capture: ContentCapture) -> str:
    """All that a run with a conversation would be told to hold."""
    told = [
        capture.request(CONVERSATION, [TOOL]),
        capture.reply(AssistantMessage("Tea.", reasoning="They like it."), "stop"),
        *(asked(capture) for asked in KINDS.values()),
    ]
    return " ".join(text for attributes in told for text in attributes.values())


# Modes


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_captured_by_default(kind: ContentKind) -> None:
    assert KINDS[kind](ContentCapture()) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", EVERYWHERE)
def test_each_kind_is_captured_in_each_other_mode(mode: ContentMode, kind: ContentKind) -> None:
    told = KINDS[kind](ContentCapture(mode))
    assert "canary" in " ".join(told.values())
    for name, text in told.items():
        if name not in ("gen_ai.tool.call.result", "exception.message"):
            assert problems(name, parsed(text)) == []


@pytest.mark.parametrize(
    ("mode", "spans", "events"),
    [
        (ContentMode.NO_CONTENT, False, False),
        (ContentMode.SPAN_ONLY, True, False),
        (ContentMode.EVENT_ONLY, False, True),
        (ContentMode.SPAN_AND_EVENT, True, True),
        (ContentMode.REDACTED, True, True),
    ],
)
def test_where_a_mode_puts_texts(mode: ContentMode, spans: bool, events: bool) -> None:
    capture = ContentCapture(mode)
    assert (capture.on_spans, capture.as_events) == (spans, events)


@pytest.mark.parametrize("value", ["SPAN_ONLY", "span_only", " Span_Only "])
def test_the_environment_names_the_mode_in_any_case(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert ContentCapture.from_environment() == ContentCapture(ContentMode.SPAN_ONLY)


@pytest.mark.parametrize("mode", ContentMode)
def test_every_mode_has_its_name_in_the_environment(monkeypatch: pytest.MonkeyPatch, mode: ContentMode) -> None:
    monkeypatch.setenv(VARIABLE, mode.name)
    assert ContentCapture.from_environment().mode is mode


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_word_nothing_is_captured_and_nothing_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str | None
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False) if value is None else monkeypatch.setenv(VARIABLE, value)
    assert ContentCapture.from_environment().mode is ContentMode.NO_CONTENT
    assert caplog.records == []


@pytest.mark.parametrize("value", ["true", "1", "SPANS_ONLY", "span-only", KEY])
def test_a_wrong_word_is_logged_once_and_captures_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    content_module._mode.cache_clear()
    monkeypatch.setenv(VARIABLE, value)
    with caplog.at_level(logging.WARNING, "lightagent"):
        captures = [ContentCapture.from_environment() for _ in range(3)]
    assert [capture.mode for capture in captures] == [ContentMode.NO_CONTENT] * 3
    assert len(caplog.records) == 1
    assert VARIABLE in caplog.text
    assert KEY not in caplog.text


# The form of messages


def test_a_request_in_the_form_of_the_conventions() -> None:
    told = {
        name: parsed(text) for name, text in ContentCapture(ContentMode.SPAN_ONLY).request(CONVERSATION, [TOOL]).items()
    }
    assert told["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert told["gen_ai.tool.definitions"] == [
        {"type": "function", "name": "look_up", "description": "Looks things up.", "parameters": TOOL.parameters}
    ]
    context = '<context source="{}" trust="untrusted">\n{}\n</context>'
    assert told["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": context.format("memory", "The user likes tea.")}]},
        {"role": "user", "parts": [{"type": "text", "content": context.format("skills", "How to brew.")}]},
        {"role": "user", "parts": [{"type": "text", "content": "What should I drink?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call_1", "name": "look_up", "arguments": {"what": "tea"}}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"kinds": ["green", "black"]}}],
        },
    ]


@pytest.mark.parametrize(
    ("told", "reason"),
    [("stop", "stop"), ("tool_calls", "tool_call"), ("function_call", "tool_call"), ("length", "length")],
)
def test_a_reply_in_the_form_of_the_conventions(told: str, reason: str) -> None:
    said = AssistantMessage("Tea.", (ToolCall("c", "brew", "{}"),), reasoning="They like it.")
    [text] = ContentCapture(ContentMode.SPAN_ONLY).reply(said, told).values()
    assert parsed(text) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "They like it."},
                {"type": "text", "content": "Tea."},
                {"type": "tool_call", "id": "c", "name": "brew", "arguments": {}},
            ],
            "finish_reason": reason,
        }
    ]


def test_a_reply_that_nobody_ended_says_so() -> None:
    [text] = ContentCapture(ContentMode.SPAN_ONLY).reply(AssistantMessage("Te"), None).values()
    assert '"finish_reason":"unknown"' in text


def test_bytes_are_left_out_and_addresses_are_kept() -> None:
    asked = UserMessage(
        (
            {"type": "text", "text": "Look."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo"}},
            {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png?key=0123456789"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "poem", "verse": "Roses"},
        )
    )
    [text] = ContentCapture(ContentMode.SPAN_ONLY).request([asked], ()).values()
    messages = parsed(text)
    assert problems("gen_ai.input.messages", messages) == []
    assert messages == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look."},
                {"type": "lightagent.bytes_left_out", "modality": "image", "characters": 33, "mime_type": "image/png"},
                {"type": "uri", "modality": "image", "uri": "https://pictures.example/1.png?key=***"},
                {"type": "lightagent.bytes_left_out", "modality": "audio", "characters": 6, "mime_type": "audio/wav"},
                {"type": "file", "modality": "document", "file_id": "file-1"},
                {"type": "poem", "verse": "Roses"},
            ],
        }
    ]


@pytest.mark.parametrize("url", ["data:,canary", "data:canary;base64,AAAA", "canary", "data:text/plain,canary"])
def test_no_text_is_left_of_an_address_that_holds_its_content(url: str) -> None:
    asked = UserMessage(({"type": "image_url", "image_url": {"url": url}},))
    [text] = ContentCapture(ContentMode.SPAN_ONLY).request([asked], ()).values()
    assert "lightagent.bytes_left_out" in text
    assert "canary" not in text


@pytest.mark.parametrize("text", ["plain", "12", "null", '"quoted"', "{broken", "[1, NaN"])
def test_a_result_that_is_no_object_is_told_as_it_is(text: str) -> None:
    assert ContentCapture(ContentMode.SPAN_ONLY).result(text) == {"gen_ai.tool.call.result": text}


def test_a_result_that_is_an_object_is_told_as_json() -> None:
    told = ContentCapture(ContentMode.SPAN_ONLY).result('{ "degrees": 21.5,\n "sky": "clear" }')
    assert told == {"gen_ai.tool.call.result": '{"degrees":21.5,"sky":"clear"}'}


# Secrets and redaction


@pytest.mark.parametrize("mode", EVERYWHERE)
@pytest.mark.parametrize("kind", KINDS)
def test_secrets_by_form_are_taken_out_in_every_mode(mode: ContentMode, kind: ContentKind) -> None:
    policy = replacing("canary", f"use {KEY} or password: hunter2-hunter2 here")
    text = " ".join(KINDS[kind](ContentCapture(mode, policy)).values())
    assert "use ***" in text
    assert KEY not in text
    assert "hunter2" not in text


def test_values_under_the_names_of_secrets_are_taken_out_but_no_schema_is() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY)
    arguments: JsonObject = {
        "password": "tea",
        "passcode": 4711,
        "headers": {"X-Session": "42"},
        "keys": ["a"],
        "city": "Rome",
        "max_tokens": 10,
    }
    [text] = capture.arguments(arguments).values()
    assert parsed(text) == {
        "password": "***",
        "passcode": "***",
        "headers": {"X-Session": "***"},
        "keys": ["***"],
        "city": "Rome",
        "max_tokens": 10,
    }
    schema: JsonObject = {
        "type": "object",
        "properties": {"password": {"type": "string"}, "headers": {"type": "object", "properties": {}}},
        "required": ["password"],
    }
    [text] = capture.request((), [ToolSpec("log_in", "", schema)]).values()
    tools = parsed(text)
    assert isinstance(tools, list)
    assert tools[0] == {"type": "function", "name": "log_in", "description": "", "parameters": schema}


@pytest.mark.parametrize("kind", KINDS)
def test_private_data_is_redacted_where_asked(kind: ContentKind) -> None:
    policy = replacing("canary", f"write to {MAIL}")
    assert MAIL in " ".join(KINDS[kind](ContentCapture(ContentMode.SPAN_AND_EVENT, policy)).values())
    assert "write to [redacted]" in " ".join(KINDS[kind](ContentCapture(ContentMode.REDACTED, policy)).values())


def test_redaction_spares_identifiers() -> None:
    """Even those that look like private data: what connects things must not be lost."""
    messages: list[Message] = [
        AssistantMessage(None, (ToolCall(MAIL, MAIL, json.dumps({MAIL: MAIL, "card": CARD, "small": 7})),), name=MAIL),
        ToolMessage(MAIL, json.dumps({MAIL: [MAIL]}), name=MAIL),
    ]
    [text] = ContentCapture(ContentMode.REDACTED).request(messages, ()).values()
    assert parsed(text) == [
        {
            "role": "assistant",
            "name": MAIL,
            "parts": [
                {
                    "type": "tool_call",
                    "id": MAIL,
                    "name": MAIL,
                    "arguments": {MAIL: "[redacted]", "card": "[redacted]", "small": 7},
                }
            ],
        },
        {
            "role": "tool",
            "name": MAIL,
            "parts": [{"type": "tool_call_response", "id": MAIL, "response": {MAIL: ["[redacted]"]}}],
        },
    ]


def test_detectors_can_be_chosen() -> None:
    detector = open_detector("patterns", patterns={"project": "Project [A-Z]\\w+"})
    capture = ContentCapture(ContentMode.REDACTED, detectors=(detector,))
    assert capture.error(f"Project Bluebird, {MAIL}") == {"exception.message": f"[redacted], {MAIL}"}


@pytest.mark.parametrize("before", range(7_900, 8_060, 7))
@pytest.mark.parametrize("secret", [KEY, MAIL])
def test_no_part_of_a_secret_is_left_where_a_text_is_cut(before: int, secret: str) -> None:
    text = "a" * (before - 1) + " " + secret + " b" * 20_000
    [told] = ContentCapture(ContentMode.REDACTED).error(text).values()
    assert secret[:6] not in told


@pytest.mark.parametrize("secret", [KEY, MAIL])
def test_no_part_of_a_secret_is_left_where_reading_ends(secret: str) -> None:
    """What is taken out is replaced by less: the end of what was read would be shown if it were not kept back."""
    for shift in range(0, 40, 3):
        text = ("x" * shift) + f" {'s' * 8}@analytical.org " * 300 + secret + "z" * 20_000
        long = f"{'y' * 3_000}@analytical.org " * 5 + secret
        for hostile in (text, long * 3):
            [told] = ContentCapture(ContentMode.REDACTED).error(hostile).values()
            assert secret not in told


class Whole(Detector):
    """Needs texts whole."""

    @property
    def name(self) -> str:
        return "whole"

    @property
    def window(self) -> None:
        return None

    def find(self, text: str) -> Sequence[Finding]:
        return [Finding(0, 3, "start")] if text.endswith("end") else []


def test_a_detector_that_needs_a_text_whole_gets_it_or_the_text_is_not_shown() -> None:
    capture = ContentCapture(ContentMode.REDACTED, detectors=(Whole(),))
    [told] = capture.error("abc" + "." * 50_000 + "end").values()
    assert told.startswith("[redacted]...")
    assert capture.error("abc" + "." * 200_000 + "end") == {"exception.message": "… [200,006 characters left out]"}


# Policies


def replacing(old: str, new: str) -> ContentPolicy:
    return lambda kind, text: text.replace(old, new)


def test_a_policy_sees_what_each_text_is() -> None:
    seen: list[tuple[ContentKind, str]] = []

    def look(kind: ContentKind, text: str) -> str:
        seen.append((kind, text))
        return text

    capture = ContentCapture(ContentMode.SPAN_ONLY, look)
    for asked in KINDS.values():
        asked(capture)
    assert {kind for kind, text in seen if "canary" in text} == set(KINDS)
    seen.clear()
    capture.request(CONVERSATION, [TOOL])
    assert ("tool_arguments", '{"what":"tea"}') in seen
    assert ("tool_result", '{"kinds":["green","black"]}') in seen
    assert [text for kind, text in seen if kind == "memory"] == [REMEMBERED.delimited]


def test_a_policy_leaves_out_one_kind_wherever_it_stands() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY, lambda kind, text: None if kind == "tool_result" else text)
    assert capture.result('{"kinds": ["green"]}') == {}
    text = everything(capture)
    assert "green" not in text
    assert "What should I drink?" in text


def test_numbers_do_not_escape_a_policy() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY, lambda kind, text: None)
    assert capture.arguments({"salary": 90_000}) == {}
    rewriting = ContentCapture(ContentMode.SPAN_ONLY, lambda kind, text: text.replace("90000", "0"))
    assert rewriting.arguments({"salary": 90_000}) == {"gen_ai.tool.call.arguments": '{"salary":0}'}


def test_what_a_policy_gives_for_json_need_not_be_json() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY, lambda kind, text: "(withheld)")
    assert capture.arguments({"salary": 90_000}) == {"gen_ai.tool.call.arguments": '"(withheld)"'}


def raising(kind: ContentKind, text: str) -> str:
    raise ValueError(f"I do not like {text}")


async def asynchronous(kind: ContentKind, text: str) -> str:
    return text


def wrong(answer: object) -> ContentPolicy:
    """A policy that answers what no type checker would let it."""

    class Wrong:
        def __call__(self, kind: ContentKind, text: str, /) -> object:
            return answer() if callable(answer) else answer

    policy: object = Wrong()
    assert isinstance(policy, ContentPolicy)
    return policy


@pytest.mark.parametrize(
    "policy",
    [raising, wrong(3), wrong(b"text"), wrong(True), wrong(["text"]), wrong(lambda: asynchronous("error", "text"))],
    ids=["raises", "a number", "bytes", "a boolean", "a list", "a coroutine"],
)
def test_a_policy_that_fails_leaves_out_all_and_is_logged_once(
    policy: ContentPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    capture = ContentCapture(ContentMode.SPAN_AND_EVENT, policy)
    with caplog.at_level(logging.DEBUG):
        text = everything(capture)
    for word in ("canary", "tea", "Tea", "brew", "brief", "drink", "green", "Looks"):
        assert word not in text
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "lightagent"
    assert "canary" not in caplog.text
    assert "do not like" not in caplog.text


class Broken(Whole):
    """Fails."""

    def find(self, text: str) -> Sequence[Finding]:
        raise RuntimeError(text)


def test_a_detector_that_fails_leaves_out_texts_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    capture = ContentCapture(ContentMode.REDACTED, detectors=(Broken(),))
    with caplog.at_level(logging.DEBUG):
        assert "canary" not in everything(capture)
    assert len(caplog.records) == 1
    assert "canary" not in caplog.text


def test_what_is_no_message_at_all_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY)
    foreign: JsonObject = {"what": "tea"}
    foreign["more"] = foreign
    assert (
        problems("gen_ai.tool.call.arguments", parsed(capture.arguments(foreign)["gen_ai.tool.call.arguments"])) == []
    )


# Limits


@pytest.mark.parametrize(
    ("text", "attribute", "span", "told"),
    [
        (99, 2_000, 8_000, "text"),
        (100, 1_999, 8_000, "attribute"),
        (100, 2_000, 7_999, "span"),
        (True, 2_000, 8_000, "text"),
    ],
)
def test_limits_that_leave_nothing_are_refused(text: int, attribute: int, span: int, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ContentLimits: {told} must be at least"):
        ContentLimits(text, attribute, span)


def test_limits_grow_from_a_text_to_a_span() -> None:
    with pytest.raises(ConfigurationError, match="text must not exceed attribute"):
        ContentLimits(text=3_000, attribute=2_000, span=8_000)


def test_the_mark_says_how_much_is_missing() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY, limits=ContentLimits(text=100, attribute=2_000, span=8_000))
    assert capture.error("x" * 100) == {"exception.message": "x" * 100}
    assert capture.error("x" * 101) == {"exception.message": "x" * 40 + "… [61 characters left out]"}
    assert capture.error("x" * 1_000_000) == {"exception.message": "x" * 40 + "… [999,960 characters left out]"}


HM: JsonObject = {"type": "text", "text": "hm"}

SMALL = ContentLimits(text=400, attribute=2_000, span=8_000)

LONG: dict[str, Asked] = {
    "one long text": lambda capture: capture.request([UserMessage("x" * 100_000)], ()),
    "many messages": lambda capture: capture.request([UserMessage(f"{n} " * 20) for n in range(500)], ()),
    "many parts": lambda capture: capture.request([UserMessage(tuple(HM for _ in range(5_000)))], ()),
    "many calls": lambda capture: capture.reply(
        AssistantMessage(None, tuple(ToolCall(f"call_{n}", "f" * 300, '{"a": 1}') for n in range(500))), "tool_calls"
    ),
    "many tools": lambda capture: capture.request((), [TOOL] * 500),
    "many instructions": lambda capture: capture.request([SystemMessage("Be brief.")] * 500, ()),
    "many arguments": lambda capture: capture.arguments({f"name {n}": n for n in range(5_000)}),
    "many items": lambda capture: capture.arguments({"list": [*range(100_000)]}),
    "long names": lambda capture: capture.arguments({"n" * 100_000: {"m" * 100_000: 1}}),
    "deep lists": lambda capture: capture.arguments({"list": nested(200)}),
    "escapes": lambda capture: capture.result("\x01\x02" * 50_000),
    "escapes in JSON": lambda capture: capture.arguments({"text": '\x01"\n' * 50_000}),
    "a long number": lambda capture: capture.arguments({"number": 10**4_000}),
    "many memories": lambda capture: capture.memories([(f"m{n}", 0.5, "x" * 90) for n in range(1_000)]),
    "a long question": lambda capture: capture.question('"' * 100_000),
    "a long id": lambda capture: capture.reply(
        AssistantMessage(None, (ToolCall("\x01" * 9_000, "\x01" * 9_000, "[" * 9_000),)), None
    ),
    "a long reason": lambda capture: capture.reply(AssistantMessage("x"), "length" * 10_000),
}


def nested(depth: int) -> JsonValue:
    value: JsonValue = "end"
    for _ in range(depth):
        value = [value, value if isinstance(value, str) else 1]
    return value


@pytest.mark.parametrize("long", LONG)
@pytest.mark.parametrize("mode", [ContentMode.SPAN_ONLY, ContentMode.REDACTED])
def test_what_is_too_long_is_cut_within_the_limits_and_stays_valid(long: str, mode: ContentMode) -> None:
    told = LONG[long](ContentCapture(mode, limits=SMALL))
    assert told
    for name, text in told.items():
        assert len(text) <= SMALL.attribute
        assert "left out]" in text or "more" in text or name == "gen_ai.retrieval.documents"
        if name != "gen_ai.tool.call.result" and long != "a long reason":
            assert problems(name, parsed(text)) == []


def test_the_newest_messages_have_precedence() -> None:
    messages = [UserMessage(f"message {n} " + "x" * 300) for n in range(50)]
    [text] = ContentCapture(ContentMode.SPAN_ONLY, limits=SMALL).request(messages, ()).values()
    told = parsed(text)
    assert isinstance(told, list)
    assert told[0] == {"role": "system", "parts": [{"type": "text", "content": "… [46 earlier messages left out]"}]}
    assert "message 49 " in text
    assert "message 45 " not in text


def test_all_texts_of_one_span_keep_within_its_limit() -> None:
    capture = ContentCapture(ContentMode.SPAN_ONLY, limits=ContentLimits(text=8_000, attribute=8_000, span=8_000))
    long = "x" * 50_000
    chat = [
        capture.request([SystemMessage(long), UserMessage(long)], [ToolSpec("f", long, {"type": "object"})]),
        capture.reply(AssistantMessage(long), "stop"),
        capture.error(long),
    ]
    tool = [capture.arguments({"what": long}), capture.result(long), capture.error(long)]
    agent = [capture.question(long), capture.answer(long), capture.error(long)]
    recall = [capture.query(long), capture.memories([("m", 1.0, long)]), capture.error(long)]
    for span in (chat, tool, agent, recall):
        assert all(attributes and all("left out]" in text for text in attributes.values()) for attributes in span)
        assert sum(len(text) for attributes in span for text in attributes.values()) <= 8_000


# Hostile texts


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udc00b", "\0", "\ud83d\ude00", "\u202e", "\ufeff", "\x1b[31m", '"}]', "\\u0000"]
)
@pytest.mark.parametrize("mode", EVERYWHERE)
def test_odd_characters_can_be_stored_anywhere(mode: ContentMode, text: str) -> None:
    capture = ContentCapture(mode, replacing("canary", text))
    told = [asked(capture) for asked in KINDS.values()]
    told += [
        capture.reply(AssistantMessage(text, (ToolCall(text, text, json.dumps({"name": text})),), name=text), "stop")
    ]
    told += [capture.request([ToolMessage(text, text, name=text)], ())]
    for attributes in told:
        for name, value in attributes.items():
            assert "\0" not in value
            value.encode()
            if name not in ("gen_ai.tool.call.result", "gen_ai.tool.call.arguments", "exception.message"):
                assert problems(name, parsed(value)) == []


BIG: dict[str, Callable[[int], str]] = {
    "words": lambda size: "and so on " * (size // 10),
    "one letter": lambda size: "x" * size,
    "mails": lambda size: "ada@analytical.org " * (size // 19),
    "digits": lambda size: "4111 " * (size // 5),
    "invisible": lambda size: "a\u200b" * (size // 2),
    "halves": lambda size: "\ud800" * size,
    "controls": lambda size: "\x01" * size,
    "brackets": lambda size: "[" * size,
    "objects": lambda size: '{"a":' * (size // 5),
    "numbers": lambda size: f"[{'1,' * (size // 2)}1]",
    "blanks after a word": lambda size: "password" + " " * size,
    "an open quote": lambda size: 'password: "' + "x" * size,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("big", BIG)
def test_ten_megabytes_take_no_longer_than_reading_them_once(big: str) -> None:
    """What is shown is bounded, and so is the work: growth tenfold costs no more than tenfold, and seconds never."""
    capture = ContentCapture(ContentMode.REDACTED)
    text = BIG[big](10_000_000)
    for ask in (
        capture.error,
        capture.question,
        capture.result,
        lambda one: capture.request([ToolMessage("c", one)], ()),
    ):
        began = time.process_time()
        told = ask(text)
        assert time.process_time() - began < 10
        assert all(len(value) <= 32_000 for value in told.values())


def test_one_capture_serves_many_threads() -> None:
    capture = ContentCapture(ContentMode.REDACTED)
    wanted = everything(capture)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(everything(capture))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 8


# Any conversation

TEXTS = st.text(st.characters(), max_size=60) | st.sampled_from([KEY, MAIL, "x" * 3_000, "\ud800", "\0", "{", "[1]"])
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=12,
)
CALLS = st.builds(ToolCall, TEXTS, TEXTS, TEXTS | VALUES.map(json.dumps))
PARTS = st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}) | st.dictionaries(TEXTS, VALUES, max_size=4)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(SystemMessage, TEXTS),
    st.builds(UserMessage, TEXTS | st.lists(PARTS, max_size=4).map(tuple), st.none() | TEXTS),
    st.builds(ContextMessage, st.sampled_from(["memory", "lessons", "skills", "own"]), TEXTS),
    st.builds(
        AssistantMessage,
        st.none() | TEXTS,
        st.lists(CALLS, max_size=3).map(tuple),
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
    ),
    st.builds(ToolMessage, TEXTS, TEXTS | VALUES.map(json.dumps), st.none() | TEXTS),
)
POLICIES: list[ContentPolicy | None] = [
    None,
    raising,
    replacing("a", ""),
    lambda kind, text: None,
    lambda kind, text: "]",
]


@given(
    st.lists(MESSAGES, max_size=12),
    st.sampled_from(EVERYWHERE),
    st.sampled_from(POLICIES),
    st.sampled_from([ContentLimits(), SMALL]),
)
@example([UserMessage(({"type": "text"},))], ContentMode.REDACTED, None, SMALL)
def test_whatever_was_said_the_json_parses_and_validates(
    messages: list[Message], mode: ContentMode, policy: ContentPolicy | None, limits: ContentLimits
) -> None:
    capture = ContentCapture(mode, policy, limits)
    told = [capture.request(messages, [TOOL] * len(messages))]
    told += [capture.reply(message, "stop") for message in messages if isinstance(message, AssistantMessage)]
    for attributes in told:
        assert sum(map(len, attributes.values())) <= limits.span // 2
        for name, text in attributes.items():
            text.encode()
            assert len(text) <= limits.attribute
            assert problems(name, parsed(text)) == []
            assert KEY not in text
            if mode is ContentMode.REDACTED:
                assert not any(MAIL in one for one in contents(parsed(text)))


def contents(value: JsonValue) -> list[str]:
    """The texts of messages, without identifiers."""
    if isinstance(value, dict):
        own = [one for name, one in value.items() if name == "content" and isinstance(one, str)]
        return own + [one for inner in value.values() for one in contents(inner)]
    return [one for inner in value for one in contents(inner)] if isinstance(value, list) else []
