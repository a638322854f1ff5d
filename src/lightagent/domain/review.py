"""What a human may decide about a call that waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    """One decision about one waiting tool call; use the four constructors.

    Attributes:
        action: approve (run it), reject (do not), edit (run it with other arguments), respond (answer in its place).
        reason: shown to the model when the call is rejected; kept on the record always.
        actor: who decided.
        arguments: for edit, the arguments to run with.
        output: for respond, the answer in the tool's place.
    """

    action: Literal["approve", "reject", "edit", "respond"]
    reason: str = ""
    actor: str = ""
    arguments: JsonObject | None = None
    output: str | None = None

    @classmethod
    def approve(cls, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Run the call as it is."""
        return cls("approve", reason, actor)

    @classmethod
    def reject(cls, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Do not run the call; the model is told why."""
        return cls("reject", reason, actor)

    @classmethod
    def edit(cls, arguments: JsonObject, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Run the call with these arguments instead."""
        return cls("edit", reason, actor, arguments=arguments)

    @classmethod
    def respond(cls, output: str, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Do not run the call; give this answer in its place."""
        return cls("respond", reason, actor, output=output)
