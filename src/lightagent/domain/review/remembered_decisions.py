"""Decisions that hold for later calls too: of the same tool by the same agents with the same arguments."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.review.requests import ApprovalRequest


@dataclass(frozen=True, slots=True)
class DecisionRemembered:
    """A human decided for later calls too.

    Attributes:
        action: approve or reject.
        arguments_hash: of the arguments it holds for.
        agents: whose calls it holds for, as `ApprovalRequest.agents`.
        request_id: the request that was decided.
    """

    action: Literal["approve", "reject"]
    actor: str
    reason: str
    phase: str
    tool_name: str
    arguments_hash: str
    agents: tuple[str, ...]
    request_id: str
    at: float = field(default=0.0, compare=False)
    type: Literal["decision_remembered"] = "decision_remembered"


@dataclass(frozen=True, slots=True)
class RememberedRevoked:
    """It does not hold any more."""

    actor: str
    at: float = field(default=0.0, compare=False)
    type: Literal["remembered_revoked"] = "remembered_revoked"


RememberedEntry: TypeAlias = DecisionRemembered | RememberedRevoked


def advance_remembered(known: DecisionRemembered | None, entry: RememberedEntry) -> DecisionRemembered | None:
    """The decision that holds after one more entry; None for none.

    Raises:
        ConfigurationError: nothing is there to be revoked.
    """
    if isinstance(entry, DecisionRemembered):
        return entry
    if known is None:
        raise ConfigurationError("remembered_revoked: the decision to revoke does not exist.")
    return None


def holds_for(known: DecisionRemembered, request: ApprovalRequest) -> bool:
    """Whether a decision holds for a request."""
    held = (known.phase, known.tool_name, known.arguments_hash, known.agents)
    return held == (request.phase, request.tool_name, request.arguments_hash, request.agents)


def remembered_id(request: ApprovalRequest) -> str:
    """What names the decision that is remembered about calls such as this one."""
    parts = json.dumps([request.phase, request.tool_name, request.arguments_hash, request.agents])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
