"""A capability policy at work: what is offered, what is called, what waits; in code, in settings and explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent import (
    ApprovalDecision,
    CapabilityPolicy,
    CapabilityRule,
    ChatRequest,
    ConfigurationError,
    LightAgent,
    RunResult,
    load_settings,
    open_app,
    tool,
)
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ModelRequested, ToolFinished, ToolStarted
from lightagent.entrypoints.cli.app import app
from lightagent.testing import ScriptedModel, call_tool

sent: list[str] = []


@tool(capabilities=["write", "network"], risk="high")
def send(text: str) -> str:
    """Send a text."""
    sent.append(text)
    return "sent"


@tool(capabilities=["read"])
def look() -> str:
    """Look."""
    return "nothing new"


def sender(request: ChatRequest) -> str | ToolCall:
    last = request.messages[-1]
    return f"Told: {last.content}" if isinstance(last, ToolMessage) else call_tool("send", text="hello")


def agent(policy: CapabilityPolicy | None = None) -> LightAgent[None, str]:
    sent.clear()
    return LightAgent(name="clerk", model=ScriptedModel(sender), tools=[send, look], capabilities=policy)


def offered(result: RunResult[str]) -> tuple[str, ...]:
    return next(event.tools for event in result.journal.events if isinstance(event, ModelRequested))


def test_a_denied_tool_is_not_offered_and_a_call_of_it_has_no_effect() -> None:
    result = agent(CapabilityPolicy([CapabilityRule("allow", capabilities=["read"])])).run(
        "Say hello.", result_format="object"
    )
    assert offered(result) == ("look",)
    [request] = [one for one in result.journal.events if isinstance(one, ModelRequested) if one.turn == 1]
    assert request.hidden == ("send",)
    assert [(one.by, one.action) for one in request.decisions] == [("capabilities", "rewrite")]
    [finished] = [event for event in result.journal.events if isinstance(event, ToolFinished)]
    assert finished.status == "refused"
    assert sent == []


def test_by_user_and_agent_the_same_agent_may_do_more_or_less() -> None:
    rules = [CapabilityRule("allow", users=["ann"], agents=["clerk"]), CapabilityRule("allow", capabilities=["read"])]
    clerk = agent(CapabilityPolicy(rules))
    assert offered(clerk.run("Say hello.", user_id="bob", result_format="object")) == ("look",)
    assert sent == []
    result = clerk.run("Say hello.", user_id="ann", result_format="object")
    assert offered(result) == ("send", "look")
    assert sent == ["hello"]
    [started] = [event for event in result.journal.events if isinstance(event, ToolStarted)]
    assert [(one.by, one.action, one.reason) for one in started.decisions] == [
        ("capabilities", "allow", "The rule 1 allows it.")
    ]


def test_a_call_that_a_rule_wants_asked_about_waits_and_runs_once_it_is_approved() -> None:
    clerk = agent(CapabilityPolicy([CapabilityRule("ask", min_risk="high", name="risky")], default="allow"))
    waiting = clerk.run("Say hello.", result_format="object")
    assert isinstance(waiting.outcome, Suspended)
    assert sent == []
    result = clerk.resume(waiting.journal, ApprovalDecision.approve())
    assert result.content == "Told: sent"
    assert sent == ["hello"]


async def test_a_run_is_not_resumed_without_the_policy() -> None:
    waiting = await agent(CapabilityPolicy([CapabilityRule("ask")])).arun("Say hello.", result_format="object")
    with pytest.raises(ConfigurationError, match="policies that this agent lacks: capabilities"):
        agent().resume(waiting.journal, ApprovalDecision.approve())


def test_the_policy_of_an_agent_holds_for_the_agents_that_it_calls() -> None:
    inner = agent()
    helper = inner.as_tool("helper", "Helps.")
    outer = LightAgent(
        name="boss",
        model=ScriptedModel(
            lambda request: (
                "done" if isinstance(request.messages[-1], ToolMessage) else call_tool("helper", query="Say hello.")
            )
        ),
        tools=[helper],
        capabilities=CapabilityPolicy([CapabilityRule("allow", tools=["helper"])]),
    )
    assert outer.run("Say hello.") == "done"
    assert sent == []


def test_another_object_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="capabilities must be CapabilityPolicy"):
        agent(json.loads("[]"))


SETTINGS = """
[default.model]
kind = "offline"

[[default.policy.rules]]
access = "allow"
capabilities = ["read"]

[[default.policy.rules]]
access = "ask"
tools = ["send*"]
users = ["ann"]
name = "mail"
reason = "Mail cannot be taken back."

[[default.policy.rules]]
access = "deny"
tenants = ["guests"]
"""
TOOLS = (
    "from lightagent import tool\n\n\n@tool(capabilities=['write', 'network'], risk='high')\n"
    "def send(text: str) -> str:\n    '''Send.'''\n    return text\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "lightagent.toml").write_text(SETTINGS)
    (tmp_path / "mine.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", "lightagent.toml"], env={"COLUMNS": "200"})


@pytest.mark.usefixtures("folder")
def test_the_table_of_the_settings_is_the_policy_of_an_apps_agents() -> None:
    with open_app(load_settings("lightagent.toml")) as opened:
        made = opened.agent(name="clerk", model=ScriptedModel(sender), tools=[send, look])
        sent.clear()
        waiting = made.run("Say hello.", user_id="ann", result_format="object")
        assert isinstance(waiting.outcome, Suspended)
        assert offered(made.run("Say hello.", user_id="bob", result_format="object")) == ("look",)
        assert sent == []


@pytest.mark.usefixtures("folder")
def test_explain_tells_which_rule_decides_and_why_the_others_do_not() -> None:
    asked = invoke("policy", "explain", "--user", "ann", "--tool", "send", "--tools", "mine.py")
    assert asked.exit_code == 0, asked.output
    assert asked.stdout.splitlines() == [
        "ask · send · The rule 'mail' has a human asked. Mail cannot be taken back.",
        "The tool declares write, network and high risk.",
        "Rule 1, allow: does not apply, since the tool declares write and network.",
        "Rule 3, deny: does not apply, since there is no tenant.",
    ]
    denied = invoke("policy", "explain", "--user", "ann", "--tenant", "guests", "--tool", "send", "--json")
    told = json.loads(denied.stdout)
    assert (told["access"], told["rule"], told["reason"]) == ("deny", 3, "The rule 3 denies it.")
    assert told["others"][1] == "Rule 2 'mail', ask: does not apply, since another rule decides before it."
    bob = invoke("policy", "explain", "--user", "bob", "--tool", "send", "--tools", "mine.py")
    assert bob.stdout.startswith("deny · send · No rule speaks of it, and the default is deny.\n")
    unknown = invoke("policy", "explain", "--user", "ann", "--tool", "sned", "--tools", "mine.py")
    assert unknown.stdout == "deny · sned · No such tool is offered.\n"


def test_explain_says_where_there_is_no_policy_and_what_untrusted_text_changes(folder: Path) -> None:
    (folder / "lightagent.toml").write_text('[default.model]\nkind = "offline"\n')
    assert "No policy" in invoke("policy", "explain", "--tool", "send").stdout
    declared = ["policy", "explain", "--tool", "send", "--tools", "mine.py"]
    assert "After untrusted text: ask, since the tool has outside effects." in invoke(*declared).stdout
    (folder / "lightagent.toml").write_text('[default.policy]\ntainted_calls = "deny"\n')
    assert json.loads(invoke(*declared, "--json").stdout)["after_untrusted_text"] == "deny"
    (folder / "lightagent.toml").write_text('[default.policy]\ntainted_calls = "allow"\n')
    assert "untrusted" not in invoke(*declared).stdout


def test_explain_knows_the_tools_of_mcp_servers_by_their_own_names(folder: Path) -> None:
    rules = '[[default.policy.rules]]\naccess = "allow"\ntools = ["{}"]\n'
    for pattern in ("files/*", "files/read.file"):
        (folder / "lightagent.toml").write_text(
            rules.format(pattern) + "[default.policy]\nmcp_outside_effects = true\n"
        )
        explained = invoke("policy", "explain", "--tool", "files/read.file", "--tools", "mine.py").stdout
        assert explained.splitlines() == [
            "allow · files/read.file · The rule 1 allows it.",
            "The tool declares no capability and no risk.",
            "After untrusted text: ask, since the tool has outside effects.",
        ]
    assert invoke("policy", "explain", "--tool", "notes/read.file").stdout.startswith("deny")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[[default.policy.rules]]\naccess = "perhaps"\n', "default.policy.rules"),
        ('[[default.policy.rules]]\naccess = "deny"\ntool = ["x"]\n', "Did you mean 'tools'"),
        ('[[default.policy.rules]]\ntools = ["x"]\n', "access"),
        (
            '[[default.policy.rules]]\naccess = "deny"\ncapabilities = ["fly"]\n',
            "'network' or 'execute'",
        ),
        ('[[default.policy.rules]]\naccess = "deny"\nusers = [""]\n', "users"),
        ('[default.policy]\ndefault = "no"\n', "default.policy.default"),
    ],
)
def test_config_check_finds_what_is_wrong_with_the_table(folder: Path, table: str, problem: str) -> None:
    assert invoke("config", "check").exit_code == 0
    (folder / "lightagent.toml").write_text('[default.model]\nkind = "offline"\n' + table)
    checked = invoke("config", "check")
    assert checked.exit_code == 2
    assert problem in checked.stdout
