"""Bad configuration: each a clear error that names the place and the remedy."""

from pathlib import Path

import pytest

from lightagent.domain.errors import ConfigurationError
from lightagent.settings import load_settings
from lightagent.settings.environment import unknown_variables

TRUSTED = {"LIGHTAGENT_TRUST_CONFIG": "1"}

Case = tuple[str, dict[str, str], str, str]

BAD: dict[str, Case] = {
    "no TOML": ("[default.model\n", {}, "lightagent.toml: this is not TOML", "Tables look like [default.model]"),
    "a key twice": ("[default.agent]\nname='a'\nname='b'\n", {}, "line 3", "values like name ="),
    "unknown section": (
        "[default.modle]\nkind='x'\n",
        {},
        "default.modle (lightagent.toml:2)",
        "Did you mean 'model' or 'code'?",
    ),
    "unknown option": (
        "[default.agent]\ninstuctions='x'\n",
        {},
        "default.agent.instuctions (lightagent.toml:2)",
        "Did you mean 'instructions'?",
    ),
    "far-off option": (
        "[default.agent]\nzzz=1\n",
        {},
        "default.agent.zzz (lightagent.toml:2)",
        "name, instructions, role",
    ),
    "wrong type": (
        "[default.agent]\nmax_retry='ten'\n",
        {},
        "default.agent.max_retry (lightagent.toml:2)",
        "attempts".title(),
    ),
    "text for a number": ("[default.agent]\nmax_retry='3'\n", {}, "max_retry (lightagent.toml:2)", "Attempts at one"),
    "text for seconds": ("[default.agent]\ntimeout='3'\n", {}, "default.agent.timeout", "Seconds for a whole run"),
    "a number for a truth": ("[default.agent]\ncapture_content=1\n", {}, "capture_content", "Keep messages"),
    "a truth for a number": ("[default.agent]\nmax_retry=true\n", {}, "default.agent.max_retry", "valid integer"),
    "out of range in the environment": (
        "",
        {"LIGHTAGENT__AGENT__MAX_RETRY": "0"},
        "environment variable LIGHTAGENT__AGENT__MAX_RETRY",
        "greater than or equal to 1",
    ),
    "messages as metadata": (
        "[default.agent]\nmetadata={temperature=1, messages=[]}\n",
        {},
        "default.agent.metadata.messages (lightagent.toml:2): the run itself decides this.",
        "history=",
    ),
    "headers as metadata": (
        "[default.agent.metadata]\ntemperature=1\n[default.agent.metadata.extra_headers]\nX-Team='a'\n",
        {},
        "default.agent.metadata.extra_headers (lightagent.toml:4)",
        "headers=",
    ),
    "metadata in the environment": (
        "",
        {"LIGHTAGENT__AGENT__METADATA__MODEL": "other"},
        "environment variable LIGHTAGENT__AGENT__METADATA__MODEL",
        "the run itself decides",
    ),
    "metadata that is no JSON": ("[default.agent]\nmetadata={x=nan}\n", {}, "default.agent.metadata.x", "JSON"),
    "out of range": ("[default.agent]\nmax_retry=0\n", {}, "default.agent.max_retry", "greater than or equal to 1"),
    "no table": ("[default]\nmodel='offline'\n", {}, "default.model (lightagent.toml:2)", "valid dictionary"),
    "kind of a wrong type": (
        "[default.model]\nkind=3\n",
        {},
        "default.model.kind (lightagent.toml:2)",
        "Use one of: ",
    ),
    "a backend without a kind": (
        "[default.agent]\nname='a'\n[default.journals]\npath='a.db'\n",
        {},
        "default.journals.kind (lightagent.toml:4): The kind is missing.",
        "Use one of: encrypted, files, memory",
    ),
    "the second of several tables": (
        "[[default.policy.rules]]\naccess='ask'\n[[default.policy.rules]]\naccess='ask'\ntoool='a'\n",
        {},
        "default.policy.rules.1.toool (lightagent.toml:5)",
        "Did you mean 'tools'?",
    ),
    "a date in the second of several tables": (
        "[[default.mcp.a.x]]\ny=1\n[[default.mcp.a.x]]\ny=2020-01-01\n",
        {},
        "default.mcp.a.x.1.y (lightagent.toml:4)",
        "in quotes",
    ),
    "a date in a list": (
        "[default.agent]\nmetadata={a=[1, 2020-01-01]}\n",
        {},
        "default.agent.metadata.a.1 (lightagent.toml:2)",
        "in quotes",
    ),
    "a date": ("[default.agent]\nname=2020-01-01\n", {}, "default.agent.name (lightagent.toml:2)", "in quotes"),
    "section without profile": ("[model]\nkind='offline'\n", {}, "model (lightagent.toml:1)", "Write [default.model]"),
    "value without profile": ("debug=true\n", {}, "debug (lightagent.toml:1)", "under [default.<section>]"),
    "misspelt default": ("[defualt.agent]\nname='x'\n", {}, "defualt (lightagent.toml:1)", "Did you mean 'default'?"),
    "unknown profile": (
        "[dev.model]\nkind='offline'\n[prod.agent]\n",
        {"LIGHTAGENT_PROFILE": "staging"},
        "LIGHTAGENT_PROFILE: lightagent.toml has no profile 'staging'",
        "default, dev, prod",
    ),
    "variable without a line": ("", {"LIGHTAGENTMODEL": "x"}, "variable LIGHTAGENTMODEL", "LIGHTAGENT__MODEL"),
    "variable without lines": ("", {"LIGHTAGENTMODELKIND": "x"}, "variable LIGHTAGENTMODELKIND", "SECTION__OPTION"),
    "variable of ours without a line": ("", {"LIGHTAGENTCONFIG": "x"}, "LIGHTAGENTCONFIG", "'LIGHTAGENT_CONFIG'"),
    "misspelt profile": ("[prod.agent]\n", {"LIGHTAGENT_PROFILE": "prd"}, "no profile 'prd'", "Did you mean 'prod'?"),
    "file that is not there": ("", {"LIGHTAGENT_CONFIG": "no.toml"}, "no.toml: cannot be read", "LIGHTAGENT_CONFIG"),
    "file that is a folder": ("", {"LIGHTAGENT_CONFIG": "."}, "cannot be read", "--config"),
    "unknown section in the environment": (
        "",
        {"LIGHTAGENT__FOO": "1"},
        "environment variable LIGHTAGENT__FOO",
        "Sections: model, journals, memory, embedding, code, agent, tools, tool_selection, skills, mcp, openapi, "
        "self_learning, context, policy, budgets, flow, serve, telemetry, logging.",
    ),
    "profile in the environment": ("", {"LIGHTAGENT__PROD__NAME": "1"}, "LIGHTAGENT__PROD__NAME", "SECTION__OPTION"),
    "an option of flows out of range": (
        "[default.flow]\nmax_parallel=0\n",
        {},
        "default.flow.max_parallel (lightagent.toml:2)",
        "Steps of one run",
    ),
    "an unknown option of workers": (
        "[default.flow.worker]\nmodel_cals = 4\n",
        {},
        "default.flow.worker.model_cals (lightagent.toml:2)",
        "Did you mean 'model_calls'?",
    ),
    "a limit of workers out of range": (
        "",
        {"LIGHTAGENT__FLOW__WORKER__STEPS": "0"},
        "environment variable LIGHTAGENT__FLOW__WORKER__STEPS",
        "steps of one flow",
    ),
    "an engine that is no name": ("[default.flow]\nengine=3\n", {}, "default.flow.engine (lightagent.toml:2)", "local"),
    "an engine with the key of its encryption": (
        "[default.flow.engine]\nkind = 'temporal'\nencryption = {keys = {spring = 'secret-1'}}\n",
        {},
        "default.flow.engine.encryption.keys.spring (lightagent.toml:3)",
        "spring = { env =",
    ),
    "a store of flows without a kind": (
        "[default.flow]\nstore = {path = 'x'}\n",
        {},
        "default.flow.store.kind (lightagent.toml:2): The kind is missing.",
        "Use one of: encrypted, files, memory",
    ),
    "a store of flows with its password": (
        "[default.flow]\nstore = {kind = 'postgres', url = 'postgresql://u:secret-1@db/flows'}\n",
        {},
        "default.flow.store.url (lightagent.toml:2)",
        'url = { env = "FLOW_STORE_URL" }',
    ),
    "an unknown option of flows": (
        "",
        {"LIGHTAGENT__FLOW__MAX_PARALEL": "4"},
        "environment variable LIGHTAGENT__FLOW__MAX_PARALEL",
        "Did you mean 'max_parallel' or 'max_value'?",
    ),
    "unknown option in the environment": (
        "",
        {"LIGHTAGENT__AGENT__NMAE": "x"},
        "agent.nmae (environment variable LIGHTAGENT__AGENT__NMAE)",
        "Did you mean 'name'?",
    ),
    "wrong type in the environment": (
        "",
        {"LIGHTAGENT__AGENT__MAX_RETRY": "many"},
        "environment variable LIGHTAGENT__AGENT__MAX_RETRY",
        "Attempts at one model request",
    ),
    "broken JSON in the environment": ("", {"LIGHTAGENT__MODEL": "{kind"}, "variable LIGHTAGENT__MODEL)", "as JSON"),
    "empty name in the environment": ("", {"LIGHTAGENT____X": "1"}, "LIGHTAGENT____X", "SECTION__OPTION"),
}


@pytest.mark.parametrize(("text", "environ", "place", "remedy"), BAD.values(), ids=BAD.keys())
def test_bad_settings_name_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str], place: str, remedy: str
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lightagent.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ=TRUSTED | environ)
    assert str(caught.value).startswith("[LA-CONFIG] ")
    assert place in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("name", ["_", "__CF_USER_TEXT_ENCODING", "_LIGHTAGENT", "MY_LIGHTAGENT__MODEL"])
def test_a_variable_of_somebody_else_is_none_of_ours(name: str) -> None:
    """A shell sets `_` for every program that it runs."""
    assert not unknown_variables({name: "x"})


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes("[default.agent]\nname = 'Zoë'".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"byte 26 is not UTF-8\. Save the file as UTF-8"):
        load_settings(path, environ=TRUSTED)


def test_a_profile_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"--profile: Unknown profile 'prod': no lightagent"):
        load_settings(profile="prod", environ=TRUSTED)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[default.agent]\nmetadata = " + "[" * 2000 + "]" * 2000, r"lightagent\.toml:2: Tables and lists are nested"),
        (
            "[default.agent]\nmetadata = " + "{a = " * 300 + "1" + "}" * 300,
            r"lightagent\.toml:2: Tables and lists are nested",
        ),
        (
            "[default.agent]\nmetadata." + ".".join(["a"] * 3000) + " = 1",
            r"lightagent\.toml:2: Tables and lists are nested",
        ),
        ("\n[default." + ".".join(["a"] * 3000) + "]", r"lightagent\.toml:2: Tables and lists are nested"),
        ("[default.agent]\nmetadata = {" + ".".join(["a"] * 3000) + " = 1}", r"lightagent\.toml: Tables and lists"),
        ("[default.agent]\nname = 1" + "0" * 5000, r"lightagent\.toml:2: A number is too long"),
        (
            "[default.agent]\nmax_retry = 9" + "0" * 4000,
            r"default\.agent\.max_retry \(lightagent\.toml:2\): A number is",
        ),
        ("# " + "x" * 1_000_000, r"lightagent\.toml: the file is larger than 1000000 bytes"),
    ],
    ids=["lists", "tables", "dotted key", "dotted header", "dotted in a table", "5001 digits", "4001 digits", "large"],
)
def test_a_file_made_to_exhaust_its_reader_is_refused_with_its_place(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lightagent.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        load_settings(environ={})


@pytest.mark.parametrize("deep", ["[" * 20_000, "[" * 100 + "]" * 100, '{"a": ' * 500 + "1" + "}" * 500])
def test_a_variable_nested_too_deep_counts_as_text(deep: str) -> None:
    with pytest.raises(ConfigurationError, match="LIGHTAGENT__AGENT__METADATA"):
        load_settings(environ={"LIGHTAGENT__AGENT__METADATA": deep})


@pytest.mark.parametrize("name", ["_", "__CF_USER_TEXT_ENCODING", "_LIGHTAGENT_MODEL", "MY_LIGHTAGENT_CONFIG"])
def test_variables_of_other_programs_are_left_alone(name: str) -> None:
    """A shell sets ``_`` for every program that it starts."""
    assert load_settings(environ={name: "x"}).model.kind == "offline"
