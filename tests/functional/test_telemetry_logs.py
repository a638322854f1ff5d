"""Lines that are logged about runs carry the ids of their traces and spans, by the ways that applications have."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.trace import INVALID_SPAN, get_current_span

from lightagent import ApprovalDecision, LightAgent, Suspended, tool
from lightagent.testing import ScriptedModel, call_tool
from tests.support.recorded_spans import RecordedSpans, span_id

LOGGER = logging.getLogger("lightagent")


class Lines(logging.Handler):
    """Keeps the lines of the agent that is called clerk: threads that other tests have left may log as well."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("clerk "):
            self.records.append(record)

    def told(self) -> set[tuple[str, str]]:
        """The ids that an instrumentation has put into the lines."""
        return {(vars(record)["otelTraceID"], vars(record)["otelSpanID"]) for record in self.records}


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines of the logger, as a handler of an application gets them."""
    handler, level = Lines(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield handler
    LOGGER.setLevel(level)
    LOGGER.removeHandler(handler)


@pytest.fixture(name="ids_in_lines")
def _ids_in_lines() -> Iterator[None]:
    """Records as `opentelemetry-instrumentation-logging` makes them, where it is told to put ids into them."""
    plain = logging.getLogRecordFactory()

    def make(*arguments: object, **named: object) -> logging.LogRecord:
        record = plain(*arguments, **named)
        span = get_current_span()
        context = span.get_span_context()
        told = span is not INVALID_SPAN and context.is_valid
        record.otelTraceID = f"{context.trace_id:032x}" if told else "0"
        record.otelSpanID = f"{context.span_id:016x}" if told else "0"
        return record

    logging.setLogRecordFactory(make)
    yield
    logging.setLogRecordFactory(plain)


@pytest.fixture
def exported() -> Iterator[InMemoryLogRecordExporter]:
    """The lines of the logger as the SDK's handler exports them."""
    make: Callable[[], InMemoryLogRecordExporter] = InMemoryLogRecordExporter
    exporter, loggers = make(), LoggerProvider()
    loggers.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        handler = LoggingHandler(logger_provider=loggers)  # It has moved to a package of its own, as it is.
    LOGGER.addHandler(handler)
    yield exporter
    LOGGER.removeHandler(handler)


@tool
def work() -> str:
    """Works."""
    return "worked"


@tool(requires_approval=True)
def guarded() -> str:
    """Works once a human has agreed."""
    return "worked"


def agent_of(spans: RecordedSpans | None) -> LightAgent[None, str]:
    model = ScriptedModel([call_tool("work"), "done"])
    return LightAgent(name="clerk", model=model, tools=[work], telemetry=False if spans is None else [spans.sink])


@pytest.mark.usefixtures("ids_in_lines")
@pytest.mark.parametrize("way", ["run", "arun", "stream"])
async def test_an_instrumented_line_names_the_span_of_its_run(way: str, lines: Lines) -> None:
    spans = RecordedSpans()
    agent = agent_of(spans)
    if way == "run":
        agent.run("?")
    elif way == "arun":
        await agent.arun("?")
    else:
        async for _ in agent.astream("?"):
            assert get_current_span() is INVALID_SPAN
    root = spans.one("invoke_agent")
    assert root.context is not None
    assert len(lines.records) > 4
    assert lines.told() == {(f"{root.context.trace_id:032x}", f"{span_id(root):016x}")}
    assert get_current_span() is INVALID_SPAN
    assert [event.name for event in root.events] == []


@pytest.mark.usefixtures("lines")
async def test_an_exported_line_is_below_the_span_of_its_run(exported: InMemoryLogRecordExporter) -> None:
    spans = RecordedSpans()
    await agent_of(spans).arun("?")
    records = [one.log_record for one in exported.get_finished_logs()]
    records = [record for record in records if str(record.body).startswith("clerk ")]
    assert records
    root = spans.one("invoke_agent")
    assert root.context is not None
    assert {(record.trace_id, record.span_id) for record in records} == {(root.context.trace_id, span_id(root))}


@pytest.mark.usefixtures("ids_in_lines")
async def test_lines_of_both_parts_of_a_resumed_run_name_their_own_spans(lines: Lines) -> None:
    spans = RecordedSpans()
    model = ScriptedModel([call_tool("guarded"), "done"])
    agent = LightAgent(name="clerk", model=model, tools=[guarded], telemetry=[spans.sink])
    first = await agent.arun("?", result_format="object")
    assert isinstance(first.outcome, Suspended)
    lines.records.clear()
    await agent.aresume(first.journal, {first.outcome.call_ids[0]: ApprovalDecision.approve()})
    suspended, resumed = (span for span in spans.all if span.name.startswith("invoke_agent"))
    assert {own for _, own in lines.told()} == {f"{span_id(resumed):016x}"} != {f"{span_id(suspended):016x}"}


@pytest.mark.usefixtures("ids_in_lines")
async def test_a_line_of_a_run_that_nobody_traces_is_within_the_span_of_its_caller(lines: Lines) -> None:
    spans = RecordedSpans()
    with spans.app.start_as_current_span("request") as outer:
        await agent_of(None).arun("?")
    assert {own for _, own in lines.told()} == {f"{outer.get_span_context().span_id:016x}"}


async def test_without_opentelemetry_the_whole_trace_id_stands_in_each_line(lines: Lines) -> None:
    result = await agent_of(None).arun("?", result_format="object")
    assert len(result.trace_id) == 32
    assert all(f" {result.trace_id} " in record.getMessage() for record in lines.records)
