"""Capabilities: what tools declare, and what rules by user, agent and tenant decide about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from lightagent import (
    CapabilityPolicy,
    CapabilityRule,
    ConfigurationError,
    JsonValue,
    Requester,
    ToolRegistry,
    ToolSpec,
    tool,
)
from lightagent.application.journals.read_spilled import READ_TOOL, ReadToolResult
from lightagent.application.tools.function_tool import ToolOptions, as_tool
from lightagent.domain.mcp.declarations import mcp_tool_spec
from lightagent.domain.mcp.servers import McpTool
from lightagent.domain.policy.capabilities import ACCESSES, Access, matches

SEND = ToolSpec("send_mail", "Send.", {}, capabilities=("write", "network"), risk="medium")
READ = ToolSpec("read_mail", "Read.", {}, capabilities=("read",), risk="low")
SILENT = ToolSpec("silent", "Says nothing.", {})
ANN = Requester("ann", "clerk", "acme")


def decided(policy: CapabilityPolicy, spec: ToolSpec = SEND, requester: Requester = ANN) -> tuple[str, int]:
    permission = policy.decide(requester, spec)
    return permission.access, permission.rule


@pytest.mark.parametrize("order", list(permutations(ACCESSES)))
def test_the_strictest_rule_wins_in_any_order(order: tuple[Access, ...]) -> None:
    everything = CapabilityPolicy([CapabilityRule(access) for access in order])
    assert decided(everything) == ("deny", order.index("deny") + 1)
    others = [access for access in order if access != "deny"]
    assert decided(CapabilityPolicy([CapabilityRule(access) for access in others])) == ("ask", others.index("ask") + 1)


def test_what_no_rule_speaks_of_is_denied_unless_the_policy_says_otherwise() -> None:
    rule = CapabilityRule("allow", tools=["read_*"])
    assert decided(CapabilityPolicy([rule])) == ("deny", 0)
    assert decided(CapabilityPolicy([rule]), READ) == ("allow", 1)
    assert decided(CapabilityPolicy([rule], default="ask")) == ("ask", 0)
    assert decided(CapabilityPolicy()) == ("deny", 0)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (CapabilityRule("allow", tools=["read_*", "mail"]), "the tool is 'send_mail'"),
        (CapabilityRule("allow", users=["bob", "a?n"]), "the user is 'ann'"),
        (CapabilityRule("allow", agents=["Clerk"]), "the agent is 'clerk'"),
        (CapabilityRule("allow", tenants=["acme.*"]), "the tenant is 'acme'"),
        (CapabilityRule("allow", capabilities=["read", "execute"]), "the tool declares write and network"),
        (CapabilityRule("allow", min_risk="high"), "the tool declares medium risk"),
    ],
)
def test_a_rule_speaks_only_where_everything_fits(rule: CapabilityRule, why: str) -> None:
    assert rule.mismatch(ANN, SEND) == why
    assert decided(CapabilityPolicy([rule])) == ("deny", 0)


def test_everything_that_a_rule_names_has_to_fit() -> None:
    rule = CapabilityRule(
        "allow", ["send_*"], ["network"], "low", users=["an*"], agents=["clerk"], tenants=["*"], reason="She writes."
    )
    assert rule.mismatch(ANN, SEND) == ""
    assert CapabilityPolicy([rule]).decide(ANN, SEND).reason == "The rule 1 allows it. She writes."
    assert rule.mismatch(Requester("", "clerk"), SEND) == "there is no user"


def test_a_tool_that_declares_nothing_has_no_capability_and_no_risk() -> None:
    for rule in (CapabilityRule("allow", capabilities=["read"]), CapabilityRule("allow", min_risk="low")):
        assert decided(CapabilityPolicy([rule]), SILENT) == ("deny", 0)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("*", "", True),
        ("a*", "a", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("*b*", "abc", True),
        ("a*bc*d", "abcbd", True),
        ("a*bc*bc", "abc", False),
        ("[a]", "a", False),
        ("a?", "ab", False),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not matches("*a" * 500 + "b", "a" * 20_000)


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: CapabilityRule(json.loads('"perhaps"')), "access: 'perhaps' is not one of allow, ask, deny"),
        (lambda: CapabilityRule("allow", tools="send"), "tools must be a list of texts"),
        (lambda: CapabilityRule("allow", users=[]), "users is empty"),
        (lambda: CapabilityRule("allow", tools=()), "tools is empty"),
        (lambda: CapabilityRule("allow", capabilities=[]), "capabilities is empty"),
        (lambda: CapabilityRule("allow", users=[""]), "texts that are not empty"),
        (lambda: CapabilityRule("allow", users=json.loads("[null]")), "users must be a list of texts"),
        (lambda: CapabilityRule("allow", capabilities=json.loads('["fly"]')), "capabilities: 'fly' is not one of"),
        (lambda: CapabilityRule("allow", min_risk=json.loads('"huge"')), "min_risk: 'huge' is not one of"),
        (lambda: CapabilityRule("allow", reason=json.loads("5")), "reason must be text"),
        (lambda: CapabilityPolicy(json.loads('["allow"]')), "rules must be a list of CapabilityRule"),
        (lambda: CapabilityPolicy(default=json.loads("null")), "default: None is not one of"),
        (lambda: ToolOptions(capabilities=json.loads('"read"')), "capabilities must be a list"),
        (lambda: ToolOptions(capabilities=json.loads('["wite"]')), "capabilities: 'wite' is not one of"),
        (lambda: ToolOptions(risk=json.loads('"none"')), "risk: 'none' is not one of"),
    ],
)
def test_a_mistake_is_refused_where_it_is_made(build: Callable[[], object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        build()


def test_a_tool_declares_what_it_can_do_by_the_decorator() -> None:
    @tool(capabilities=["write"], risk="high", trusted_output=True)
    def pay(amount: int) -> str:
        """Pay."""
        return str(amount)

    spec = pay.spec
    assert (spec.capabilities, spec.risk, spec.trusted_output) == (("write",), "high", True)
    assert spec.has_outside_effects
    assert not READ.has_outside_effects
    assert not SILENT.has_outside_effects


def legacy(**marks: JsonValue) -> Callable[[], str]:
    def now() -> str:
        return "noon"

    info = {"tool_name": "now", "tool_description": "The time.", "tool_params": [], **marks}
    vars(now)["tool_info"] = info
    return now


def test_a_tool_declares_what_it_can_do_by_its_tool_info() -> None:
    marks: dict[str, JsonValue] = {
        "tool_capabilities": ["network", "read"],
        "tool_risk": "low",
        "tool_trusted_output": True,
    }
    spec = as_tool(legacy(**marks)).spec
    assert (spec.capabilities, spec.risk, spec.trusted_output) == (("read", "network"), "low", True)
    plain = as_tool(legacy()).spec
    assert (plain.capabilities, plain.risk, plain.trusted_output) == ((), None, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tool_capabilities", "read"), ("tool_capabilities", ["fly"]), ("tool_risk", 5), ("tool_trusted_output", "yes")],
)
def test_a_wrong_mark_in_tool_info_is_refused(field: str, value: JsonValue) -> None:
    made = legacy(**{field: value})
    [problem] = ToolRegistry.validate_tool_info(vars(made)["tool_info"])
    assert (problem["level"], problem["field"]) == ("error", field)
    with pytest.raises(ConfigurationError, match=field):
        as_tool(made)


def test_the_tool_that_the_framework_offers_is_allowed_unless_a_rule_denies_it() -> None:
    from lightagent.adapters.journals.memory import MemoryJournalStore

    spec = ReadToolResult(MemoryJournalStore(), "Read.", 100).spec
    assert decided(CapabilityPolicy(), spec) == ("allow", 0)
    assert decided(CapabilityPolicy([CapabilityRule("deny", tools=[READ_TOOL])]), spec) == ("deny", 1)


@pytest.mark.parametrize(
    ("pattern", "speaks"),
    [
        ("gh/repos.create", True),
        ("gh/*", True),
        ("gh__*", True),
        ("gh/repos.*", True),
        ("*/repos.create", True),
        ("g*", True),
        ("gh/create*", False),
        ("github*/*", False),
        ("gh/repos.delete", False),
        ("g/*", False),
        ("repos.create", False),
    ],
)
def test_a_rule_names_the_tool_of_a_server_by_its_own_name(pattern: str, speaks: bool) -> None:
    spec = mcp_tool_spec(McpTool("gh", "repos.create"))
    assert isinstance(spec, ToolSpec)
    rule = CapabilityRule("allow", tools=[pattern])
    assert (rule.mismatch(ANN, spec) == "") is speaks


def test_a_rule_names_the_tool_of_a_server_also_where_the_program_calls_it_something_else() -> None:
    spec = mcp_tool_spec(McpTool("io.github.me/notes", "delete"))
    assert isinstance(spec, ToolSpec)
    renamed = replace(spec, name="my_delete")
    for pattern in ("io.github.me/notes/delete", "io.github.me/notes/*", "io.github.me/*"):
        assert CapabilityRule("deny", tools=[pattern]).mismatch(ANN, renamed) == ""
