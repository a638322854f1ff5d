"""Mistakes of a first hour: each message names the place and the remedy, and the line that it leads to runs.

A row is what somebody types first, what the message must say, and the line that they type after they have read it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import lightagent
from lightagent import (
    ApprovalDecision,
    Journal,
    JsonObject,
    LightAgent,
    LightAgentError,
    Limits,
    RunContext,
    RunResult,
    ToolRegistry,
    tool,
)
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.testing import ScriptedModel, call_tool


class Row(NamedTuple):
    """One mistake.

    Attributes:
        wrong: the line that fails.
        says: what its message holds; the first is the place.
        right: the line that is typed instead.
    """

    wrong: str
    says: tuple[str, ...]
    right: str


ROWS: Final = [
    # Names
    Row("from lightagent import LightAgnt", ("LightAgnt", "'LightAgent'"), "from lightagent import LightAgent"),
    Row("lightagent.LightAgnt", ("LightAgnt", "'LightAgent'"), "lightagent.LightAgent"),
    Row(
        "from LightAgent import HookManager",
        ("HookManager", "LightAgent(hooks=[...])"),
        "LightAgent(model=model, hooks=[hook])",
    ),
    Row(
        "from LightAgent.logger import LoggerManager",
        ("LightAgent.logger", "log_level="),
        'LightAgent(model=model, log_level="ERROR")',
    ),
    Row(
        "from LightAgent import execute_python_code",
        ("execute_python_code", "CodeTools(MontyRunner())"),
        "from lightagent import CodeTools, MontyRunner; LightAgent(model=model, tools=[CodeTools(MontyRunner())])",
    ),
    # Options of an agent
    Row(
        'LightAgent("gpt-4.1")', ("LightAgent", "by name", "LightAgent(model='gpt-4.1')"), "LightAgent(model='gpt-4.1')"
    ),
    Row(
        "LightAgent(model=model, output_typ=int)",
        ("'output_typ'", "'output_type'"),
        "LightAgent(model=model, output_type=int)",
    ),
    Row(
        'LightAgent(model=model, system_prompt="Be brief.")',
        ("'system_prompt'", "instructions="),
        'LightAgent(model=model, instructions="Be brief.")',
    ),
    Row(
        'LightAgent(model=model, sytem_prompt="Be brief.")',
        ("'sytem_prompt'", "instructions="),
        'LightAgent(model=model, instructions="Be brief.")',
    ),
    Row(
        "LightAgent(model=model, temperature=0)",
        ("'temperature'", "metadata={'temperature': ...}"),
        "LightAgent(model=model, metadata={'temperature': 0})",
    ),
    Row(
        "LightAgent(model=model, stream=True)",
        ("'stream'", "agent.stream(query)"),
        '[*LightAgent(model=model).stream("Hello")]',
    ),
    Row(
        'LightAgent(model=model, user_id="ann")',
        ("'user_id'", "agent.run(query, user_id=...)"),
        'LightAgent(model=model).run("Hello", user_id="ann")',
    ),
    Row(
        "LightAgent(model=model, max_retry=3)",
        ("'max_retry'", "limits=Limits(max_retry=...)"),
        "LightAgent(model=model, limits=Limits(max_retry=3))",
    ),
    Row(
        "LightAgent(model=model, deps=Shop())",
        ("'deps'", "deps_type=", "agent.run(query, deps=...)"),
        'LightAgent(model=model, deps_type=Shop).run("Hello", deps=Shop())',
    ),
    Row(
        'LightAgent(model="m", websocket_base_url="ws://localhost")',
        ("'websocket_base_url'", "leave it out"),
        'LightAgent(model="m")',
    ),
    Row(
        'LightAgent(model="m", base_url="localhost:8000/v1")',
        ("base_url", "localhost:8000/v1 has no scheme", "write http:// or https://"),
        'LightAgent(model="m", base_url="http://localhost:8000/v1")',
    ),
    Row(
        'LightAgent(model="m", base_url="http://localhost:8000/v1/chat/completions")',
        ("base_url", "leave that off"),
        'LightAgent(model="m", base_url="http://localhost:8000/v1")',
    ),
    Row(
        'LightAgent(model="m", provider="opnai")',
        ("'opnai'", "'openai'"),
        'LightAgent(model="m", provider="openai")',
    ),
    Row("LightAgent(model=5)", ("model", "a name or an object"), 'LightAgent(model="m")'),
    Row(
        'LightAgent(model="m").run("Hello")',
        ("API key", 'LightAgent(provider="offline")'),
        'LightAgent(provider="offline").run("Hello")',
    ),
    Row(
        'LightAgent(model=model, limits={"max_retry": 3})',
        ("limits", "limits=Limits(...)"),
        "LightAgent(model=model, limits=Limits(max_retry=3))",
    ),
    Row(
        "LightAgent(model=model, limits=Limits(max_retry=0))",
        ("max_retry", "at least 1"),
        "LightAgent(model=model, limits=Limits(max_retry=1))",
    ),
    Row("LightAgent(model=model, hooks=hook)", ("hooks", "hooks=[...]"), "LightAgent(model=model, hooks=[hook])"),
    Row(
        'LightAgent(model=model, memory="mem0")',
        ("memory", "store(data, user_id)", "retrieve(query, user_id)"),
        "LightAgent(model=model, memory=Remembers())",
    ),
    Row(
        'LightAgent(model=model, session_store="runs.db")',
        ("session_store", 'SqliteJournalStore("runs.db")'),
        "from lightagent.adapters.journals.sqlite import SqliteJournalStore; "
        "LightAgent(model=model, session_store=SqliteJournalStore(folder / 'runs.db'))",
    ),
    Row(
        "LightAgent(model=model, handoffs=['sales'])",
        ("handoffs", "LightAgent objects"),
        "LightAgent(model=model, handoffs=[LightAgent(model=model, name='sales')])",
    ),
    Row(
        "LightAgent(model=model, context_budget=8000)",
        ("context_budget", "context_budget=ContextBudget(max_tokens=8_000)"),
        "LightAgent(model=model, context_budget=lightagent.ContextBudget(max_tokens=8000))",
    ),
    Row(
        'LightAgent(model=model, log_level="LOUD")',
        ("log_level", "DEBUG, INFO, WARNING or ERROR"),
        'LightAgent(model=model, log_level="ERROR")',
    ),
    Row(
        'LightAgent(model=model, metadata={"stream": True})',
        ("metadata.stream", "stream= instead"),
        '[*LightAgent(model=model).run("Hello", stream=True)]',
    ),
    Row(
        'LightAgent(model=model, metadata={"timeout": 5})',
        ("metadata.timeout", "timeout= to the run"),
        'LightAgent(model=model).run("Hello", timeout=5)',
    ),
    Row(
        'LightAgent(model=model, metadata={"stop": {"a"}})',
        ("metadata.stop", "lists and dictionaries"),
        'LightAgent(model=model, metadata={"stop": ["a"]})',
    ),
    # Tools
    Row("LightAgent(model=model, tools=weather)", ("tools", "tools=[...]"), "LightAgent(model=model, tools=[weather])"),
    Row(
        "LightAgent(model=model, tools=[[weather]])",
        ("tools", "list", "tools=[*these, another]"),
        "LightAgent(model=model, tools=[*[weather]])",
    ),
    Row(
        "LightAgent(model=model, tools=[registry])",
        ("ToolRegistry", "[*registry.function_mappings.values()]"),
        "LightAgent(model=model, tools=[*registry.function_mappings.values()])",
    ),
    Row(
        "LightAgent(model=model, tools=[{'type': 'function', 'function': {'name': 'weather'}}])",
        ("tools", "dict", "pass the function"),
        "LightAgent(model=model, tools=[weather])",
    ),
    Row(
        "LightAgent(model=model, tools=['weather'])",
        ("weather.py", "no such file", "tools directory"),
        "LightAgent(model=model, tools=['rain'], tools_directory=folder)",
    ),
    Row(
        "LightAgent(model=model, tools=[untyped])",
        ("'untyped'", "'city'", "annotate it"),
        "untyped.__annotations__['city'] = str; LightAgent(model=model, tools=[untyped])",
    ),
    Row(
        "LightAgent(model=model, tools=[lambda: 'sunny'])",
        ("<lambda>", "Give the function a name"),
        "LightAgent(model=model, tools=[tool(name='sun', description='Sun.')(lambda: 'sunny')])",
    ),
    Row(
        "LightAgent(model=model, tools=[locked])",
        ("'locked'", "'lock'", "str, int"),
        "locked.__annotations__['lock'] = str; LightAgent(model=model, tools=[locked])",
    ),
    Row(
        "LightAgent(model=model, tools=[weather, other_weather])",
        ("'weather'", "Rename one of them"),
        "other_weather.__name__ = 'other_weather'; LightAgent(model=model, tools=[weather, other_weather])",
    ),
    Row(
        "LightAgent(model=model, tools=[half_declared])",
        ("tool_info of 'half_declared'", "tool_description must be text"),
        "half_declared.tool_info['tool_description'] = 'Weather.'; LightAgent(model=model, tools=[half_declared])",
    ),
    Row(
        "LightAgent(model=model, tools=[stock])",
        ("'stock'", "deps_type=Shop"),
        "LightAgent(model=model, tools=[stock], deps_type=Shop)",
    ),
    Row(
        "tool(weather, timeout=0)",
        ("timeout", "positive number of seconds"),
        "tool(weather, timeout=1)",
    ),
    # Runs
    Row('agent.run("Hello", strem=True)', ("'strem'", "'stream'"), '[*agent.run("Hello", stream=True)]'),
    Row('agent.run("Hello", stream="yes")', ("stream", "True or False"), '[*agent.run("Hello", stream=True)]'),
    Row(
        'agent.run("Hello", result_format="json")',
        ("result_format", "str, object, dict"),
        'agent.run("Hello", result_format="dict")',
    ),
    Row(
        'agent.run("Hello", stream=True, result_format="object")',
        ("result_format", "str, event"),
        '[*agent.run("Hello", stream=True, result_format="event")]',
    ),
    Row(
        'wait(agent.arun("Hello", stream=True))',
        ("'stream'", "astream()"),
        'wait(chunks(agent.astream("Hello")))',
    ),
    Row(
        'agent.run_result("Hello", result_format="object")',
        ("'result_format'", "run_result() a RunResult"),
        'agent.run_result("Hello")',
    ),
    Row('agent.run("Hello", deps=Shop())', ("deps", "deps_type=Shop"), 'keeper.run("Hello", deps=Shop())'),
    Row('keeper.run("Hello")', ("deps", "Shop", "Pass deps= to each run"), 'keeper.run("Hello", deps=Shop())'),
    Row(
        'agent.run("Hello", temperature=0)',
        ("'temperature'", "metadata={'temperature': ...}"),
        "agent.run('Hello', metadata={'temperature': 0})",
    ),
    Row(
        'agent.run("Hello", history="Hi")',
        ("history", '[{"role": "user", "content": "..."}]'),
        'agent.run("Hello", history=[])',
    ),
    Row(
        'agent.run("Hello", history=["Hi"])',
        ("history[0]", "role and content"),
        'agent.run("Hello", history=[{"role": "user", "content": "Hi"}])',
    ),
    Row(
        'agent.run("Hello", history=[{"role": "system", "content": "Be brief."}])',
        ("history[0]", "instructions="),
        'LightAgent(model=model, instructions="Be brief.").run("Hello")',
    ),
    Row(
        'agent.run("Hello", history=[{"role": "human", "content": "Hi"}])',
        ("history[0].role", "user, assistant, tool"),
        'agent.run("Hello", history=[{"role": "user", "content": "Hi"}])',
    ),
    Row("agent.run(None)", ("query", "text or a list"), 'agent.run("Hello")'),
    Row(
        'agent.run({"role": "user", "content": "Hi"})',
        ("query", "text or a list of content parts"),
        'agent.run([{"type": "text", "text": "Hi"}])',
    ),
    Row(
        'agent.run("Hello", session_id="monday")',
        ("session 'monday'", "session_store="),
        'LightAgent(model=model, session_store=store).run("Hello", session_id="monday")',
    ),
    Row('agent.run("Hello", max_retry="3")', ("max_retry", "must be int"), 'agent.run("Hello", max_retry=3)'),
    Row('agent.run("Hello", timeout=-1)', ("timeout", "above 0"), 'agent.run("Hello", timeout=1)'),
    Row(
        'agent.run("Hello", journal="runs.db")', ("journal", "SqliteJournalStore"), 'agent.run("Hello", journal=store)'
    ),
    # Decisions and results
    Row(
        "bank.run('Pay.')",
        ("waits for a human", 'result_format="object"', "resume(result.journal, ApprovalDecision.approve())"),
        "result = bank.run('Pay.', result_format='object'); bank.resume(result.journal, ApprovalDecision.approve())",
    ),
    Row(
        "bank.resume(waiting)",
        ("waits for a decision", "Pass a decision"),
        "bank.resume(waiting, ApprovalDecision.approve())",
    ),
    Row(
        'bank.resume(waiting, "yes")',
        ("decision", "ApprovalDecision.approve"),
        "bank.resume(waiting, ApprovalDecision.approve())",
    ),
    Row(
        'bank.resume(waiting, ApprovalDecision.approve(), result_format="str")',
        ("'result_format'", "its content is the text"),
        "bank.resume(waiting, ApprovalDecision.approve()).content",
    ),
    Row(
        "agent.resume('no journal')",
        ("Journal", "RunResult.journal or Journal.to_json()"),
        "bank.resume(waiting.to_json(), ApprovalDecision.approve())",
    ),
    Row(
        'agent.run("Hello", approval_id="a")',
        ("'approval_id'", "agent.resume(result.journal"),
        "bank.resume(waiting, ApprovalDecision.approve())",
    ),
    Row(
        'agent.run("Hello", stream=True).result',
        ("stream", "Read it to its end"),
        'stream = agent.run("Hello", stream=True); [*stream]; stream.result',
    ),
    Row(
        'LightAgent(model=ScriptedModel([])).run("Hello")',
        ("has 0 replies", "Add a reply"),
        'LightAgent(model=ScriptedModel(["Hi."])).run("Hello")',
    ),
    Row(
        "lightagent.LightSwarm().run(agent=agent, query='Hello')",
        ("not registered", "register_agent"),
        "swarm = lightagent.LightSwarm(); swarm.register_agent(agent); swarm.run(agent=agent, query='Hello')",
    ),
    # Swarms
    Row(
        "lightagent.LightSwarm([agent])",
        ("LightSwarm", "register_agent(first"),
        "lightagent.LightSwarm().register_agent(agent)",
    ),
    Row(
        "lightagent.LightSwarm(agents=[agent])",
        ("'agents'", "swarm.register_agent(first, second)"),
        "swarm = lightagent.LightSwarm(); swarm.register_agent(agent)",
    ),
    Row(
        "lightagent.LightSwarm(bogus=1)",
        ("'bogus'", "It takes: limits, history, handoff_text, next_turn, consult, mail, deps_type"),
        "lightagent.LightSwarm(consult=True)",
    ),
    Row(
        "lightagent.LightSwarm(limits=3)",
        ("LightSwarm: limits", "HandoffLimits", "limits="),
        "lightagent.LightSwarm(limits=lightagent.HandoffLimits())",
    ),
    Row(
        "lightagent.LightSwarm(next_turn='first')",
        ("next_turn", "'last', 'front'"),
        "lightagent.LightSwarm(next_turn='last')",
    ),
    Row(
        "lightagent.LightSwarm().register_agent([agent])",
        ("got list", "register_agent(first, second)"),
        "lightagent.LightSwarm().register_agent(agent)",
    ),
    Row(
        "lightagent.LightSwarm().add_agent(agent)",
        ("'add_agent'", "register_agent"),
        "lightagent.LightSwarm().register_agent(agent)",
    ),
    Row(
        "swarm = lightagent.LightSwarm(); swarm.register_agent(agent); swarm.run('Hello', agent)",
        ("expected an agent, got str", "and then the query"),
        "swarm = lightagent.LightSwarm(); swarm.register_agent(agent); swarm.run(agent, 'Hello')",
    ),
    # Flows
    Row(
        'lightagent.LightFlow("report")',
        ("LightFlow", 'LightFlow(name="report")'),
        'lightagent.LightFlow(name="report")',
    ),
    Row(
        "lightagent.LightFlow(steps=[agent])",
        ("'steps'", "LightFlow().step(name, agent=...)"),
        'lightagent.LightFlow().step("write", agent=agent)',
    ),
    Row(
        'lightagent.LightFlow().step("write", agent)',
        ("step()", ".step('write', agent=writer)"),
        'lightagent.LightFlow().step("write", agent=agent)',
    ),
    Row(
        'lightagent.LightFlow().step("write", func=weather)',
        ("step 'write'", "'func'", "agent="),
        'lightagent.LightFlow().step("write", agent=weather)',
    ),
    Row(
        'lightagent.LightFlow().step("write", agent=weather("Rome"))',
        ("step 'write'", "got str", "a function of the query"),
        'lightagent.LightFlow().step("write", agent=weather)',
    ),
    Row(
        'lightagent.LightFlow().step("write", agent=weather, retries=3)',
        ("'retries'", "max_retry="),
        'lightagent.LightFlow().step("write", agent=weather, max_retry=3)',
    ),
    Row(
        'lightagent.LightFlow().step("write", agent=weather, retry=3)',
        ("retry", "RetryPolicy(attempts=3)"),
        'lightagent.LightFlow().step("write", agent=weather, retry=lightagent.RetryPolicy(attempts=3))',
    ),
    Row(
        'lightagent.LightFlow().step("a", agent=weather).step("b", agent=weather, depends_on="a")',
        ("step 'b': depends_on", "depends_on=[...]"),
        'lightagent.LightFlow().step("a", agent=weather).step("b", agent=weather, depends_on=["a"])',
    ),
    Row(
        'lightagent.LightFlow().step("a", agent=weather, when="yes")',
        ("when", "Pass a function"),
        'lightagent.LightFlow().step("a", agent=weather, when=lambda context: True)',
    ),
    Row(
        'lightagent.LightFlow().step("a", agent=weather).run("Rome", stream=True)',
        ("'stream'", "flow.stream_events(query)"),
        '[*lightagent.LightFlow().step("a", agent=weather).stream_events("Rome")]',
    ),
    Row(
        'lightagent.LightFlow().step("a", agent=weather).run({"city": "Rome"})',
        ("query must be str, got dict", "json.dumps(...)"),
        'import json; lightagent.LightFlow().step("a", agent=weather).run(json.dumps({"city": "Rome"}))',
    ),
    Row(
        'lightagent.LightFlow().step("a", agent=weather, requires_approval=True).run("Rome", result_format="str")',
        ("waits for a person: a", "approve(run_id, step)", "resume(run_id)"),
        'flow = lightagent.LightFlow().step("a", agent=weather, requires_approval=True); '
        'run_id = flow.run("Rome").run_id; flow.approve(run_id, "a"); flow.resume(run_id)',
    ),
    # Parts of an agent
    Row(
        "LightAgent(model=model, skills=['notes'])",
        ("'skills'", "skills_directories="),
        "LightAgent(model=model, skills_directories=folder)",
    ),
    Row(
        "LightAgent(model=model, guardrails=[hook])",
        ("'guardrails'", "input_guardrails="),
        "LightAgent(model=model, input_guardrails=[lambda query, context: None])",
    ),
    Row(
        "LightAgent(model=model, mcp_servers=['time'])",
        ("'mcp_servers'", "agent.setup_mcp(...)"),
        'wait(agent.setup_mcp({"mcpServers": {}}))',
    ),
    Row(
        "LightAgent(model=model, memory=True)",
        ("memory", "InProcessMemory()"),
        "LightAgent(model=model, memory=lightagent.InProcessMemory())",
    ),
    Row(
        "LightAgent(model=model, self_learning='yes')",
        ("self_learning", "Pass True"),
        "LightAgent(model=model, memory=lightagent.InProcessMemory(), self_learning=True)",
    ),
    Row(
        "LightAgent(model=model, telemetry=['console'])",
        ("telemetry", "[OpenTelemetrySink()]"),
        "LightAgent(model=model, telemetry=False)",
    ),
    Row(
        "LightAgent(model=model, budgets={'tokens': 5})",
        ("budgets", "BudgetLimits(tokens="),
        "LightAgent(model=model, budgets=lightagent.BudgetLimits(tokens=50_000))",
    ),
    Row(
        'LightAgent(model="m", tot_model="gpt-4.1")',
        ("tot_model=", "tree_of_thought=True"),
        'LightAgent(model="m", tree_of_thought=True, tot_model="gpt-4.1")',
    ),
    Row(
        "LightAgent(model=model, code_runner=True)",
        ("code_runner", "SubprocessRunner()"),
        "LightAgent(model=model, code_runner=lightagent.SubprocessRunner())",
    ),
    Row(
        'LightAgent(model="claude-3", provider="anthropic")',
        ("'anthropic'", "provider='litellm'"),
        'LightAgent(model="m", provider="openai")',
    ),
    Row(
        "LightAgent(model=model, output_type=Shop).run('Hello')",
        ("output_type", "Shop", "a dataclass"),
        "import dataclasses; LightAgent(model=model, output_type=dataclasses.make_dataclass('City', []))",
    ),
    Row("tool('weather')", ("'weather'", "tool(name='weather')"), "tool(name='weather')(weather)"),
    Row(
        "from lightagent import SqliteJournalStore",
        ("SqliteJournalStore", "from lightagent.adapters.journals.sqlite import SqliteJournalStore"),
        "from lightagent.adapters.journals.sqlite import SqliteJournalStore",
    ),
    Row("agent.invoke('Hello')", ("'invoke'", "agent.run(query)"), "agent.run('Hello')"),
    Row("agent.run(['Hello'])", ("query[0]", "the text itself"), "agent.run('Hello')"),
    Row(
        "lightagent.open_app('dev')",
        ("open_app", "load_settings("),
        "lightagent.open_app(lightagent.load_settings())",
    ),
]


CITY: Final = [{"name": "city", "description": "Where.", "type": "string", "required": True}]


class Shop:
    """What tools depend on."""


class Remembers:
    """A memory of somebody's own."""

    def store(self, data: str, user_id: str) -> None:
        """Forgets at once."""

    def retrieve(self, query: str, user_id: str) -> JsonObject:
        """Nothing."""
        return {"results": []}


def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city} is sunny."


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"{amount} paid"


def bank() -> LightAgent:
    def replies(request: lightagent.ChatRequest) -> str | lightagent.testing.Reply:
        return "Done." if request.messages[-1].role == "tool" else call_tool("pay", amount=1)

    return LightAgent(model=ScriptedModel(replies), tools=[pay])


def waiting() -> Journal:
    result: RunResult = bank().run_result("Pay.")
    return result.journal


async def chunks(stream: lightagent.AsyncRunStream[object, str]) -> list[object]:
    return [one async for one in stream]


def wait(work: Coroutine[object, object, object]) -> object:
    return asyncio.run(work)


def names(folder: Path) -> dict[str, object]:
    """What a program has at hand; functions that rows change are made anew."""

    def other_weather(city: str) -> str:
        """The weather of a city."""
        return city

    def half_declared(city: str) -> str:
        return city

    def locked(lock: threading.Barrier) -> str:
        """Waits."""
        return str(lock)

    def stock(ctx: RunContext[Shop], item: str) -> str:
        """Count what is there."""
        return item

    def hook(context: lightagent.HookContext) -> None:
        """Sees all."""

    other_weather.__name__ = "weather"
    locked.__annotations__["lock"] = threading.Barrier
    stock.__annotations__ |= {"ctx": RunContext[Shop], "item": str}
    vars(half_declared)["tool_info"] = {"tool_name": "half_declared", "tool_params": CITY}
    registry = ToolRegistry()
    registry.register_tool(weather)
    (folder / "rain.py").write_text('def rain() -> str:\n    """Rain."""\n    return "rain"\n')
    model = ScriptedModel(lambda _: "7")
    given = (other_weather, half_declared, locked, stock, hook, weather, tool, wait, chunks)
    return {
        **{one.__name__ if one is not other_weather else "other_weather": one for one in given},
        **_untyped(),
        "registry": registry,
        "folder": folder,
        "model": model,
        "agent": LightAgent(model=model),
        "keeper": LightAgent(model=model, deps_type=Shop),
        "bank": bank(),
        "waiting": waiting(),
        "store": SqliteJournalStore(folder / "store.db"),
        "lightagent": lightagent,
        "LightAgent": LightAgent,
        "Limits": Limits,
        "Shop": Shop,
        "Remembers": Remembers,
        "ApprovalDecision": ApprovalDecision,
        "ScriptedModel": ScriptedModel,
    }


def _untyped() -> dict[str, object]:
    """A function as it stands in a program that no checker sees."""
    found: dict[str, object] = {}
    exec('def untyped(city):\n    """The weather."""\n    return city\n', found)
    return {"untyped": found["untyped"]}


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_there_are_enough() -> None:
    assert len(ROWS) >= 60
    assert len({row.wrong for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row.wrong[:60] for row in ROWS])
def test_a_mistake_says_where_it_is_and_what_to_type(row: Row, tmp_path: Path) -> None:
    with pytest.raises((LightAgentError, ImportError, AttributeError, TypeError)) as caught:
        exec(row.wrong, names(tmp_path))
    text = str(caught.value)
    for word in row.says:
        assert word in text
    assert "Mend what is named" not in text
    assert len(text) < 700


@pytest.mark.parametrize("row", ROWS, ids=[row.right[:60] for row in ROWS])
def test_what_is_typed_then_runs(row: Row, tmp_path: Path) -> None:
    exec(row.right, names(tmp_path))
