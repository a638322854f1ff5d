"""What telemetry sees of a server: runs below the spans of callers, requests and runs as metrics, or nothing at all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry import trace
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, NumberDataPoint
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatModel
from lightagent.settings.sections.serve import ServeSettings
from tests.functional.test_serving_connections import SlowModel
from tests.support.asgi_calls import answer_to, calling, chat
from tests.support.recorded_spans import RecordedSpans

CHAT = "/v1/chat/completions"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1", "baggage": "of=a-stranger"}
DURATION, ACTIVE = "http.server.request.duration", "http.server.active_requests"


def served_with(seen: RecordedSpans, model: ChatModel, settings: ServeSettings | None = None) -> Starlette:
    return serve(LightAgent(name="helper", model=model, telemetry=[seen.sink]), telemetry=seen.sink, settings=settings)


def points(seen: RecordedSpans, name: str) -> list[tuple[Mapping[str, object], float]]:
    """The attributes and the value of each point of a metric; of a histogram how often it was measured."""
    found: list[tuple[Mapping[str, object], float]] = []
    for metric in metrics(seen):
        if metric.name == name:
            for point in metric.data.data_points:
                value = point.value if isinstance(point, NumberDataPoint) else 0
                count = point.count if isinstance(point, HistogramDataPoint) else value
                found.append((dict(point.attributes or {}), count))
    return found


def metrics(seen: RecordedSpans) -> list[Metric]:
    data = seen.reader.get_metrics_data()
    resources = () if data is None else data.resource_metrics
    return [metric for one in resources for scope in one.scope_metrics for metric in scope.metrics]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_spans_of_a_run_stand_below_the_callers(stream: bool) -> None:
    seen = RecordedSpans()
    app = served_with(seen, ScriptedModel("Hello."))
    answer = await answer_to(app, CHAT, chat("Hi", stream=stream), headers=CALLER)
    assert answer.status == 200
    (agent,) = [span for span in seen.ended if span.name == "invoke_agent helper"]
    assert agent.context is not None
    assert agent.parent is not None
    assert (f"{agent.context.trace_id:032x}", f"{agent.parent.span_id:016x}") == (TRACE, SPAN)
    assert agent.parent.is_remote
    assert agent.parent.trace_state.get("vendor") == "1"


@pytest.mark.parametrize(
    "traceparent", ["", "00-" + "0" * 32 + f"-{SPAN}-01", "zz", f"00-{TRACE}-{SPAN}", "\N{SNOWMAN}", "00-" * 9000]
)
async def test_what_is_no_trace_begins_a_new_one(traceparent: str) -> None:
    seen = RecordedSpans()
    app = served_with(seen, ScriptedModel("Hello."))
    raw = traceparent.encode().decode("latin-1")
    assert (await answer_to(app, CHAT, chat("Hi"), headers={"traceparent": raw})).status == 200
    (agent,) = [span for span in seen.ended if span.name == "invoke_agent helper"]
    assert agent.parent is None


async def test_requests_are_measured_by_the_conventions() -> None:
    seen = RecordedSpans()
    app = served_with(seen, ScriptedModel(["Hello.", "Hello."]))
    await answer_to(app, CHAT, chat("Hi"))
    await answer_to(app, CHAT, chat("Hi", stream=True))
    await answer_to(app, CHAT, {"model": "none", "messages": []})
    await answer_to(app, "/v1/models/some-model", method="GET")
    await answer_to(app, "/no/such/place", method="BREW")
    post = {"http.request.method": "POST", "url.scheme": "http", "network.protocol.version": "1.1", "http.route": CHAT}
    get = {**post, "http.request.method": "GET", "http.route": "/v1/models/{model}"}
    other = {key: value for key, value in post.items() if key != "http.route"} | {"http.request.method": "_OTHER"}
    measured = points(seen, DURATION)
    assert measured == [
        ({**post, "http.response.status_code": 200}, 2),
        ({**post, "http.response.status_code": 400}, 1),
        ({**get, "http.response.status_code": 404}, 1),
        ({**other, "http.response.status_code": 404}, 1),
    ]
    assert {count for _, count in points(seen, ACTIVE)} == {0}


async def test_a_server_that_is_mounted_tells_the_whole_route() -> None:
    seen = RecordedSpans()
    app = Starlette(routes=[Mount("/agents", served_with(seen, ScriptedModel("Hello.")))])
    await answer_to(app, f"/agents{CHAT}", chat("Hi"))
    ((attributes, _),) = points(seen, DURATION)
    assert (attributes["http.route"], attributes["http.response.status_code"]) == (f"/agents{CHAT}", 200)


async def test_what_fails_by_the_servers_fault_has_the_status_as_its_error() -> None:
    def model(_: object) -> str:
        raise RuntimeError("nobody is to read this")

    seen = RecordedSpans()
    await answer_to(served_with(seen, ScriptedModel(model)), CHAT, chat("Hi"))
    ((attributes, _),) = points(seen, DURATION)
    assert attributes["error.type"] == str(attributes["http.response.status_code"])
    assert "nobody" not in str(attributes)


async def test_what_goes_on_and_what_waits_is_told() -> None:
    seen, model = RecordedSpans(), SlowModel()
    app = served_with(seen, model, ServeSettings(runs=1))
    async with calling(app, CHAT, chat("One", stream=True)) as one:
        await model.asked.wait()
        async with calling(app, CHAT, chat("Two", stream=True)) as two:
            await two.until(lambda: b"assistant" in two.body)
            assert points(seen, "lightagent.server.runs") == [({}, 1)]
            assert points(seen, "lightagent.server.waiting_runs") == [({}, 1)]
            assert points(seen, ACTIVE) == [({"http.request.method": "POST", "url.scheme": "http"}, 2)]
            model.go_on.set()
            await two.ended()
        await one.ended()
    assert points(seen, "lightagent.server.runs") == [({}, 0)]
    assert points(seen, ACTIVE) == [({"http.request.method": "POST", "url.scheme": "http"}, 0)]


async def test_a_client_that_leaves_is_measured_once() -> None:
    seen, model = RecordedSpans(), SlowModel()
    async with calling(served_with(seen, model), CHAT, chat("Hi", stream=True)) as call:
        await model.asked.wait()
        call.leave()
        await call.ended()
    assert [count for _, count in points(seen, DURATION)] == [1]
    assert [count for _, count in points(seen, ACTIVE)] == [0]


async def test_a_server_that_something_else_instruments_is_left_to_it() -> None:
    seen = RecordedSpans()
    app = served_with(seen, ScriptedModel("Hello."))

    async def instrumented(scope: Scope, receive: Receive, send: Send) -> None:
        with seen.app.start_as_current_span("POST /v1/chat/completions"):
            await app(scope, receive, send)

    await answer_to(instrumented, CHAT, chat("Hi"), headers=CALLER)
    assert not points(seen, DURATION)
    names = {span.context.span_id: span.name for span in seen.ended if span.context is not None}
    (agent,) = [span for span in seen.ended if span.name == "invoke_agent helper"]
    assert agent.parent is not None
    assert names[agent.parent.span_id] == "POST /v1/chat/completions"


async def test_requests_at_once_do_not_share_their_traces() -> None:
    seen, slow = RecordedSpans(), SlowModel()
    app = served_with(seen, slow)
    others = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    async with calling(app, CHAT, chat("One", stream=True), headers=CALLER) as one:
        await slow.asked.wait()
        two = asyncio.create_task(answer_to(app, CHAT, chat("Two"), headers=others))
        slow.go_on.set()
        await asyncio.gather(two, one.ended())
    traces = {span.context.trace_id for span in seen.ended if span.context is not None}
    assert {f"{trace:032x}" for trace in traces} == {TRACE, "1" * 32}


async def test_without_opentelemetry_nothing_is_loaded_or_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    app = serve(LightAgent(name="helper", model=ScriptedModel([call_tool("none"), "Hello."])))
    answer: JsonObject = (await answer_to(app, CHAT, chat("Hi"), headers=CALLER)).message
    assert answer["content"] == "Hello."
    assert not [name for name in sys.modules if name.startswith("opentelemetry")]


async def test_an_application_can_have_it_off() -> None:
    seen = RecordedSpans()
    agent = LightAgent(name="helper", model=ScriptedModel("Hello."), telemetry=[seen.sink])
    await answer_to(serve(agent, telemetry=False), CHAT, chat("Hi"))
    assert not points(seen, DURATION)


async def test_the_providers_of_the_application_are_used_once_it_has_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = RecordedSpans()
    app = serve(LightAgent(name="helper", model=ScriptedModel(["Hello.", "Hello."])))
    await answer_to(app, CHAT, chat("Hi"), headers=CALLER)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", seen.provider)
    monkeypatch.setattr(metrics_api, "_METER_PROVIDER", seen.meters)
    await answer_to(app, CHAT, chat("Hi"), headers=CALLER)
    assert [count for _, count in points(seen, DURATION)] == [1]
    assert {span.context.trace_id for span in seen.ended if span.context is not None} == {int(TRACE, 16)}
