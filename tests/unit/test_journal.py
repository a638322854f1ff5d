"""The journal: every event survives JSON, and any other document is a ConfigurationError that names the place."""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import ApprovalDecision, ConfigurationError, Event, Journal, JsonObject, JsonValue
from lightagent.application.journals.event_codec import event_from_dict, event_to_dict
from lightagent.application.journals.journal import SCHEMA_VERSION, format_version
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from lightagent.domain.outcomes import Cancelled, Completed
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import (
    ApprovalDecided,
    ModelReplied,
    ModelRequested,
    Nested,
    Noted,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
    Unrecognized,
)
from lightagent.domain.usage import Usage
from tests.support.generated_events import EVENTS, JSON

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))


def test_every_kind_of_event_is_tried() -> None:
    assert set(EVENTS) == set(get_args(Event))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=CASES // 4)
def test_an_event_survives_json(kind: type, data: st.DataObject) -> None:
    event = data.draw(EVENTS[kind])
    text = json.dumps(event_to_dict(event), allow_nan=False)
    back = event_from_dict(json.loads(text))
    assert back == event
    assert [getattr(back, one.name) for one in fields(back)] == [getattr(event, one.name) for one in fields(event)]


TIMED = {"at", "latency", "first_delta", "duration"}


@given(st.one_of(list(EVENTS.values())))
@settings(max_examples=CASES)
def test_equality_ignores_timing_and_nothing_else(event: Event) -> None:
    for one in fields(event):
        plain, value = event_to_dict(event), getattr(event, one.name)
        if one.name in TIMED:
            assert event_from_dict({**plain, one.name: 1e12}) == event
        elif isinstance(value, str) and one.name not in ("type", "status"):
            assert event_from_dict({**plain, one.name: value + "x"}) != event


CALLED = AssistantMessage(None, (ToolCall("c", "t", '{"x": "\ud83d"}'),), "thought \udc00", None)
HEAD = AgentHead("a", "m", SystemMessage("s"), {"temperature": 0})
WHOLE = Journal(
    (
        RunStarted("r", HEAD, (UserMessage("half a pair: \ud83d"),)),
        ModelRequested(1, 2, ("t",)),
        ModelReplied(1, CALLED, "tool_calls"),
        ToolStarted("c", "t", {"x": "\ud83d"}, "r:1:c"),
        Noted("tool_progress", {"text": "\udfff"}),
        ToolFinished("c", "\ude00 half", at=3.5),
        ModelRequested(2, 4, ("t",)),
        ModelReplied(2, AssistantMessage("\ud83d!"), "stop"),
        RunFinished(Completed("\ud83d!")),
    )
)


def test_a_whole_journal_with_lone_surrogates_survives_text_bytes_and_data() -> None:
    text = WHOLE.to_json()
    assert text.isascii()
    assert Journal.from_json(text) == WHOLE
    assert Journal.from_json(text.encode()) == WHOLE
    assert Journal.from_json(json.loads(text)) == WHOLE
    assert Journal.from_json(text).to_json() == text
    assert Journal.from_json(text).run == WHOLE.run


def changed(document: JsonValue, path: list[str | int], value: JsonValue) -> JsonValue:
    """The document with one value replaced."""
    if not path:
        return value
    step, *rest = path
    if isinstance(document, dict) and isinstance(step, str):
        return {**document, step: changed(document[step], rest, value)}
    assert isinstance(document, list)
    assert isinstance(step, int)
    return [changed(child, rest, value) if at == step else child for at, child in enumerate(document)]


FAILED: JsonObject = {"kind": "failed", "error": {"code": "LA-500", "message": "m", "retryable": 1}}
WRONG: dict[str, tuple[list[str | int], JsonValue, str]] = {
    "newer version": (["schema_version"], SCHEMA_VERSION + 1, f"schema_version is {SCHEMA_VERSION + 1}"),
    "version that is read no more": (
        ["schema_version"],
        1,
        f"schema_version is 1, this version of lightagent reads {SCHEMA_VERSION}",
    ),
    "no version": (["schema_version"], None, "schema_version is None"),
    "version as text": (["schema_version"], "2", "schema_version is '2'"),
    "version as a boolean": (["schema_version"], True, "schema_version is True"),
    "no list": (["events"], {"0": {}}, "events is missing or not a list"),
    "empty": (["events"], [], "begins with run_started"),
    "unknown event": (
        ["events", 1, "type"],
        "model_dreamed",
        r"events\[1\]: the kind of event 'model_dreamed' is not known",
    ),
    "no type": (["events", 1, "type"], None, r"events\[1\]"),
    "event is not an object": (["events", 2], "model_replied", r"events\[2\]"),
    "text for a number": (["events", 1, "turn"], "first", r"events\[1\]\.model_requested\.turn"),
    "number for a text": (["events", 5, "output"], 5, r"events\[5\]\.tool_finished\.output"),
    "unknown status": (["events", 5, "status"], "fine", r"events\[5\]\.tool_finished\.status"),
    "unknown role": (["events", 0, "messages", 0, "role"], "root", r"events\[0\]\.run_started\.messages\.0"),
    "unknown outcome": (["events", 8, "outcome", "kind"], "won", r"events\[8\]\.run_finished\.outcome"),
    "limit out of range": (["events", 0, "limits", "max_retry"], 0, r"events\[0\]\.run_started\.limits.*max_retry"),
    "two starts": (["events", 1], event_to_dict(WHOLE.events[0]), "A run starts once"),
    "a result without a call": (["events", 5, "call_id"], "other", "no call 'other'"),
    "something after the end": (["events", 7], event_to_dict(RunFinished(Cancelled())), "Nothing follows cancelled"),
    "an end before the answer": (["events", 7], event_to_dict(WHOLE.events[8]), "A run completes with the model's"),
    "turn below zero": (["events", 1, "turn"], -5, "turn -5 does not follow turn 0"),
    "digits for a number": (
        ["events", 1, "turn"],
        "1",
        r"events\[1\]\.model_requested\.turn: a int is expected, got a str",
    ),
    "a fraction's form for a count": (["events", 1, "turn"], 1.0, r"events\[1\]\.model_requested\.turn"),
    "a boolean for a count": (["events", 1, "turn"], True, r"events\[1\]\.model_requested\.turn: .* got a bool"),
    "digits for a time": (["events", 5, "at"], "12", r"events\[5\]\.tool_finished\.at"),
    "digits in a limit": (["events", 0, "limits", "timeout"], "9", r"events\[0\]\.run_started\.limits\.timeout"),
    "a number for a boolean": (["events", 8, "outcome"], FAILED, r"outcome\.error\.retryable: .* got a int"),
}


@pytest.mark.parametrize(("path", "value", "place"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_entry_is_refused_with_its_place(path: list[str | int], value: JsonValue, place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        Journal.from_json(json.dumps(changed(json.loads(WHOLE.to_json()), path, value)))


def test_a_decision_of_an_unknown_kind_is_refused_and_not_taken_for_an_approval() -> None:
    decided = event_to_dict(ApprovalDecided("c", ApprovalDecision.approve()))
    assert isinstance(decided["decision"], dict)
    changes: list[JsonObject] = [{"action": "maybe"}, {"action": "edit"}, {"action": "respond"}, {"arguments": {}}]
    for change in changes:
        with pytest.raises(ConfigurationError, match=r"^\[LA-CONFIG\] Journal: event\.approval_decided\.decision"):
            event_from_dict({**decided, "decision": {**decided["decision"], **change}})


STARTED_AT = Journal(WHOLE.events[:1]).to_json()
HOSTILE: dict[str, object] = {
    "empty text": "",
    "not JSON": "{",
    "null": "null",
    "number": "1",
    "text": '"journal"',
    "list": "[]",
    "empty object": "{}",
    "not a document": 5,
    "none": None,
    "a list of events": [event_to_dict(WHOLE.events[0])],
    "bytes that are not text": b"\xff\xfe\x00",
    "half a character": b'"\xe2\x82"',
    "deep lists": "[" * 200_000,
    "deep objects": '{"schema_version":2,"events":' * 50_000,
    "deep event": '{"schema_version": 2, "events": [' + "[" * 800 + "]" * 800 + "]}",
    "deep in an event": STARTED_AT.replace('"temperature": 0', f'"x": {"[" * 900 + "]" * 900}'),
    "a number of many digits": STARTED_AT.replace('"temperature": 0', f'"temperature": {"9" * 20_000}'),
    "a number too large": STARTED_AT.replace('"temperature": 0', '"temperature": 1e999'),
    "not a number": STARTED_AT.replace('"temperature": 0', '"temperature": NaN'),
    "infinity": STARTED_AT.replace('"at": 0.0', '"at": -Infinity'),
    "a name twice": STARTED_AT.replace('"temperature": 0', '"temperature": 0, "temperature": 1'),
    "a million events": '{"schema_version": 2, "events": [' + "0," * 1_000_000 + "0]}",
    "data with a set": {"schema_version": 2, "events": [{"type": "noted", "kind": "x", "data": {"x": {1, 2}}}]},
    "data with no number": {"schema_version": 2, "events": [], "x": math.nan},
}
LOOP: dict[str, object] = {"schema_version": 2}
LOOP["events"] = [LOOP]
HOSTILE["data that holds itself"] = LOOP


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_is_a_configuration_error(document: str) -> None:
    with pytest.raises(ConfigurationError, match="ournal") as caught:
        Journal.from_json(document)
    assert len(str(caught.value)) < 1_000


ENVELOPE = JSON.map(lambda event: json.dumps({"schema_version": 2, "events": [event]}))


@given(st.one_of(st.text(), st.binary(), JSON.map(json.dumps), ENVELOPE))
@settings(max_examples=CASES * 2)
def test_any_other_document_is_a_configuration_error(document: str | bytes) -> None:
    with pytest.raises(ConfigurationError):
        Journal.from_json(document)


@given(st.data())
@settings(max_examples=CASES * 2, deadline=None)
def test_any_change_of_a_journal_is_read_or_refused(data: st.DataObject) -> None:
    document: JsonObject = json.loads(WHOLE.to_json())
    events = document["events"]
    assert isinstance(events, list)
    event = data.draw(st.sampled_from(events))
    assert isinstance(event, dict)
    event[data.draw(st.sampled_from(sorted(event)))] = data.draw(JSON)
    try:
        journal = Journal.from_json(json.dumps(document))
    except ConfigurationError:
        return
    assert Journal.from_json(journal.to_json()) == journal


def test_a_whole_number_is_a_time() -> None:
    document = changed(json.loads(WHOLE.to_json()), ["events", 5, "at"], 12)
    assert isinstance(document, dict)
    at = Journal.from_json(document).events[5].at
    assert (at, type(at)) == (12.0, float)


def test_fields_that_this_version_does_not_know_are_refused() -> None:
    """State that an older reader would drop in silence must not pass."""
    for path in (["events", 1], ["events", 0, "head"], ["events", 2, "message"]):
        document = json.loads(WHOLE.to_json())
        entry = document
        for step in path:
            entry = entry[step]
        entry["added_later"] = {"x": 1}
        with pytest.raises(ConfigurationError, match="'added_later' is not known"):
            Journal.from_json(document)


LATER: JsonObject = {"type": "of_a_later_version", "ignorable": True, "at": 12, "data": {"x": [1, "\ud83d"]}}


def test_an_ignorable_event_of_a_later_version_is_kept_word_for_word() -> None:
    document = json.loads(WHOLE.to_json())
    document["events"].insert(3, LATER)
    journal = Journal.from_json(document)
    assert journal.events[3] == Unrecognized(LATER)
    assert journal.events[3].at == 12
    assert json.loads(journal.to_json()) == document
    assert journal.run == WHOLE.run


@pytest.mark.parametrize("mark", [False, None, "true", 1])
def test_an_event_of_a_later_version_that_is_not_ignorable_is_refused(mark: JsonValue) -> None:
    document = json.loads(WHOLE.to_json())
    document["events"].insert(3, {**LATER, "ignorable": mark})
    with pytest.raises(ConfigurationError, match=r"events\[3\]: the kind of event 'of_a_later_version' is not known"):
        Journal.from_json(document)


def test_the_version_that_is_written_is_the_oldest_that_has_all_kinds_of_event() -> None:
    assert json.loads(WHOLE.to_json())["schema_version"] == 2
    assert format_version(WHOLE.events, {"noted": 3, "concluded": 4}) == 3
    assert format_version((), {"noted": 3}) == 2


def test_tokens_that_were_written_to_a_cache_are_kept_and_make_a_journal_one_of_version_4() -> None:
    plain, written = Usage(10, 2, 12, 3), Usage(10, 2, 12, 3, 1, cache_write_tokens=5)
    for usage, version in ((plain, 2), (written, 4)):
        reply = ModelReplied(1, AssistantMessage("yes"), "stop", usage)
        for event in (reply, Nested("c", reply)):
            assert format_version((event,)) == version
            entry = event_to_dict(event)
            assert ("cache_write_tokens" in json.dumps(entry)) is (usage is written)
            assert event_from_dict(json.loads(json.dumps(entry))) == event


def test_fields_with_a_default_may_be_left_out() -> None:
    asked: JsonObject = {"content": "q", "role": "user"}
    head: JsonObject = {"name": "a", "model": "m", "instructions": {"content": "s"}}
    events: list[JsonValue] = [
        {"type": "run_started", "run_id": "r", "head": head, "messages": [asked]},
        {"type": "model_requested", "turn": 1, "message_count": 1},
        {"type": "model_replied", "turn": 1, "message": {"content": "yes", "role": "assistant"}},
        {"type": "run_finished", "outcome": {"content": "yes", "kind": "completed"}},
    ]
    assert Journal.from_json({"schema_version": 2, "events": events}).run.outcome == Completed("yes")
