"""An application that has set its OpenTelemetry providers has its agents traced; every other one is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol, cast

import pytest

from lightagent import ConfigurationError, LightAgent, TelemetrySink
from lightagent.adapters.chat.scripted import ScriptedModel
from tests.support.warm_programs import WarmPrograms

BEGIN = """
import json, sys
from lightagent import LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel

def agent(**options):
    return LightAgent(name="clerk", model=ScriptedModel(["done"] * 9), **options)

def loaded(name):
    return sorted(module for module in sys.modules if module.startswith(name))
"""

PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))

def names():
    return [span.name for span in exporter.get_finished_spans()]
"""


class Told(Protocol):
    """What a program of its own process prints last, as JSON; it writes nothing to stderr."""

    def __call__(self, program: str, **environ: str) -> object:
        """Run the program with these variables."""


@pytest.fixture
def told(tmp_path: Path, warm_programs: WarmPrograms) -> Told:
    def run(program: str, **environ: str) -> object:
        file = tmp_path / "program.py"
        file.write_text(BEGIN + program, encoding="utf-8")
        done = warm_programs.run(file, folder=tmp_path, environment={**os.environ, **environ})
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_an_application_without_opentelemetry_does_not_load_it(told: Told) -> None:
    assert told("agent().run('?'); print(json.dumps(loaded('opentelemetry')))") == []


def test_without_a_provider_the_adapter_is_not_loaded_and_none_is_set(told: Told) -> None:
    program = """
from opentelemetry import metrics, trace
agent().run("?")
print(json.dumps([loaded("lightagent.adapters.telemetry.otel"), trace._TRACER_PROVIDER]))
"""
    # With this variable the API's own getter makes a provider, and refuses the application's afterwards.
    assert told(program, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider") == [[], None]


def test_a_provider_that_is_set_later_is_used_from_the_next_run_on(told: Told) -> None:
    program = """
one = agent()
one.run("?")
trace.set_tracer_provider(provider)
one.run("?")
print(json.dumps(names()))
"""
    assert told(PROVIDER + program) == ["chat scripted", "invoke_agent clerk"]


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ("telemetry=False", {}),
        ("", {"LIGHTAGENT_TELEMETRY": "off"}),
        ("", {"OTEL_SDK_DISABLED": "true"}),
    ],
)
def test_an_application_can_say_no(told: Told, options: str, environ: dict[str, str]) -> None:
    program = f"""
trace.set_tracer_provider(provider)
agent({options}).run("?")
print(json.dumps(names()))
"""
    assert told(PROVIDER + program, **environ) == []


def test_the_variable_switches_sinks_off_that_make_spans_and_no_other(told: Told) -> None:
    program = """
from lightagent import TraceRecorder
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
recorder = TraceRecorder(enabled=True)
agent(telemetry=[OpenTelemetrySink(tracer_provider=provider), recorder]).run("?")
print(json.dumps([names(), len(recorder.events)]))
"""
    assert told(PROVIDER + program, LIGHTAGENT_TELEMETRY="off") == [[], 4]


def test_a_sink_of_the_agent_stands_in_for_the_providers_of_the_application(told: Told) -> None:
    program = """
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
trace.set_tracer_provider(provider)
agent(telemetry=[OpenTelemetrySink(tags=("blue",))]).run("?")
print(json.dumps(names()))
"""
    assert told(PROVIDER + program) == ["chat scripted", "invoke_agent clerk"]


def test_a_sink_without_providers_sets_none(told: Told) -> None:
    program = """
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
one = agent(telemetry=[OpenTelemetrySink()])
one.run("?")
before = [trace._TRACER_PROVIDER, names()]
trace.set_tracer_provider(provider)
one.run("?")
print(json.dumps([before, names()]))
"""
    # As above: the API's getter would make one.
    said = told(PROVIDER + program, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider")
    assert said == [[None, []], ["chat scripted", "invoke_agent clerk"]]


def test_a_meter_provider_alone_gets_measurements(told: Told) -> None:
    program = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
agent().run("?")
data = reader.get_metrics_data()
found = {one.name for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics}
print(json.dumps(sorted(found)))
"""
    assert told(program) == ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"]


def test_telemetry_true_says_nothing() -> None:
    with pytest.raises(ConfigurationError, match="telemetry"):
        LightAgent(model=ScriptedModel(["a"]), telemetry=cast("list[TelemetrySink]", True))
