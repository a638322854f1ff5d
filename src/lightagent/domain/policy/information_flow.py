"""Decides whether a call may proceed that untrusted text may have caused.

A call is tainted when text that the application does not vouch for entered the conversation before the model proposed
it. The rule asks no model and reads no text: it depends on where texts come from, and not on what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.capabilities import ACCESSES, MCP, Access, matches, one_of
from lightagent.domain.tools.spec import ToolSpec

BY: Final = "information_flow"
"""The name of the rule on record."""

_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class FlowRuling:
    """What the rule says of a tainted call: it waits for a human, or is refused."""

    access: Access
    reason: str


@dataclass(frozen=True, slots=True)
class InformationFlow:
    """What holds for tainted calls of tools with outside effects. Calls of other tools are never asked about.

    Attributes:
        tainted_calls: ``ask`` (a human decides about each), ``deny`` or ``allow``.
        mcp_outside_effects: every tool of an MCP server counts as one with outside effects, even if it declares none.
        trusted_labels: labels of text that counts as trusted here, such as ``tool:read_handbook``; ``*`` stands for any
            text.

    Raises:
        ConfigurationError: a value that the attribute cannot have.
    """

    tainted_calls: Access = "ask"
    mcp_outside_effects: bool = False
    trusted_labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        one_of(self.tainted_calls, ACCESSES, "tainted_calls")
        marked: object = self.mcp_outside_effects
        if not isinstance(marked, bool):
            raise ConfigurationError("mcp_outside_effects must be True or False.", guidance="")
        given: object = self.trusted_labels
        if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
            raise ConfigurationError("trusted_labels must be a list such as ['tool:read_handbook'].", guidance="")
        object.__setattr__(self, "trusted_labels", tuple(self.trusted_labels))

    def rule(self, tool: ToolSpec, untrusted: tuple[str, ...]) -> FlowRuling | None:
        """Return the rule that applies to a call of `tool`, or None if the call may proceed.

        Args:
            untrusted: the labels of the untrusted text that came before the model proposed the call.
        """
        if not untrusted or self.tainted_calls == "allow" or not self._has_outside_effects(tool):
            return None
        sources = [label for label in untrusted if not any(matches(one, label) for one in self.trusted_labels)]
        if not sources:
            return None
        more = f" and {len(sources) - _MOST_NAMED} more" if len(sources) > _MOST_NAMED else ""
        named = ", ".join(sources[:_MOST_NAMED]) + more
        return FlowRuling(
            self.tainted_calls,
            f"{tool.name} has effects outside of the run, and untrusted text came before it was called: {named}.",
        )

    def _has_outside_effects(self, tool: ToolSpec) -> bool:
        return tool.has_outside_effects or (self.mcp_outside_effects and tool.provider.startswith(MCP))


DEFAULT_FLOW: Final = InformationFlow()


def strictest(flows: Sequence[InformationFlow], tool: ToolSpec, untrusted: tuple[str, ...]) -> FlowRuling | None:
    """What several rules together say of a call: what one of them refuses or asks about, no other lets go on."""
    if not untrusted:
        return None
    found = [ruling for flow in flows if (ruling := flow.rule(tool, untrusted)) is not None]
    return max(found, key=lambda ruling: ACCESSES.index(ruling.access), default=None)
