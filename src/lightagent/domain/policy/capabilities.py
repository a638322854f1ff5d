"""What tools can do, and who may have them do it: rules by user, agent and tenant that allow, deny or ask.

The order of rules does not matter: the strictest rule that speaks of a call decides, deny before ask before allow. A
call that no rule speaks of is denied unless the policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.tools.foreign_names import called_by_models
from lightagent.domain.tools.spec import OWN_PROVIDER, Capability, Risk, ToolSpec

Access: TypeAlias = Literal["allow", "ask", "deny"]
"""What a rule decides; the later one in this list wins."""

ACCESSES: Final[tuple[Access, ...]] = get_args(Access)
CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)
RISKS: Final[tuple[Risk, ...]] = get_args(Risk)

MCP: Final = "mcp:"
"""The beginning of the provider of tools that come from MCP servers; the server's name follows."""

OPENAPI: Final = "openapi:"
"""The same of tools that are made of an OpenAPI document; the name of the API follows."""


@dataclass(frozen=True, slots=True)
class Requester:
    """For whom a tool would be called."""

    user: str = ""
    agent: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class CapabilityRule:
    """One rule. It speaks of a call where everything fits that it names; what it leaves out fits always.

    Names may hold ``*`` for any text, also for none: ``send_*``. An empty list is refused, since it would fit no call,
    while a list that is left out fits every call.

    Attributes:
        access: what it decides: ``allow``, ``ask`` (a human decides about each call) or ``deny``.
        tools: names of tools; of an MCP server ``SERVER/TOOL``, ``SERVER/read_*`` for some or ``SERVER/*`` for all of
            them; ``API/*`` for all that are made of the OpenAPI document of that name.
        capabilities: the tool declares at least one of these. A tool that declares nothing has none.
        min_risk: the tool declares at least this risk. A tool that declares none has none.
        users, agents, tenants: whose call it is.
        name: what it is called in explanations; by default its place among the rules.
        reason: why it is there, for people.

    Raises:
        ConfigurationError: a value that the attribute cannot have.
    """

    access: Access
    tools: Sequence[str] | None = None
    capabilities: Sequence[Capability] | None = None
    min_risk: Risk | None = None
    users: Sequence[str] | None = None
    agents: Sequence[str] | None = None
    tenants: Sequence[str] | None = None
    name: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        one_of(self.access, ACCESSES, "access")
        if self.min_risk is not None:
            one_of(self.min_risk, RISKS, "min_risk")
        for option in ("tools", "capabilities", "users", "agents", "tenants"):
            given: object = getattr(self, option)
            if given is not None:
                object.__setattr__(self, option, _names(option, given))
        for capability in self.capabilities or ():
            one_of(capability, CAPABILITIES, "capabilities")
        for option in ("name", "reason"):
            if not isinstance(getattr(self, option), str):
                raise ConfigurationError(f"rule: {option} must be text.")

    def mismatch(self, requester: Requester, tool: ToolSpec) -> str:
        """Why it does not speak of this call; empty where it does."""
        return next(self._mismatches(requester, tool), "")

    def _mismatches(self, requester: Requester, tool: ToolSpec) -> Iterator[str]:
        if self.tools and not any(_speaks_of(pattern, tool) for pattern in self.tools):
            yield f"the tool is {tool.name!r}"
        named = (
            ("user", requester.user, self.users),
            ("agent", requester.agent, self.agents),
            ("tenant", requester.tenant, self.tenants),
        )
        for what, value, patterns in named:
            if patterns and not any(matches(pattern, value) for pattern in patterns):
                yield f"the {what} is {value!r}" if value else f"there is no {what}"
        if self.capabilities and not set(self.capabilities) & set(tool.capabilities):
            yield f"the tool declares {' and '.join(tool.capabilities) or 'no capability'}"
        if self.min_risk is not None and _rank(tool.risk) < _rank(self.min_risk):
            yield f"the tool declares {tool.risk or 'no'} risk"


def _names(option: str, given: object) -> tuple[str, ...]:
    """The texts of a list.

    Raises:
        ConfigurationError: it is none, or is empty.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"rule: {option} must be a list of texts, got {type(given).__name__}.")
    values = tuple(given)
    if not values:
        raise ConfigurationError(
            f"rule: {option} is empty, so the rule would speak of nothing.",
            guidance=f"Leave {option} out if the rule speaks of all of them, or leave the rule out.",
        )
    if not all(isinstance(value, str) and value for value in values):
        raise ConfigurationError(f"rule: {option} must be a list of texts that are not empty.")
    return values


def _speaks_of(pattern: str, tool: ToolSpec) -> bool:
    """Whether a pattern names the tool: by the name that models call it, or one of an MCP server as ``SERVER/TOOL``.

    The second holds also for a tool that this program has given another name.
    """
    if "/" not in pattern:
        return matches(pattern, tool.name)
    if tool.original:
        return matches(pattern, tool.original)
    source = pattern.removesuffix("/*")
    if source != pattern and any(matches(f"{kind}{source}", tool.provider) for kind in (MCP, OPENAPI)):
        return True
    return tool.name in called_by_models(pattern)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a policy says of one call.

    Attributes:
        access: what it decides.
        rule: the place of the rule that decided, counted from 1; 0 where none speaks of the call.
        reason: why, in a sentence.
    """

    access: Access
    rule: int
    reason: str


NOT_OFFERED: Final = Permission("deny", 0, "No such tool is offered.")


@dataclass(frozen=True, slots=True)
class CapabilityPolicy:
    """Who may call which tools.

    Attributes:
        rules: in any order.
        default: what holds for a call that no rule speaks of.

    Raises:
        ConfigurationError: something else than rules, or an unknown default.
    """

    rules: Sequence[CapabilityRule] = ()
    default: Access = "deny"

    def __post_init__(self) -> None:
        given: object = self.rules
        if not isinstance(given, Sequence) or not all(isinstance(rule, CapabilityRule) for rule in given):
            raise ConfigurationError("CapabilityPolicy: rules must be a list of CapabilityRule.")
        one_of(self.default, ACCESSES, "default")
        object.__setattr__(self, "rules", tuple(self.rules))

    def decide(self, requester: Requester, tool: ToolSpec) -> Permission:
        """Whether this tool, which was offered, may be called: the strictest of the rules that speak of it."""
        found = Permission(self.default, 0, f"No rule speaks of it, and the default is {self.default}.")
        if tool.provider == OWN_PROVIDER:
            found = Permission("allow", 0, "No rule speaks of it, and the framework itself offers it.")
        for place, rule in enumerate(self.rules, 1):
            stricter = not found.rule or ACCESSES.index(rule.access) > ACCESSES.index(found.access)
            if stricter and not rule.mismatch(requester, tool):
                found = Permission(rule.access, place, _reason(place, rule))
        return found


_DOES: Final[Mapping[Access, str]] = {"allow": "allows it", "ask": "has a human asked", "deny": "denies it"}


def _reason(place: int, rule: CapabilityRule) -> str:
    name = repr(rule.name) if rule.name else place
    return f"The rule {name} {_DOES[rule.access]}." + (f" {rule.reason}" if rule.reason else "")


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, in which ``*`` stands for any text."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - len(last) >= at and name.endswith(last)


def check_declared(capabilities: object, risk: object) -> None:
    """Raise unless a tool can declare this.

    Raises:
        ConfigurationError: a capability or the risk is unknown.
    """
    if isinstance(capabilities, str) or not isinstance(capabilities, Sequence):
        raise ConfigurationError(
            f"capabilities must be a list such as ['read', 'network'], got {type(capabilities).__name__}.", guidance=""
        )
    for capability in capabilities:
        one_of(capability, CAPABILITIES, "capabilities")
    if risk is not None:
        one_of(risk, RISKS, "risk")


def _rank(risk: Risk | None) -> int:
    return 0 if risk is None else 1 + RISKS.index(risk)


def one_of(value: object, known: tuple[str, ...], option: str) -> None:
    """Raise unless an option has one of the values that it can have.

    Raises:
        ConfigurationError: it has another.
    """
    if value not in known:
        raise ConfigurationError(f"{option}: {value!r:.50} is not one of {', '.join(known)}.", guidance="")
