"""The tools that an agent may call while another one has it as a tool: only these are offered and pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.policy.phases import CallPayload, PayloadT, Phase, RequestPayload, Subject
from lightagent.domain.policy.rulings import ALLOW, Forbid, Rewrite, Ruling
from lightagent.domain.runs.effects import NarrowTools
from lightagent.domain.skills.permissions import forbidden_by

_PHASES: Final[frozenset[Phase]] = frozenset({"model_request", "tool_call"})


class NarrowedTools:
    """Lets through the tools that are named, and those of the framework that only read.

    Like every policy, it also reviews the agents that this one calls: an agent gains no tools by asking another one.

    Args:
        tools: names of tools; ``*`` stands for any text.
        by: the name of the tool that the agent is.
    """

    guard = None

    def __init__(self, tools: Sequence[str], by: str) -> None:
        self._narrowings = (NarrowTools(tuple(tools), by),)
        self._name = f"as_tool:{by}"

    @property
    def name(self) -> str:
        """What it is known by on record."""
        return self._name

    @property
    def phases(self) -> frozenset[Phase]:
        """The offered tools, and each call."""
        return _PHASES

    async def rule(self, phase: Phase, subject: Subject, payload: PayloadT) -> Ruling[PayloadT]:
        """The ruling on a payload."""
        specs = {spec.name: spec for spec in subject.facts.specs}

        def is_free(name: str) -> bool:
            return name in specs and forbidden_by(self._narrowings, specs[name]) is None

        match payload:
            case RequestPayload(tools=tools):
                free = tuple(filter(is_free, tools))
                if free == tools:
                    return ALLOW
                left_out = len(tools) - len(free)
                return Rewrite(replace(payload, tools=free), f"{left_out} tools are not among those it has as a tool.")
            case CallPayload() if not is_free(subject.name):
                text = f"The tool {subject.name!r:.100} may not be called here."
                error = LightAgentErrorInfo("LA-POLICY", text, "Go on without it, or say that it is not allowed.")
                return Forbid(error, "It is not among the tools that the agent has as a tool.")
            case _:
                return ALLOW
