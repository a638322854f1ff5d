"""Events of model calls: structured, within what the conventions let them hold, and to the application's provider."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry._logs import _internal as logs_api
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from opentelemetry.util.types import AnyValue

from lightagent import ContentCapture, ContentMode, ToolSpec
from lightagent.adapters.telemetry.otel import content_events
from lightagent.adapters.telemetry.otel.attribute_names import V1_41_1
from lightagent.adapters.telemetry.otel.content_events import (
    application_provider,
    details,
    emit,
    exception_details,
)
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, UserMessage

DETAILS, EXCEPTION = V1_41_1.details_event, V1_41_1.exception_event
CAPTURE = ContentCapture(ContentMode.EVENT_ONLY)
TOOL = ToolSpec("look_up", "Looks things up.", {"type": "object"})
SPAN = SpanContext(0x1234, 0x56, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class Kept(LogRecordProcessor):
    """Keeps what is emitted."""

    def __init__(self) -> None:
        self.records: list[ReadWriteLogRecord] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.records.append(log_record)

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class Broken(Kept):
    """Fails, and says what it was given."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        raise RuntimeError(str(log_record.log_record.attributes))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def provider(kept: Kept) -> Iterator[LoggerProvider]:
    made = LoggerProvider(shutdown_on_exit=False)
    made.add_log_record_processor(kept)
    yield made
    made.shutdown()


def context() -> Context:
    return set_span_in_context(NonRecordingSpan(SPAN), Context())


def test_the_attributes_of_an_event_are_structured_and_only_those_it_may_hold() -> None:
    content = {
        **CAPTURE.request([SystemMessage("Be brief."), UserMessage("Tea?")], [TOOL]),
        **CAPTURE.reply(AssistantMessage("Yes."), "stop"),
    }
    span: Mapping[str, AnyValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.top_k": 3,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.input.messages": "[]",
        "lightagent.turn": 1,
        "session.id": "s",
    }
    assert details(V1_41_1, span, content) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [
            {
                "type": "function",
                "name": "look_up",
                "description": "Looks things up.",
                "parameters": {"type": "object"},
            }
        ],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Tea?"}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Yes."}], "finish_reason": "stop"}
        ],
    }


def test_without_content_an_event_holds_none() -> None:
    nothing = ContentCapture()
    content = {**nothing.request([UserMessage("Tea?")], [TOOL]), **nothing.reply(AssistantMessage("Yes."), "stop")}
    assert details(V1_41_1, {"gen_ai.operation.name": "chat", "gen_ai.output.messages": "[]"}, content) == {
        "gen_ai.operation.name": "chat"
    }


def test_an_event_is_emitted_with_the_ids_of_its_span(provider: LoggerProvider, kept: Kept) -> None:
    attributes = details(V1_41_1, {"gen_ai.operation.name": "chat"}, CAPTURE.request([UserMessage("Tea?")], ()))
    assert emit(V1_41_1, DETAILS, attributes, context(), at=1_000, provider=provider)
    [told] = kept.records
    record = told.log_record
    assert record.event_name == DETAILS
    assert (record.trace_id, record.span_id, record.timestamp) == (0x1234, 0x56, 1_000)
    assert record.severity_number is not None
    assert record.severity_number.name == "INFO"
    assert record.attributes is not None
    [message] = list_of(record.attributes["gen_ai.input.messages"])
    assert message == {"role": "user", "parts": ({"type": "text", "content": "Tea?"},)}
    assert told.instrumentation_scope is not None
    assert told.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.41.1"


def list_of(value: object) -> list[object]:
    assert isinstance(value, list | tuple)
    return list(value)


def test_the_text_of_an_exception_is_told_only_where_content_is(provider: LoggerProvider, kept: Kept) -> None:
    assert exception_details(V1_41_1, "LA-503", ContentCapture().error("no tea")) == {"exception.type": "LA-503"}
    told = exception_details(V1_41_1, "LA-503", CAPTURE.error("no tea"))
    assert told == {"exception.type": "LA-503", "exception.message": "no tea"}
    assert emit(V1_41_1, EXCEPTION, told, context(), provider=provider)
    [record] = kept.records
    assert record.log_record.severity_number is not None
    assert record.log_record.severity_number.name == "WARN"


def test_nothing_is_emitted_and_no_provider_set_where_the_application_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_api, "_LOGGER_PROVIDER", None)
    monkeypatch.setenv("OTEL_PYTHON_LOGGER_PROVIDER", "sdk_logger_provider")
    assert application_provider() is None
    assert emit(V1_41_1, DETAILS, {}, context()) is False
    assert logs_api._LOGGER_PROVIDER is None


def test_the_provider_that_the_application_has_set_is_used(
    monkeypatch: pytest.MonkeyPatch, provider: LoggerProvider, kept: Kept
) -> None:
    monkeypatch.setattr(logs_api, "_LOGGER_PROVIDER", provider)
    assert emit(V1_41_1, DETAILS, {"gen_ai.operation.name": "chat"}, context())
    assert len(kept.records) == 1


def test_a_processor_that_fails_reaches_no_run_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    content_events._warn_once.cache_clear()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(Broken())
    with caplog.at_level(logging.DEBUG, "lightagent"):
        assert [emit(V1_41_1, DETAILS, {"secret": "canary"}, context(), provider=provider) for _ in range(3)] == [
            False
        ] * 3
    assert len([record for record in caplog.records if record.name == "lightagent"]) == 1
    assert "canary" not in caplog.text
