"""The engine and the store of flows, chosen by a line of the settings, each environment its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightagent import ConfigurationError, JsonLightFlowStore, LightFlow, open_app
from lightagent.adapters.registry import find_adapter, kinds
from lightagent.settings import Settings, load_settings, open_file
from lightagent.settings.check_profiles import check_profiles
from lightagent.settings.report import rows
from tests.support.command_line import call_lightagent
from tests.support.folding_engine import FoldingEngine

ENGINE = """
from pydantic import BaseModel, ConfigDict
from lightagent.adapters.registry import Adapter
from tests.support.folding_engine import FoldingEngine

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: str = "localhost"

opened = []

def make(options):
    opened.append(options.address)
    return FoldingEngine() if options.address != "elsewhere" else object()

ADAPTER = Adapter(Options, make)
"""
STORES = """
[default.flow]
store = {{ kind = "files", directory = "{folder}/runs" }}
max_parallel = 3
max_lost = 5

[prod.flow]
store = {{ kind = "sqlite", path = "{folder}/flows.db" }}
max_wait = 60
"""


@pytest.fixture
def folding(tmp_path: Path) -> Iterator[None]:
    """A package is installed that announces an engine."""
    about = tmp_path / "plugins" / "folding_package-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: folding-package\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[lightagent.engines]\nfolding = folding_package:ADAPTER\n")
    (about.parent / "folding_package.py").write_text(ENGINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(about.parent)
        _forget_adapters()
        yield
        _forget_adapters()


def _forget_adapters() -> None:
    kinds.cache_clear()
    find_adapter.cache_clear()


def settings_of(tmp_path: Path, text: str, profile: str | None = None, **environ: str) -> Settings:
    file = tmp_path / "lightagent.toml"
    file.write_text(text.format(folder=tmp_path.as_posix()))
    return load_settings(file, profile, environ=environ)


def letters(flow: LightFlow) -> LightFlow:
    return flow.step("a", agent=lambda query: f"{query} a")


@pytest.mark.parametrize("profile", [None, "prod"])
def test_a_flow_is_kept_where_the_settings_of_the_environment_say(tmp_path: Path, profile: str | None) -> None:
    settings = settings_of(tmp_path, STORES, profile)
    with open_app(settings) as app:
        assert letters(app.flow(name="letters")).run("x", run_id="r").content == "x a"
        (started, *_) = letters(app.flow()).events("r")
    assert started["limits"] == {"max_lost": 5}
    assert ((tmp_path / "runs").exists(), (tmp_path / "flows.db").exists()) == (profile is None, profile == "prod")
    with open_app(settings) as app:
        assert [run["run_id"] for run in app.flow().list_runs()] == ["r"]


def test_without_a_store_of_their_own_flows_share_that_of_sessions(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[default.journals]\nkind = "sqlite"\npath = "{folder}/all.db"\n')
    with open_app(settings) as app:
        assert letters(app.flow()).run("x", run_id="r").success
    flow = letters(LightFlow()).with_settings(settings)
    assert [run["run_id"] for run in flow.list_runs()] == ["r"]
    flow.close()


def test_what_a_flow_says_itself_holds(tmp_path: Path) -> None:
    own, settings = JsonLightFlowStore(tmp_path / "own"), settings_of(tmp_path, STORES)
    with open_app(settings) as app:
        assert letters(app.flow(store=own)).run("x", run_id="r").success
        assert app.flow().list_runs() == []
    stays = letters(LightFlow(store=own, name="letters")).with_settings(settings)
    assert (stays.name, [run["run_id"] for run in stays.list_runs()]) == ("letters", ["r"])


@pytest.mark.usefixtures("folding")
@pytest.mark.parametrize("written", ['engine = "folding"', 'engine = {{ kind = "folding", address = "there" }}'])
def test_one_line_chooses_an_engine_that_a_package_announces(tmp_path: Path, written: str) -> None:
    with open_app(settings_of(tmp_path, f"[default.flow]\n{written}\n")) as app:
        assert isinstance(app.flows.engine, FoldingEngine)
        flow = letters(app.flow(name="letters"))
        assert flow.run("x", run_id="r").content == "x a"
        assert [run["run_id"] for run in flow.list_runs()] == ["r"]
        assert app.flow(store=JsonLightFlowStore(tmp_path / "own")).list_runs() == []


@pytest.mark.usefixtures("folding")
def test_a_variable_chooses_it_too_and_another_kind_leaves_nothing_behind(tmp_path: Path) -> None:
    text = '[default.flow]\nengine = {{ kind = "folding", address = "there" }}\n'
    assert settings_of(tmp_path, text, LIGHTAGENT__FLOW__ENGINE="local").flow.is_local
    back = settings_of(tmp_path, '[default.flow]\nengine = "local"\n', LIGHTAGENT__FLOW__ENGINE__KIND="folding")
    assert (back.flow.engine.kind, back.flow.engine.options) == ("folding", {})


@pytest.mark.usefixtures("folding")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('engine = "foldin"', "no engines adapter 'foldin'. Did you mean 'folding'? Use one of: folding, local"),
        ('engine = {{ kind = "folding", adress = "x" }}', "Unknown option 'adress'. Did you mean 'address'?"),
        (
            'engine = {{ kind = "folding", address = "elsewhere" }}',
            "'folding' opened an object of type object, but a flow engine is needed here",
        ),
        ('engine = "folding"\nmax_wait = 3', "max_wait (lightagent.toml:3): It applies only to runs in this process"),
        (
            'engine = "folding"\nstore = {{ kind = "memory" }}',
            "store (lightagent.toml:3): It applies only to runs in this process, but the engine is 'folding'. "
            'Leave store out, or choose engine = "local".',
        ),
        ('store = {{ kind = "sqlit", path = "x" }}', "no journals adapter 'sqlit'. Did you mean 'sqlite'?"),
        ('store = {{ kind = "sqlite", pth = "x" }}', "default.flow.store.pth (lightagent.toml:2): Unknown option"),
        ('store = {{ kind = "postgres", url = {{ env = "NO_URL" }} }}', "The environment variable NO_URL is not set."),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(tmp_path, f"[default.flow]\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        open_app(settings, environ={})
    assert problem in str(caught.value)
    if "elsewhere" not in text:
        (checked,) = check_profiles(open_file(tmp_path / "lightagent.toml", {}), None, {})
        assert problem in " ".join(map(str, checked.problems))


def test_every_value_is_told_with_its_place(tmp_path: Path) -> None:
    told = {row.path: row.value for row in rows(settings_of(tmp_path, STORES, "prod"))}
    flow = {path.removeprefix("flow."): value for path, value in told.items() if path.startswith("flow.")}
    assert flow["engine"] == '"local"'
    assert (flow["store.kind"], flow["store.path"]) == ('"sqlite"', f'"{tmp_path.as_posix()}/flows.db"')
    assert (flow["max_parallel"], flow["max_wait"], flow["max_lost"]) == ("3", "60.0", "5")


def test_the_command_line_keeps_the_runs_of_a_flow_there(tmp_path: Path) -> None:
    settings_of(tmp_path, STORES)
    (tmp_path / "report.py").write_text(
        "from lightagent import LightFlow\nflow = LightFlow(name='report').step('a', agent=str.upper)\n"
    )
    trusted = {"LIGHTAGENT_TRUST_CONFIG": "1"}
    done = call_lightagent("flow", "run", "report.py", "tea", "--run-id", "r", folder=tmp_path, variables=trusted)
    assert (done.returncode, done.stdout) == (0, "TEA\n"), done.stderr
    listed = call_lightagent("flow", "list", "report.py", folder=tmp_path, variables=trusted)
    assert "r" in listed.stdout.split()
    examined = call_lightagent("doctor", folder=tmp_path, variables=trusted)
    assert "flow.store · files" in examined.stdout
