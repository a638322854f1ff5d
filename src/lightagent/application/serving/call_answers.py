"""What a person answers about a call that waits, by whatever protocol."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A person's answer about one call.

    Attributes:
        request_id: names the request about the call.
        arguments: to run the call with in the place of its own; None: with those.
    """

    request_id: str
    approved: bool
    reason: str = ""
    arguments: JsonObject | None = None

    def decision(self, actor: str) -> ApprovalDecision:
        """The same as a decision of this person."""
        if not self.approved:
            return ApprovalDecision.reject(self.reason, actor=actor)
        if self.arguments is not None:
            return ApprovalDecision.edit(self.arguments, self.reason, actor=actor)
        return ApprovalDecision.approve(self.reason, actor=actor)
