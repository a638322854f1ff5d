"""Models run Python where the application gave them the tools for it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    CapabilityPolicy,
    CapabilityRule,
    CodeLimits,
    CodeRunner,
    CodeTools,
    ConfigurationError,
    Journal,
    JsonValue,
    LightAgent,
    MontyRunner,
    RunResult,
    SubprocessRunner,
)
from lightagent.bootstrap import open_app
from lightagent.domain.outcomes import Completed, Suspended
from lightagent.settings import load_settings
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_cli import environment
from tests.support.command_line import call_lightagent

CODE = "execute_python_code"
FILE = "execute_python_file"
ADD = "print(20 + 22)"


@pytest.fixture(params=["monty", pytest.param("subprocess", marks=pytest.mark.needs("bubblewrap"))])
def runner(request: pytest.FixtureRequest) -> CodeRunner:
    return MontyRunner() if request.param == "monty" else SubprocessRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "numbers.txt").write_text("1\n2\n39\n")
    (folder / "add.py").write_text("print(sum(int(line) for line in open('numbers.txt').read().splitlines()))\n")
    (folder / "notes.sh").write_text("echo hi\n")
    return folder


def run(source: CodeTools, tool: str, **arguments: JsonValue) -> RunResult:
    """A run whose model calls one tool once."""
    model = ScriptedModel([call_tool(tool, **arguments), "Done."])
    return LightAgent(model=model, tools=[source]).run("Compute.", result_format="object")


def test_a_program_answers_with_what_it_prints(runner: CodeRunner) -> None:
    (call,) = run(CodeTools(runner), CODE, code=ADD).tool_calls
    assert (call.status, call.output) == ("ok", "42")
    (call,) = run(CodeTools(runner), CODE, code="x = 1").tool_calls
    assert call.output == "The program ended without any output."


def test_a_program_that_fails_tells_the_model_why(runner: CodeRunner) -> None:
    (call,) = run(CodeTools(runner), CODE, code="print('first')\nprint(1 / 0)").tool_calls
    assert call.output is not None
    assert call.output.startswith("first\n[standard error]\n")
    assert "ZeroDivisionError: division by zero" in call.output
    assert call.output.endswith("[The program ended with exit code 1.]")


def test_a_limit_of_the_tools_is_told(runner: CodeRunner) -> None:
    (call,) = run(CodeTools(runner, limits=CodeLimits(seconds=0.3)), CODE, code="while True: pass").tool_calls
    told = "[The program was stopped after 0.3 seconds, since its time was over. Have it do less at a time.]"
    assert call.output == told


def test_a_streamed_run_shows_output_as_it_comes(runner: CodeRunner) -> None:
    source = "import time\nfor number in range(3):\n    print(number)\n    time.sleep(0.05)"

    def parts(tools: CodeTools) -> list[object]:
        model = ScriptedModel([call_tool(CODE, code=source), "Done."])
        stream = LightAgent(model=model, tools=[tools]).run("Count.", stream=True, result_format="event")
        shown: list[object] = [event.data["text"] for event in stream if event.type == "tool_part"]
        assert stream.result.tool_calls[0].output == "0\n1\n2"
        return shown

    assert "".join(map(str, parts(CodeTools(runner)))) == "0\n1\n2\n"
    assert parts(CodeTools(runner, streamed=False)) == []


def test_a_file_of_the_folder_is_run_and_no_other(runner: CodeRunner, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("print('never')")
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    source = CodeTools(runner, folder=folder)
    (call,) = run(source, FILE, path="add.py").tool_calls
    assert call.output == "42"
    (call,) = run(source, CODE, code="print(open('numbers.txt').read())").tool_calls
    assert call.output == "1\n2\n39\n"
    for path in ("../outside.py", "link.py", "/etc/hosts.py", "notes.sh", "missing.py", "", "add.py/../add.py"):
        (call,) = run(source, FILE, path=path).tool_calls
        assert call.status == "failed", path
        assert call.output is not None
        assert call.output.startswith("[LA-TOOL]")


def test_files_are_run_only_where_there_is_a_folder(runner: CodeRunner, folder: Path) -> None:
    def offered(source: CodeTools) -> list[str]:
        model = ScriptedModel(["Done."])
        LightAgent(model=model, tools=[source]).run("?")
        return [tool.name for tool in model.requests[0].tools]

    assert offered(CodeTools(runner)) == [CODE]
    assert offered(CodeTools(runner, folder=folder)) == [CODE, FILE]
    with pytest.raises(ConfigurationError, match="cannot be used as a working directory"):
        CodeTools(runner, folder=folder / "add.py")


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"#" * 5_000_000, "has more than 4,194,304 bytes"), (b"print('\xff')", "is not text in UTF-8")],
    ids=["too long", "not UTF-8"],
)
def test_a_file_that_monty_does_not_take_is_refused_with_the_reason(folder: Path, content: bytes, told: str) -> None:
    (folder / "odd.py").write_bytes(content)
    (call,) = run(CodeTools(MontyRunner(), folder=folder), FILE, path="odd.py").tool_calls
    assert f"'odd.py' {told}" in str(call.output)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"folder": ""}, "folder: expected a path"),
        ({"folder": 5}, "folder: expected a path"),
        ({"folder": "missing"}, "cannot be used as a working directory"),
        ({"writable": "no"}, "writable: expected True or False"),
        ({"streamed": None}, "streamed: expected True or False"),
        ({"limits": 5}, "limits: expected CodeLimits"),
        ({"runner": None}, "expected a code runner, got NoneType"),
        ({"runner": MontyRunner}, "got the class MontyRunner"),
    ],
)
def test_a_wrong_option_of_the_tools_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        CodeTools(**{"runner": MontyRunner(), **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"allow_unisolated": "no"}, "allow_unisolated: expected True or False"),
        ({"allow_unisolated": 1}, "allow_unisolated: expected True or False"),
        ({"bubblewrap": ""}, "bubblewrap: expected a path"),
        ({"python": 5}, "python: expected a path"),
        ({"limits": {"seconds": 1}}, "limits: expected CodeLimits"),
    ],
)
def test_a_wrong_option_of_a_runner_does_not_loosen_it(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        SubprocessRunner(**{"bubblewrap": "/nowhere/bwrap", **options})  # type: ignore[arg-type]


def test_the_class_of_a_runner_is_no_runner() -> None:
    with pytest.raises(ConfigurationError, match="got the class MontyRunner"):
        LightAgent(model=ScriptedModel([]), skills_directories=["skills"], code_runner=MontyRunner)  # type: ignore[call-overload]


def test_no_agent_is_offered_code_by_default() -> None:
    def lookup(word: str) -> str:
        """Look a word up.

        Args:
            word: which.
        """
        return word

    model = ScriptedModel([call_tool(CODE, code=ADD), "Done."])
    result = LightAgent(model=model, tools=[lookup]).run("?", result_format="object")
    assert [tool.name for tool in model.requests[0].tools] == ["lookup"]
    assert result.tool_calls[0].status == "refused"
    assert "42" not in str(result.tool_calls[0].output)


def test_policies_know_that_it_runs_code() -> None:
    def outcome(rule: CapabilityRule) -> RunResult:
        policy = CapabilityPolicy([rule, CapabilityRule("allow")])
        model = ScriptedModel([call_tool(CODE, code=ADD), "Done."])
        agent = LightAgent(model=model, tools=[CodeTools(MontyRunner())], capabilities=policy)
        return agent.run("Compute.", result_format="object")

    denied = outcome(CapabilityRule("deny", capabilities=["execute"]))
    assert isinstance(denied.outcome, Completed)
    assert denied.tool_calls[0].status == "refused"
    assert isinstance(outcome(CapabilityRule("ask", min_risk="high")).outcome, Suspended)


def test_an_approved_program_is_run_once() -> None:
    model = ScriptedModel([call_tool(CODE, code=ADD), "Done."])
    policy = CapabilityPolicy([CapabilityRule("ask", capabilities=["execute"])])
    agent = LightAgent(model=model, tools=[CodeTools(MontyRunner())], capabilities=policy)
    waiting = agent.run("Compute.", result_format="object")
    assert isinstance(waiting.outcome, Suspended)
    journal = Journal.from_json(waiting.journal.to_json())
    done = agent.resume(journal, ApprovalDecision.approve())
    assert [(call.status, call.output) for call in done.tool_calls] == [("ok", "42")]


def test_settings_offer_it_and_say_what_runs_it(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "lightagent.toml"

    def offered(text: str) -> list[str]:
        file.write_text(text)
        with open_app(load_settings(file)) as app:
            model = ScriptedModel(["Done."])
            app.agent(model=model).run("?")
            return [tool.name for tool in model.requests[0].tools]

    assert offered("") == []
    assert offered('[default.code]\nkind = "monty"') == []
    assert offered('[default.code]\nkind = "monty"\nseconds = 5.0\n[default.tools]\ncode = true') == [CODE]
    both = '[default.code]\nkind = "monty"\n[default.tools]\ncode = true\ncode_folder = "work"'
    assert offered(both) == [CODE, FILE]
    with pytest.raises(ConfigurationError, match="a code runner is missing"):
        offered("[default.tools]\ncode = true")
    with pytest.raises(ConfigurationError, match="isolation"):
        offered('[default.code]\nkind = "subprocess"\nbubblewrap = "/nowhere"')
    with pytest.raises(ConfigurationError, match="Unknown option"):
        offered('[default.code]\nkind = "monty"\nallow_unisolated = true')


def test_an_app_has_the_runner_for_others() -> None:
    with open_app(load_settings(environ={"LIGHTAGENT__CODE__KIND": "monty"})) as app:
        assert app.code is not None
        assert app.code.name == "monty"
    with open_app(load_settings(environ={})) as app:
        assert app.code is None


def test_doctor_runs_a_line(tmp_path: Path) -> None:
    def diagnosed(text: str) -> tuple[int, str]:
        (tmp_path / "lightagent.toml").write_text(text)
        done = call_lightagent("doctor", "--config", "lightagent.toml", folder=tmp_path, variables=environment())
        return done.returncode, done.stdout + done.stderr

    code, told = diagnosed('[default.code]\nkind = "monty"\n[default.tools]\ncode = true')
    assert code == 0, told
    assert "✓ code · monty · " in told
    code, told = diagnosed('[default.code]\nkind = "subprocess"\nbubblewrap = "/nowhere"')
    assert code == 2
    assert "code · subprocess" in told
    assert "isolation" in told
