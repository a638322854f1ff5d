"""``lightagent tools``, as a person types it; and the directory of tools that settings name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent import ConfigurationError, LightAgent, load_settings, open_app
from lightagent.entrypoints.cli.app import app
from lightagent.testing import ScriptedModel, call_tool

ADD = 'def add(x: int, y: int = 1) -> int:\n    """Add two numbers.\n\n    More about it.\n    """\n    return x + y\n'
PAY = (
    "from lightagent import ApprovalRequired, RunContext, tool\n\n\n"
    "@tool(requires_approval=True)\ndef pay(amount: int, ctx: RunContext[object]) -> str:\n"
    '    """Pay."""\n    ctx.report("paying")\n    return f"paid {amount}"\n'
)
ASK = (
    "from lightagent import ApprovalRequired, RunContext\n\n\n"
    'def ask(ctx: RunContext[object]) -> str:\n    """Ask."""\n    if not ctx.approved:\n'
    '        raise ApprovalRequired("too much")\n    return "asked"\n'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a directory of tools, which is the current folder."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("add", ADD), ("pay", PAY), ("ask", ASK)):
        (tools / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, stdin: str | None = None, **variables: str) -> Result:
    return CliRunner().invoke(app, ["tools", *arguments], input=stdin, env={"COLUMNS": "200", **variables})


@pytest.mark.usefixtures("folder")
def test_tools_are_listed_for_people_and_for_programs() -> None:
    shown = invoke("list", "--directory", "tools")
    assert shown.exit_code == 0
    assert shown.stdout == "add · Add two numbers.\nask · Ask.\npay · Pay. · waits for approval\n"
    listed = json.loads(invoke("list", "-d", "tools", "--json").stdout)
    assert [tool["function"]["name"] for tool in listed] == ["add", "ask", "pay"]
    assert listed[0]["function"]["parameters"]["required"] == ["x"]


def test_a_broken_file_is_reported_beside_the_list_and_fails_the_check(folder: Path) -> None:
    assert invoke("check", "-d", "tools").exit_code == 0
    (folder / "tools/broken.py").write_text("\n1 / 0\n")
    (folder / "tools/vague.py").write_text(
        "def vague() -> str:\n    return ''\nvague.tool_info = {'tool_name': 'vague',"
        " 'tool_description': '', 'tool_params': []}\n"
    )
    shown = invoke("list", "-d", "tools")
    assert shown.exit_code == 0
    assert "add · Add two numbers." in shown.stdout
    assert "broken.py:2: The file does not run: ZeroDivisionError" in shown.stderr
    checked = invoke("check", "-d", "tools")
    assert checked.exit_code == 1
    lines = checked.stdout.splitlines()
    assert lines[0].startswith("error · broken · file · ")
    assert lines[1].startswith("warning · vague · tool_description · ")
    assert [one["level"] for one in json.loads(invoke("check", "-d", "tools", "--json").stdout)] == ["error", "warning"]
    (folder / "tools/broken.py").unlink()
    assert invoke("check", "-d", "tools").exit_code == 0, "a warning alone is not a failure"


@pytest.mark.usefixtures("folder")
def test_a_call_prints_the_answer_and_nothing_else() -> None:
    done = invoke("call", "add", '{"x": 2, "y": 40}', "-d", "tools")
    assert (done.exit_code, done.stdout) == (0, "42\n")
    assert invoke("call", "add", "-", "-d", "tools", stdin='{"x": 1}').stdout == "2\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", '{"x": "2"}'], "[LA-TOOL] The arguments do not fit"),
        (["add"], "'x' is missing"),
        (["add", "x=2"], "[LA-JSON]"),
        (["ad", "{}"], "Did you mean 'add'?"),
        (["pay", '{"amount": 1}'], "only with a human's approval"),
        (["ask"], "stopped to ask a human, and there is nobody to ask: too much"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_call_that_fails_ends_with_1_and_says_why(arguments: list[str], told: str) -> None:
    done = invoke("call", *arguments, "-d", "tools")
    assert done.exit_code == 1
    assert told in done.stderr
    assert done.stdout == ""


@pytest.mark.usefixtures("folder")
def test_a_person_may_approve_the_call() -> None:
    done = invoke("call", "pay", '{"amount": 3}', "-d", "tools", "--approve")
    assert (done.exit_code, done.stdout, done.stderr.strip()) == (0, "paid 3\n", "paying")
    assert invoke("call", "ask", "-d", "tools", "--approve").stdout == "asked\n"


@pytest.mark.usefixtures("folder")
def test_functions_of_a_file_and_a_directory_go_together() -> None:
    Path("more.py").write_text('def multiply(a: int, b: int) -> int:\n    """Multiply."""\n    return a * b\n')
    assert invoke("call", "multiply", '{"a": 6, "b": 7}', "--tools", "more.py").stdout == "42\n"
    assert "multiply" in invoke("list", "--tools", "more.py", "-d", "tools").stdout
    Path("clash.py").write_text(ADD)
    clash = invoke("list", "--tools", "clash.py", "-d", "tools")
    assert clash.exit_code == 2
    assert "'add' is the name of a tool in" in clash.stderr
    assert "the source 'tools'" in clash.stderr


def test_the_directory_of_the_settings_needs_trust_and_is_taken_from_their_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lightagent.toml").write_text('[default.tools]\ndirectory = "tools"\n')
    (folder / "inner/tools").mkdir(parents=True)
    (folder / "inner/tools/evil.py").write_text("raise SystemExit('was run')")
    monkeypatch.chdir(folder / "inner")
    refused = invoke("list")
    assert refused.exit_code == 2
    assert "tools.directory (line 2)" in refused.stderr
    assert invoke("list", "--trust-config").stdout.splitlines()[0] == "add · Add two numbers."
    assert invoke("call", "add", '{"x": 1}', LIGHTAGENT_TRUST_CONFIG="1").stdout == "2\n"


async def test_agents_of_an_app_are_offered_the_tools_of_the_settings(folder: Path) -> None:
    (folder / "lightagent.toml").write_text('[default.tools]\ndirectory = "tools"\n')

    def own() -> str:
        """An own one."""
        return "own"

    async with open_app(load_settings(folder / "lightagent.toml", environ={})) as opened:
        model = ScriptedModel([[call_tool("own"), call_tool("add", x=1)], "done"])
        result = await opened.agent(model=model, tools=[own]).arun("?", result_format="object")
        assert [call.output for call in result.tool_calls] == ["own", "2"]
        model = ScriptedModel(["done"])
        await LightAgent(**(opened.agent_options() | {"model": model})).arun("?")
        assert [spec.name for spec in model.requests[0].tools] == ["add", "ask", "pay"]


async def test_an_agent_takes_names_of_tools_from_its_directory(folder: Path) -> None:
    model = ScriptedModel([call_tool("add", x=1), "done"])
    result = await LightAgent(model=model, tools=["add"]).arun("?", result_format="object")
    assert [call.output for call in result.tool_calls] == ["2"]
    (folder / "tools").rename(folder / "others")
    agent = LightAgent(model=ScriptedModel([]), tools=["pay", "add"], tools_directory=folder / "others")
    assert [tool["function"]["name"] for tool in agent.get_tools() if isinstance(tool["function"], dict)] == [
        "pay",
        "add",
    ]
    with pytest.raises(ConfigurationError, match=r"absent\.py: There is no such file"):
        LightAgent(model=ScriptedModel([]), tools=["absent"], tools_directory=folder / "others")
    with pytest.raises(ConfigurationError, match="cannot be the name of a tool"):
        LightAgent(model=ScriptedModel([]), tools=["../others/add"])


def test_a_search_uses_the_embedder_of_the_settings(folder: Path) -> None:
    told = (
        '{ "sum up" = [1, 0], "add: Add two numbers.\\n\\nMore about it. x, y" = [1, 0], "pay: Pay. amount" = [0, 1] }'
    )
    settings = folder / "lightagent.toml"
    settings.write_text(f'[default.embedding]\nkind = "scripted"\nvectors = {told}\n')
    settings.with_name("empty.toml").write_text("")
    plain = invoke("search", "sum up", "--directory", "tools", "--config", str(settings.with_name("empty.toml")))
    assert (plain.exit_code, plain.stdout) == (1, "")
    found = invoke("search", "sum up", "--directory", "tools", "--most", "1", "--config", str(settings))
    assert found.exit_code == 0, found.stderr
    assert "· add ·" in found.stdout
    settings.write_text('[default.embedding]\nkind = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n')
    down = invoke("search", "add numbers", "--directory", "tools", "--config", str(settings))
    assert down.exit_code == 0
    assert "· add ·" in down.stdout
    assert "The connection to 127.0.0.1 failed" in down.stderr


@pytest.mark.usefixtures("folder")
def test_the_tools_that_fit_a_query_are_searched() -> None:
    shown = invoke("search", "adding numbers", "-d", "tools")
    assert (shown.exit_code, shown.stderr) == (0, "")
    (line,) = shown.stdout.splitlines()
    score, name, description = line.split(" · ")
    assert (name, description) == ("add", "Add two numbers.")
    (found,) = json.loads(invoke("search", "adding numbers", "-d", "tools", "--json").stdout)
    assert found["name"] == "add"
    assert f"{found['score']:.2f}" == score
    assert len(json.loads(invoke("search", "add pay ask", "-d", "tools", "--json", "--most", "2").stdout)) == 2
    nothing = invoke("search", "zzz", "-d", "tools")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "none of 3 tools matches" in nothing.stderr


def test_as_many_tools_are_printed_as_are_asked_for(folder: Path) -> None:
    for number in range(60):
        name = f"add_{number}"
        (folder / f"tools/{name}.py").write_text(ADD.replace("def add(", f"def {name}("))
    assert len(json.loads(invoke("search", "adding numbers", "-d", "tools", "--json", "-n", "60").stdout)) == 60
