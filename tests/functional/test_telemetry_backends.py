"""Runs whose traces go to a collector: by `tracetools`, by settings, and from the command line."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ConfigurationError, LightAgent, MissingExtraError, flush_telemetry, open_app
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.registry import find_adapter
from lightagent.settings import Backend, Settings, TelemetrySettings, load_settings
from tests.functional.test_cli import environment
from tests.servers.otlp import Collector, Mode, grpc_collector, http_collector, values
from tests.support.command_line import call_lightagent

PUBLIC, SECRET = "pk-lf-1234567890", "sk-lf-canary-1234567890"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as one:
        yield one


def tracetools(host: str, **config: object) -> dict[str, dict[str, object]]:
    keys = {"langfuse_public_key": PUBLIC, "langfuse_secret_key": SECRET, "langfuse_host": host}
    return {"TraceToolConfig": {**keys, "langfuse_enabled": True, **config}}


def test_tracetools_send_a_run_to_langfuse(collector: Collector) -> None:
    """The program of the 0.9 line, with a host of ours."""

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    agent = LightAgent(
        name="sums",
        model=ScriptedModel([call_tool("add", a=1, b=2), "Three."]),
        tools=[add],
        tracetools=tracetools(collector.url, langfuse_tags=["a tag", "another"]),
        session_store=MemoryJournalStore(),
    )
    result = agent.run("1 + 2?", user_id="ada", session_id="lesson 1", result_format="object")
    assert flush_telemetry(10)
    spans = {span.name.partition(" ")[0]: values(span.attributes) for span in collector.spans}
    assert set(spans) == {"invoke_agent", "chat", "execute_tool"}
    assert all(one["user.id"] == "ada" for one in spans.values())
    assert all(one["session.id"] == "lesson 1" for one in spans.values())
    assert spans["invoke_agent"]["gen_ai.conversation.id"] == spans["chat"]["gen_ai.conversation.id"] == "lesson 1"
    assert all(one["langfuse.trace.tags"] == ["a tag", "another"] for one in spans.values())
    assert {span.trace_id.hex() for span in collector.spans} == {result.trace_id}
    proof = "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode()
    for request in collector.requests:
        assert request.path == "/api/public/otel/v1/traces"
        assert request.headers["authorization"] == proof
        assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert "Three" not in str(collector.spans)


def test_agents_that_name_the_same_langfuse_share_an_export(collector: Collector) -> None:
    """Programs make an agent a request, and each export has threads."""
    first, second = (LightAgent(model=ScriptedModel(["Hi"]), tracetools=tracetools(collector.url)) for _ in range(2))
    assert first.means.sinks == second.means.sinks
    other = LightAgent(model=ScriptedModel(["Hi"]), tracetools=tracetools(collector.url, langfuse_secret_key="other"))
    assert other.means.sinks != first.means.sinks


@pytest.mark.parametrize("langfuse", [{"langfuse_enabled": False}, {"langfuse_enabled": False, "langfuse_host": None}])
def test_nothing_is_sent_where_langfuse_is_switched_off(collector: Collector, langfuse: dict[str, object]) -> None:
    agent = LightAgent(model=ScriptedModel(["Hi"]), tracetools=tracetools(collector.url, **langfuse))
    assert agent.means.sinks == ()


def test_the_variable_switches_tracetools_off(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTAGENT_TELEMETRY", "off")
    assert LightAgent(model=ScriptedModel(["Hi"]), tracetools=tracetools(collector.url)).means.sinks == ()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"langfuse_public_key": None}, r"tracetools\.TraceToolConfig\.langfuse_public_key is missing"),
        ({"langfuse_secret_key": ""}, r"tracetools\.TraceToolConfig\.langfuse_secret_key is missing"),
        ({"langfuse_secret_key": 3}, r"langfuse_secret_key must be text, got int"),
        ({"langfuse_secret_key": f"{SECRET}\r\nX: y"}, r"langfuse_secret_key must be printable ASCII"),
        ({"langfuse_host": "langfuse.example"}, r"langfuse_host is not an address"),
        ({"langfuse_enabled": "yes"}, r"langfuse_enabled must be True or False"),
        ({"langfuse_tags": "one"}, r"langfuse_tags must be a list of texts"),
        ({"langfuse_secrte_key": SECRET}, r"Did you mean 'langfuse_secret_key'"),
    ],
)
def test_wrong_tracetools_are_refused_by_name_without_what_they_hold(config: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        LightAgent(model=ScriptedModel(["Hi"]), tracetools=tracetools("https://langfuse.example", **config))
    assert SECRET not in str(refused.value)
    assert PUBLIC not in str(refused.value)


@pytest.mark.parametrize("wrong", [{}, {"TraceToolConfig": None}, {"TraceToolConfig": {}, "more": 1}, {"langfuse": {}}])
def test_tracetools_of_another_form_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="expected a mapping of TraceToolConfig"):
        LightAgent(model=ScriptedModel(["Hi"]), tracetools=wrong)


def scripted(**telemetry: object) -> Settings:
    return Settings(
        model=Backend(kind="scripted", options={"replies": ["Hi."]}),
        telemetry=TelemetrySettings.model_validate(telemetry),
    )


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_app_sends_what_waits_as_it_is_closed(protocol: str) -> None:
    with (grpc_collector if protocol == "grpc" else http_collector)() as collector:
        settings = scripted(
            endpoint=collector.url,
            protocol=protocol,
            headers={"Authorization": {"env": "COLLECTOR_KEY"}},
            service_name="shop",
            tags=["a tag"],
        )
        with open_app(settings, environ={"COLLECTOR_KEY": "key-of-the-collector"}) as app:
            assert app.agent(name="greets").run("Hello?") == "Hi."
        names = sorted(span.name.partition(" ")[0] for span in collector.spans)
        assert names == ["chat", "invoke_agent"]
        assert "gen_ai.client.operation.duration" in collector.metrics
        assert {request.headers["authorization"] for request in collector.requests} == {"key-of-the-collector"}
        assert collector.requests[0].resource["service.name"] == "shop"
        assert values(collector.spans[0].attributes)["lightagent.tags"] == ["a tag"]


def test_headers_of_the_environment_go_to_its_own_collector_alone(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login thief password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=key-of-another-collector")
    with open_app(
        scripted(endpoint=collector.url, headers={"Authorization": {"env": "KEY"}}), environ={"KEY": "k"}
    ) as app:
        app.agent().run("Hello?")
    assert all("x-key" not in request.headers for request in collector.requests)
    assert all(request.headers["authorization"] == "k" for request in collector.requests)
    before = len(collector.requests)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    with open_app(scripted(enabled=True)) as app:
        app.agent().run("Hello?")
    own = collector.requests[before:]
    assert own
    assert all(request.headers["x-key"] == "key-of-another-collector" for request in own)
    assert all("authorization" not in request.headers for request in own)


def test_headers_of_the_environment_go_to_its_own_collector_alone_over_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=key-of-another-collector")
    with grpc_collector() as collector:
        with open_app(scripted(endpoint=collector.url, protocol="grpc")) as app:
            app.agent().run("Hello?")
        assert collector.requests
        assert all("x-key" not in request.headers for request in collector.requests)


def test_a_user_in_the_address_of_the_collector_is_told_it_and_nobody_else(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    url = collector.url.replace("//", "//ada:canary-1234@")
    modes: tuple[Mode, ...] = ("ok", "refusing")
    for mode in modes:
        collector.mode = mode
        with open_app(scripted(endpoint={"env": "COLLECTOR"}), environ={"COLLECTOR": url}) as app:
            app.agent().run("Hello?")
    proof = "Basic " + base64.b64encode(b"ada:canary-1234").decode()
    assert all(request.headers["authorization"] == proof for request in collector.requests)
    assert "Telemetry to 127.0.0.1" in caplog.text
    assert "canary" not in caplog.text


def test_langfuse_in_settings(collector: Collector) -> None:
    with open_app(scripted(endpoint=f"{collector.url}/api/public/otel/v1/traces", tags=["a tag"])) as app:
        app.agent().run("Hello?", user_id="ada")
    assert {request.path for request in collector.requests} == {"/api/public/otel/v1/traces"}
    assert all(request.headers["x-langfuse-ingestion-version"] == "4" for request in collector.requests)
    assert values(collector.spans[0].attributes)["langfuse.trace.tags"] == ["a tag"]
    with pytest.raises(ConfigurationError, match="Langfuse speaks no gRPC"):
        open_app(scripted(endpoint=f"{collector.url}/api/public/otel", protocol="grpc"))


def test_an_application_that_traces_by_itself_goes_on_with_its_providers(collector: Collector) -> None:
    """In a process of its own: a provider is set for good."""
    program = (
        "import sys\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "kept = InMemorySpanExporter()\n"
        "provider = TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(kept))\n"
        "trace.set_tracer_provider(provider)\n"
        "from lightagent import open_app\n"
        "from lightagent.settings import Backend, Settings, TelemetrySettings\n"
        "model = Backend(kind='scripted', options={'replies': ['Hi.', 'Hi.']})\n"
        "with open_app(Settings(model=model, telemetry=TelemetrySettings(enabled=True, tags=['a tag']))) as app:\n"
        "    app.agent().run('Hello?')\n"
        "print(sorted(span.name.split()[0] for span in kept.get_finished_spans()))\n"
        "print({span.attributes['lightagent.tags'] for span in kept.get_finished_spans()})\n"
        "kept.clear()\n"
        "with open_app(Settings(model=model, telemetry=TelemetrySettings(endpoint=sys.argv[1]))) as app:\n"
        "    app.agent().run('Hello?')\n"
        "print(len(kept.get_finished_spans()), trace.get_tracer_provider() is provider)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, collector.url], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["['chat', 'invoke_agent']", "{('a tag',)}", "0 True"]
    assert len(collector.spans) == 2


def test_a_header_whose_variable_is_not_set_is_told(collector: Collector) -> None:
    with pytest.raises(ConfigurationError, match=r"telemetry\.headers.*COLLECTOR_KEY is not set"):
        open_app(scripted(endpoint=collector.url, headers={"X": {"env": "COLLECTOR_KEY"}}), environ={})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('endpoint = "collector:4318"', "Write the address of the collector"),
        ('headers = { Authorization = "Bearer abcdefghijklmnop" }', "A secret is written out here"),
        ('protocol = "http/json"', "telemetry.protocol"),
        (r'endpoint = "https://collector\r\nX: y"', "Write the address of the collector"),
        ('endpoint = "https://collector/a path"', "Write the address of the collector"),
        ('endpoint = "https://collector:99999"', "Write the address of the collector"),
        ('headers = { "a b" = "c" }', "without blanks and colons"),
        ("timeout = inf", "telemetry.timeout"),
        ("sample_ratio = 2.0", "less than or equal to 1"),
        ('content = "everything"', "telemetry.content"),
    ],
)
def test_wrong_settings_are_told_with_their_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_text(f"[default.telemetry]\n{text}\n")
    with pytest.raises(ConfigurationError, match=r"lightagent\.toml:2") as refused:
        open_app(load_settings(file))
    assert says in str(refused.value)
    assert "abcdefghijklmnop" not in str(refused.value)


def test_telemetry_is_off_where_settings_say_so() -> None:
    with open_app(scripted(enabled=False)) as app:
        means = app.agent().means
    assert means.sinks == ()
    assert means.ambient_sink is None


def test_the_variable_switches_settings_off(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTAGENT_TELEMETRY", "off")
    with open_app(scripted(endpoint=collector.url)) as app:
        app.agent().run("Hello?")
    assert collector.asked == 0


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_a_protocol_of_the_environment_that_is_not_spoken_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http/json")
    with pytest.raises(ConfigurationError, match=f"{variable}.*'http/json' is not spoken"):
        open_app(scripted(endpoint="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_BSP_SCHEDULE_DELAY", "0"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x")],
)
def test_what_opentelemetry_refuses_of_the_environment_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match="OpenTelemetry refuses what its variables say"):
        open_app(scripted(endpoint="http://127.0.0.1:9"))


def test_headers_of_the_environment_that_are_none_are_not_written_out(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization {SECRET}")
    with open_app(scripted(endpoint=collector.url)) as app:
        app.agent().run("Hello?")
    assert len(collector.spans) == 2
    assert SECRET not in caplog.text


def test_a_command_sends_what_waits_as_it_ends(collector: Collector, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lightagent.toml").write_text(
        f'[default.model]\nkind = "scripted"\nreplies = ["Hi."]\n[default.telemetry]\nendpoint = "{collector.url}"\n'
    )
    for command, stdin in ((["run", "Hello?"], ""), (["chat"], "Hello?\n")):
        before = len(collector.spans)
        done = call_lightagent(*command, folder=tmp_path, variables=environment(), stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert len(collector.spans) == before + 2


@pytest.mark.parametrize(("mode", "says"), [("ok", "the collector accepted a span"), ("refusing", "HTTP 500")])
def test_doctor_sends_a_span(collector: Collector, tmp_path: Path, mode: Mode, says: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lightagent.toml").write_text(
        f'[default.model]\nkind = "scripted"\nreplies = ["OK"]\n[default.telemetry]\nendpoint = "{collector.url}"\n'
    )
    collector.mode = mode
    done = call_lightagent("doctor", folder=tmp_path, variables=environment())
    assert says in done.stdout + done.stderr
    assert done.returncode == (0 if mode == "ok" else 1)
    assert [span.name for span in collector.spans] == (["lightagent doctor"] if mode == "ok" else [])


def test_the_check_tells_what_is_wrong_with_telemetry(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lightagent.toml").write_text(
        '[default.model]\nkind = "offline"\n[prod.telemetry]\nheaders = { X = { env = "COLLECTOR_KEY" } }\n'
    )
    noted = call_lightagent("config", "check", folder=tmp_path, variables=environment())
    assert noted.returncode == 0
    assert "COLLECTOR_KEY is not set" in noted.stdout + noted.stderr
    chosen = call_lightagent("config", "check", "--profile", "prod", folder=tmp_path, variables=environment())
    assert chosen.returncode == 2


def test_a_missing_extra_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    find_adapter.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name.startswith("opentelemetry.") else True)
    with pytest.raises(MissingExtraError, match=r"pip install .*opentelemetry.exporter.otlp.proto.grpc"):
        find_adapter("telemetry", "otel")
    find_adapter.cache_clear()


def test_a_sample_keeps_whole_traces(collector: Collector) -> None:
    with open_app(scripted(endpoint=collector.url, sample_ratio=0.0)) as app:
        app.agent().run("Hello?")
    assert collector.spans == []
