"""What the command line accepts, and what it says to what it does not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.app import app
from lightagent.entrypoints.cli.command_table import COMMANDS as TABLE
from lightagent.entrypoints.cli.lazy_group import load_command
from lightagent.entrypoints.cli.tools.files import load_tool_file

COMMANDS = [
    ["run"],
    ["chat"],
    ["doctor"],
    ["verify"],
    ["stores", "adopt"],
    ["runs", "list"],
    ["runs", "show"],
    *(["trace", name] for name in ("show", "list", "diff")),
    ["tools", "list"],
    ["tools", "check"],
    ["tools", "call"],
    ["runs", "resume"],
    *(["review", name] for name in ("list", "show", "approve", "reject", "edit", "respond", "revoke", "remembered")),
    ["sessions", "list"],
    ["sessions", "show"],
    ["sessions", "replay"],
    ["sessions", "export"],
    ["sessions", "undo"],
    ["sessions", "rerun"],
    ["sessions", "resume"],
    ["sessions", "checkpoint"],
    ["sessions", "fork"],
    ["sessions", "trim"],
    ["sessions", "prune"],
    ["sessions", "forget"],
    ["config", "check"],
    ["config", "show"],
    ["config", "diff"],
    ["config", "trust"],
    ["config", "untrust"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the current folder, with nothing set in the environment."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "LIGHTAGENT_TRUST_CONFIG": "1", **variables})


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_example(command: list[str]) -> None:
    shown = invoke(*command, "--help")
    assert shown.exit_code == 0
    assert "Examples" in shown.output
    assert f"lightagent {' '.join(command)}" in shown.output


def test_no_command_is_without_an_example() -> None:
    def walk(command: object, path: str) -> Iterator[tuple[str, str]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, f"{path} {name}")
        if not hasattr(command, "commands"):
            yield path, str(getattr(command, "help", ""))

    found = dict(line for name in TABLE for line in walk(load_command(name), f"lightagent {name}"))
    assert len(found) > 60
    assert [path for path, text in found.items() if f"`{path}" not in text.partition("**Examples**")[2]] == []


def test_the_program_itself_tells_the_first_steps() -> None:
    assert "First steps" in invoke("--help").output
    assert invoke("--version").exit_code == 0


BAD_CALLS = {
    "no question": (["run"], "Missing argument"),
    "an empty question": (["run", "  "], "The question must not be empty."),
    "a question of several words": (["run", "hi", "there"], "Put it in quotes: lightagent run 'hi there'"),
    "unknown option": (["run", "hi", "--nope"], "No such option"),
    "unknown command": (["rum"], "No such command"),
    "unknown profile": (["run", "hi", "--profile", "prod"], "--profile: Unknown profile 'prod'"),
    "no such settings": (["config", "show", "--config", "no.toml"], "no.toml: cannot be read"),
    "one profile to compare": (["config", "diff", "a"], "Missing argument"),
    "timeout of a wrong type": (["doctor", "--timeout", "soon"], "--timeout"),
    "no tools named": (["tools", "list"], "No tools are configured."),
    "no such directory of tools": (["tools", "call", "x", "-d", "none"], "The tools directory cannot be read"),
    "no such tools": (["run", "hi", "--tools", "no.py"], "--tools no.py: the file does not exist."),
    "tools that are no Python": (["chat", "--tools", "tools.txt"], "Write --tools FILE.py"),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("arguments", "told"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_wrong_calls_end_with_2(arguments: list[str], told: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert told in done.output


BAD_SETTINGS = {
    "bad TOML": ("[default", {}, "lightagent.toml: this is not TOML", "Tables look like"),
    "unknown option": (
        "[default.agent]\nnmae = 'x'",
        {},
        "default.agent.nmae (lightagent.toml:2)",
        "Did you mean 'name'?",
    ),
    "wrong type": ("[default.agent]\nmax_retry = 'x'", {}, "default.agent.max_retry (lightagent.toml:2)", "Attempts"),
    "unknown kind": ("[default.model]\nkind = 'x'", {}, "default.model.kind (lightagent.toml:2)", "Use one of"),
    "no key": (
        "[default.model]\nkind = 'openai'\nmodel = 'm'\napi_key = { env = 'NO_KEY' }",
        {},
        "default.model.api_key (lightagent.toml:4)",
        "export NO_KEY=",
    ),
    "a key in the file": (
        "[default.model]\nkind = 'openai'\nmodel = 'm'\napi_key = 'sk-1234'",
        {},
        "default.model.api_key (lightagent.toml:4): A secret is written out here.",
        'api_key = { env = "MODEL_API_KEY" }',
    ),
    "bad URL": (
        "[default.model]\nkind = 'openai'\nmodel = 'm'\nbase_url = 'here'",
        {},
        "default.model.base_url (lightagent.toml:4)",
        "Where the API begins",
    ),
    "dotted path in the environment": (
        "",
        {"LIGHTAGENT__MODEL__KIND": "os.system"},
        "environment variable LIGHTAGENT__MODEL__KIND",
        "never a path to code",
    ),
    "unknown variable": (
        "",
        {"LIGHTAGENT__FOO": "1"},
        "environment variable LIGHTAGENT__FOO",
        "Sections: model, journals, memory, embedding, code",
    ),
}


@pytest.mark.parametrize(("text", "environ", "place", "remedy"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
@pytest.mark.parametrize("command", [("run", "hi"), ("config", "check"), ("doctor",)], ids=" ".join)
def test_bad_settings_end_with_2_place_and_remedy(
    folder: Path, command: tuple[str, ...], text: str, environ: dict[str, str], place: str, remedy: str
) -> None:
    (folder / "lightagent.toml").write_text(text, encoding="utf-8")
    done = invoke(*command, **environ)
    assert done.exit_code == 2
    assert place in done.output
    assert remedy in done.output
    assert "sk-1234" not in done.output


TOOL_FILE = """
from os.path import join
import helper

def add(a: int, b: int) -> int: return a + b
def untyped(a): return a
def _private(a: int) -> int: return a
def legacy(a): return a
legacy.tool_info = {"tool_name": "legacy", "tool_description": "", "tool_params": []}
"""


@pytest.fixture
def tools(folder: Path) -> Path:
    (folder / "helper.py").write_text("")
    path = folder / "mine.py"
    path.write_text(TOOL_FILE)
    return path


def names(spec: str) -> list[str]:
    return [tool.__name__ for tool in load_tool_file(spec)]


def test_tools_are_the_public_typed_functions_of_the_file(tools: Path) -> None:
    assert names("mine.py") == ["add", "legacy"]
    assert names("mine.py:untyped,add") == ["untyped", "add"]
    tools.write_text(f"{TOOL_FILE}\nTOOLS = [untyped]\n")
    assert names(str(tools)) == ["untyped"]


@pytest.mark.parametrize(
    ("text", "spec", "told"),
    [
        (TOOL_FILE, "mine.py:ad", "Did you mean 'add'?"),
        ("def f(:", "mine.py", "mine.py:1: SyntaxError"),
        ("x = 1\nraise KeyError('y')", "mine.py", "mine.py:2: KeyError: 'y'"),
        ("import sys\nsys.exit(0)", "mine.py", "mine.py:2: SystemExit"),
        ("x = 1", "mine.py", "The file defines no tools."),
        ("TOOLS = 'add'", "mine.py", "TOOLS must be a list of functions."),
    ],
)
def test_a_bad_tool_file_says_where_and_what(tools: Path, text: str, spec: str, told: str) -> None:
    tools.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_tool_file(spec)
    assert "--tools mine.py" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("command", ["sesions", "flw"])
def test_a_misspelt_command_is_told_the_right_one(command: str) -> None:
    refused = invoke(command)
    assert refused.exit_code == 2
    assert "Did you mean" in refused.output


def test_a_command_imports_what_it_needs_and_no_other_command() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from lightagent.entrypoints.cli.app import app\n"
        "assert CliRunner().invoke(app, ['config', 'show', '--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name.startswith('lightagent') and name.endswith('_command')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
