"""A capability policy behind the gate: tools that are denied are not offered, and no call passes without permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.policy.capabilities import NOT_OFFERED, CapabilityPolicy, Permission, Requester
from lightagent.domain.policy.phases import CallPayload, PayloadT, Phase, RequestPayload, Subject
from lightagent.domain.policy.rulings import ALLOW, Allow, Ask, Forbid, Rewrite, Ruling

_PHASES: Final[frozenset[Phase]] = frozenset({"model_request", "tool_call"})


class CapabilityGuard:
    """The decisions of a `CapabilityPolicy` about the tools of a run, by its user, its tenant and the acting agent."""

    guard = None

    def __init__(self, policy: CapabilityPolicy, name: str = "capabilities") -> None:
        self._policy = policy
        self._name = name

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
        match payload:
            case RequestPayload(tools=tools) if tools:
                decide = self._decides(subject)
                allowed = tuple(name for name in tools if decide(name).access != "deny")
                if allowed == tools:
                    return ALLOW
                made = replace(payload, tools=allowed)
                return Rewrite(made, f"{len(tools) - len(allowed)} tools are not offered, since they are denied.")
            case CallPayload():
                permission = self._decides(subject)(subject.name)
                if permission.access == "ask" and not subject.facts.approved:
                    return Ask(f"{subject.name} needs approval. {permission.reason}")
                return _refused(subject.name, permission) if permission.access == "deny" else _passed(permission)
            case _:
                return ALLOW

    def _decides(self, subject: Subject) -> Callable[[str], Permission]:
        """The decision about each tool by its name; a tool that is not offered is denied."""
        origin = subject.origin
        requester = Requester(origin.scope.user, origin.agent_name, origin.scope.tenant)
        specs = {spec.name: spec for spec in subject.facts.specs}

        def decide(name: str) -> Permission:
            spec = specs.get(name)
            return NOT_OFFERED if spec is None else self._policy.decide(requester, spec)

        return decide


def _passed(permission: Permission) -> Allow:
    """On record only if a rule applies."""
    return Allow(permission.reason if permission.rule else "")


def _refused(name: str, permission: Permission) -> Forbid:
    text = f"The tool {name!r:.100} may not be called here."
    error = LightAgentErrorInfo("LA-POLICY", text, "Go on without it, or say that it is denied.")
    return Forbid(error, permission.reason)
