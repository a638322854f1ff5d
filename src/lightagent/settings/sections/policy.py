"""The section ``[default.policy]``: who may call which tools."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lightagent.domain.policy.capabilities import Access, CapabilityPolicy, CapabilityRule
from lightagent.domain.policy.information_flow import InformationFlow
from lightagent.domain.tools.spec import Capability, Risk
from lightagent.settings.sections.base import NEEDS_TRUST, Section

Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]


class PolicyRule(Section):
    """A rule of the capability policy; see `lightagent.domain.policy.capabilities.CapabilityRule`."""

    access: Access = Field(description="allow, ask or deny.")
    tools: Names | None = Field(default=None, description="Names of tools; * stands for any text.")
    capabilities: Annotated[list[Capability], Field(min_length=1)] | None = Field(
        default=None, description="What the tool declares: read, write, network or execute."
    )
    min_risk: Risk | None = Field(default=None, description="The least risk that the tool declares.")
    users: Names | None = Field(default=None, description="Whose run it is.")
    agents: Names | None = Field(default=None, description="The agent that calls the tool.")
    tenants: Names | None = Field(default=None, description="The tenant whose run it is.")
    name: str = Field(default="", description="What the rule is called in explanations.")
    reason: str = Field(default="", description="Why the rule is there.")


class PolicySettings(Section):
    """Who may call which tools, and what holds for calls that untrusted text may have caused."""

    default: Annotated[Access | None, NEEDS_TRUST] = Field(
        default=None,
        description="What holds for tools that no rule speaks of: allow, ask or deny; deny if not set.",
    )
    rules: Annotated[list[PolicyRule], NEEDS_TRUST] = Field(
        default_factory=list, description="Rules; see docs/policy.md."
    )
    tainted_calls: Annotated[Access | None, NEEDS_TRUST] = Field(
        default=None,
        description="What holds for calls with outside effects after untrusted text: ask (if not set), deny or allow.",
    )
    mcp_outside_effects: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="Tools of MCP servers count as having outside effects, even if they declare none."
    )
    trusted_labels: Annotated[list[Name], NEEDS_TRUST] = Field(
        default_factory=list, description="Labels of text that counts as trusted, such as tool:read_handbook."
    )

    def information_flow(self) -> InformationFlow:
        """What holds for tainted calls."""
        return InformationFlow(self.tainted_calls or "ask", self.mcp_outside_effects, self.trusted_labels)

    def capabilities(self) -> CapabilityPolicy | None:
        """The policy that these settings describe; None without a default and rules."""
        if self.default is None and not self.rules:
            return None
        rules = [CapabilityRule(**dict(rule)) for rule in self.rules]
        return CapabilityPolicy(rules, self.default or "deny")
