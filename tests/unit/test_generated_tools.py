"""Tools that a model writes: what is refused of them, what becomes of their files, and the policies that hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lightagent import BudgetLimits, LightAgent, RunContext, ToolLoader
from lightagent.application.generated_tools.check_code import code_problems
from lightagent.application.generated_tools.saved_tool import save_tool
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.testing import ScriptedModel, call_tool

INFO = (
    "double.tool_info = {'tool_name': 'double', 'tool_description': 'Double a number.', 'tool_params': "
    "[{'name': 'x', 'description': 'The number.', 'type': 'integer', 'required': True}]}\n"
)
DOUBLE = f"def double(x: int) -> int:\n    return 2 * x\n\n\n{INFO}"
TRIPLE = DOUBLE.replace("2 *", "3 *")


def answer(code: str = DOUBLE, name: str = "double") -> str:
    return json.dumps({"tools": [{"name": name, "code": code}]})


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


WRONG = {
    "no Python": ("def double(:", "does not compile: line 1"),
    "a NUL": (f"{DOUBLE}\0", "null bytes"),
    "half a character": (f"{DOUBLE}# \ud800", "does not compile"),
    "too deep": (f"x = {'(' * 5_000}{')' * 5_000}\n{DOUBLE}", "does not compile"),
    "too long": (f"{DOUBLE}{'#' * 100_000}", "100,000 are the most"),
    "another name": (DOUBLE.replace("def double", "def triple"), "defines no function 'double'"),
    "twice": (f"def double(x):\n    return x\n{DOUBLE}", "more than one function 'double'"),
    "within another": ("def f():\n    def double(x):\n        return x\n" + INFO, "defines no function 'double'"),
    "no tool_info": ("def double(x):\n    return x\n", "must say double.tool_info"),
    "tool_info made by code": (DOUBLE.replace("'Double a number.'", "str(1)"), "literal dict"),
    "another tool_name": (DOUBLE.replace("'tool_name': 'double'", "'tool_name': 'x'"), "tool_name must be 'double'"),
    "a wrong type": (DOUBLE.replace("'integer'", "'wish'"), "type must be one of"),
    "no such parameter": (DOUBLE.replace("'name': 'x'", "'name': 'y'"), "which is not a parameter of double"),
    "a parameter that nothing fills": (DOUBLE.replace("x: int)", "x: int, y: int)"), "'y' of double is not in"),
    "something done when loaded": (f"{DOUBLE}print(1)\n", "does something when the file is loaded"),
    "another encoding": (f"# coding: utf-7\n# harmless +AAo-print(1)\n{DOUBLE}", "its encoding is utf-7"),
    "another encoding once it is approved": (f"#\n# vim: fileencoding=latin-1 :\n{DOUBLE}", "encoding is iso-8859-1"),
    "no encoding at all": (f"# coding: of-the-day\n{DOUBLE}", "its encoding is an unknown one"),
    "a line end that a terminal takes back": (f"{DOUBLE}x = 1\r# harmless\n", "holds U+000D"),
    "control codes of a terminal": (f"{DOUBLE}# \x1b[2K\n", "line 6 holds U+001B"),
    "another direction": (f"x = '\u202e'\n{DOUBLE}", "line 1 holds U+202E"),
    "a name with what is not seen": (f"x\ufe0f = 1\n{DOUBLE}", "line 1 holds U+FE0F"),
    "a line that Python does not end": (f"# \u2028x = 1\n{DOUBLE}", "line 1 holds U+2028"),
    "something done in a branch": (f"if True:\n    print(1)\n{DOUBLE}", "line 2 does something"),
    "something done in a trial": (f"try:\n    x = 1\nexcept OSError:\n    print(1)\n{DOUBLE}", "line 4 does something"),
    "something done in a class": (f"class C:\n    print(1)\n{DOUBLE}", "line 2 does something"),
    "something done in a case": (f"match 1:\n    case _:\n        print(1)\n{DOUBLE}", "line 1 does something"),
    "an assertion": (f"assert print(1) is None\n{DOUBLE}", "line 1 does something"),
    "a loop when loaded": (f"for i in range(3):\n    pass\n{DOUBLE}", "line 1 does something"),
}


@pytest.mark.parametrize("case", WRONG)
def test_code_that_no_tool_can_be(case: str) -> None:
    code, told = WRONG[case]
    assert told in "; ".join(code_problems("double", code))


def test_code_that_is_a_tool() -> None:
    assert list(code_problems("double", DOUBLE)) == []
    named = DOUBLE.replace("double.tool_info = ", "INFO = ") + "double.tool_info: dict = INFO\n"
    assert list(code_problems("double", named)) == []
    assert list(code_problems("double", DOUBLE.replace("def double(x: int)", "async def double(*, x=3, y=4)"))) == []
    usual = "# -*- coding: utf-8 -*-\ntry:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n\n\n"
    usual += 'class Wrong(ValueError):\n    """Wrong, 日本　é."""\n\n    def say(self):\n\t    print(1)\n\n\n'
    assert list(code_problems("double", f"{usual}{DOUBLE}if __name__ == '__main__':\n    print(double(x=1))\n")) == []


@pytest.mark.parametrize("code", ["\r\n".join(DOUBLE.split("\n")), f"```python\r\n{DOUBLE}```"])
async def test_line_ends_are_those_of_python(code: str, tmp_path: Path) -> None:
    [written] = await LightAgent(model=ScriptedModel([answer(code)])).acreate_tool("x", tools_directory=tmp_path)
    assert written.path.read_bytes().partition(b"\n")[2] == DOUBLE.encode()


@pytest.mark.parametrize(
    "deed",
    [
        "assert print(1) is None",
        "raise SystemExit",
        "match print(1):\n    case _:\n        pass",
        "if True:\n    print(1)",
        "try:\n    import tomllib\nexcept ImportError:\n    print(1)",
        "class Some:\n    print(1)",
    ],
)
def test_no_statement_only_does_something(deed: str) -> None:
    assert "does something when the file is loaded" in "; ".join(code_problems("double", f"{DOUBLE}{deed}\n"))


def test_what_such_files_usually_hold() -> None:
    usual = (
        "# -*- coding: utf-8 -*-\nfrom typing import TYPE_CHECKING\ntry:\n    import tomllib\nexcept ImportError:\n"
        "    tomllib = None\nif TYPE_CHECKING:\n    import os\n\n\n"
        'class Failed(Exception):\n    """It failed."""\n\n\n'
    )
    main = 'if __name__ == "__main__":\n    print(double(1))\n'
    assert list(code_problems("double", usual + DOUBLE + "\tX = '\u3000\xa0'\n".lstrip() + main)) == []


async def test_ends_of_lines_are_those_of_python(tmp_path: Path) -> None:
    model = ScriptedModel([answer(DOUBLE.replace("\n", "\r\n"))])
    (tool,) = await LightAgent(model=model).acreate_tool("Double numbers.", tmp_path)
    assert tool.code == DOUBLE


@pytest.mark.parametrize("name", ["../double", "a/b", "", "class", "_double", "1st", "doublé", "x" * 65, "CON.py"])
async def test_a_name_that_leads_elsewhere_writes_nothing(name: str, tmp_path: Path) -> None:
    model = ScriptedModel([answer(name=name)] * 9)
    with pytest.raises(LightAgentError, match="LA-OUTPUT"):
        await LightAgent(model=model).acreate_tool("Double numbers.", tmp_path / "tools")
    assert "cannot be the name of a tool" in str(model.requests[1].messages[-1].to_openai())
    assert not (tmp_path / "tools").exists()


async def test_what_is_wrong_goes_back_to_the_model(tmp_path: Path) -> None:
    model = ScriptedModel([answer(f"{DOUBLE}print(1)\n"), answer()])
    (tool,) = await LightAgent(model=model).acreate_tool("Double numbers.", tmp_path)
    assert (tool.state, tool.path) == ("written", tmp_path / "double.py")
    assert "line 6 does something when the file is loaded" in str(model.requests[1].messages[-1].to_openai())


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"tool_name": "double", "tool_code": DOUBLE}]),
        json.dumps({"name": "double", "code": DOUBLE}),
        answer(f"```python\n{DOUBLE}```"),
        f"Here it is:\n```json\n{answer()}\n```",
    ],
)
async def test_other_forms_of_the_answer_are_taken(text: str, tmp_path: Path) -> None:
    (tool,) = await LightAgent(model=ScriptedModel([text])).acreate_tool("Double numbers.", tmp_path)
    assert tool.code == DOUBLE


async def test_nothing_is_run_or_offered_unasked(tmp_path: Path) -> None:
    code = f"import pathlib\nMARK = pathlib.Path({str(tmp_path / 'mark')!r}).write_text('run')\n{DOUBLE}"
    model = ScriptedModel([answer(code)])
    agent = LightAgent(model=model)
    await agent.acreate_tool("Double numbers.", tmp_path / "tools")
    assert agent.get_tools() == []
    shelf = ToolLoader(tmp_path / "tools")
    assert (await shelf.tools()).tools == {}, "a directory that is offered as a whole leaves it out"
    assert "it is not approved yet" in shelf.problems[0]["message"]
    assert not (tmp_path / "mark").exists()
    assert agent.load_tools(["double"], tmp_path / "tools") == ["double"], "to name it is to approve it"
    assert (tmp_path / "mark").read_text() == "run"


async def test_auto_load_approves(tmp_path: Path) -> None:
    agent = LightAgent(model=ScriptedModel([answer()]))
    await agent.acreate_tool("Double numbers.", tmp_path, auto_load=True)
    assert [tool["function"] for tool in agent.get_tools()] != []
    assert [*(await ToolLoader(tmp_path).tools()).tools] == ["double"]


async def test_a_file_is_not_replaced_silently(tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text(TRIPLE)
    agent = LightAgent(model=ScriptedModel([answer(), answer()]))
    (tool,) = await agent.acreate_tool("Double numbers.", tmp_path, auto_load=True)
    assert (tool.state, (tmp_path / "double.py").read_text(), agent.get_tools()) == ("kept", TRIPLE, [])
    assert "-    return 3 * x\n+    return 2 * x\n" in str(tool)
    assert tool.save(overwrite=True).state == "written"
    (again,) = await agent.acreate_tool("Double numbers.", tmp_path)
    assert (again.state, again.diff) == ("unchanged", "")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_in_the_place_of_the_file_is_refused(overwrite: bool, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.py"
    target.write_text("safe")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "double.py").symlink_to(target)
    with pytest.raises(ConfigurationError, match="symbolic link"):
        save_tool(tmp_path / "tools", "double", DOUBLE, overwrite=overwrite)
    assert target.read_text() == "safe"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"auto_load": "no"}, "auto_load: expected True or False"),
        ({"overwrite": 1}, "overwrite: expected True or False"),
        ({"tools_directory": ""}, "tools_directory: expected a path"),
        ({"tools_directory": None}, "tools_directory: expected a path"),
        ({"text": None}, "text must be str"),
    ],
)
async def test_a_wrong_option_asks_writes_and_loads_nothing(
    options: dict[str, object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = ScriptedModel([answer()])
    with pytest.raises(ConfigurationError, match=told):
        await LightAgent(model=model).acreate_tool(**{"text": "x", "tools_directory": tmp_path, **options})  # type: ignore[arg-type]
    assert (files(tmp_path), len(model.requests)) == ([], 0)


async def test_where_one_tool_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "triple.py").symlink_to(tmp_path / "elsewhere.py")
    tools = [{"name": name, "code": DOUBLE.replace("double", name)} for name in ("double", "triple")]
    with pytest.raises(ConfigurationError, match="symbolic link"):
        await LightAgent(model=ScriptedModel([json.dumps(tools)])).acreate_tool("x", tools_directory=tmp_path)
    assert files(tmp_path) == ["triple.py"]


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_places: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", fails)
    assert save_tool(tmp_path, "double", DOUBLE).state == "written"
    assert save_tool(tmp_path, "double", TRIPLE).state == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["double.py"]


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(ConfigurationError, match="No space left"):
        save_tool(tmp_path, "double", DOUBLE)
    assert list(tmp_path.iterdir()) == []


async def test_tools_are_written_under_the_policies_of_the_agent(tmp_path: Path) -> None:
    def refuses(text: str, _context: object) -> bool:
        return "secret" not in text

    agent = LightAgent(model=ScriptedModel([answer(), answer()]), input_guardrails=[refuses])
    with pytest.raises(LightAgentError, match="LA-GUARDRAIL"):
        await agent.acreate_tool("The secret API.", tmp_path)
    assert files(tmp_path) == []
    agent = LightAgent(model=ScriptedModel([answer()]), budgets=BudgetLimits(model_calls=0))
    with pytest.raises(LightAgentError, match="LA-BUDGET"):
        await agent.acreate_tool("Double numbers.", tmp_path)
    assert files(tmp_path) == []


async def test_the_run_that_writes_tools_is_a_run_of_the_agent(tmp_path: Path) -> None:
    def shout(text: str, ctx: RunContext[int]) -> str:
        """Shout."""
        return text * ctx.deps

    model = ScriptedModel([answer()])
    agent = LightAgent(model=model, tools=[shout], deps_type=int, instructions="You are loud.", role="A crier.")
    await agent.acreate_tool("Double numbers.", tmp_path, user_id="ann")
    (request,) = model.requests
    assert request.tools == ()
    assert "You are loud" not in str(request.messages[0].to_openai())
    journal = agent.export_journal()
    assert journal is not None
    assert journal.run.started.scope.user == "ann"
    assert [event.type for event in journal.events][-1] == "run_finished"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_is_needed(text: str) -> None:
    with pytest.raises(LightAgentError, match="the text is empty"):
        LightAgent(model=ScriptedModel([])).create_tool(text)


def test_written_tools_can_be_called_at_once(tmp_path: Path) -> None:
    model = ScriptedModel([answer(DOUBLE), call_tool("double", x=21), "42"])
    agent = LightAgent(model=model)
    agent.create_tool("Double numbers.", tmp_path, auto_load=True)
    assert agent.run("Double 21.", result_format="object").tool_calls[0].output == "42"
