"""What a human may decide about a call that waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonInput, JsonObject

ApprovalAction: TypeAlias = Literal["approve", "reject", "edit", "respond"]

ACTIONS: Final[tuple[ApprovalAction, ...]] = get_args(ApprovalAction)


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    """One decision about one waiting tool call; use the four constructors.

    Attributes:
        action: approve (run it), reject (do not), edit (run it with other arguments), respond (answer in its place).
        reason: shown to the model when the call is rejected; kept on the record always.
        actor: who decided.
        arguments: for edit, the arguments to run with.
        output: for respond, the answer in the tool's place.

    Raises:
        ConfigurationError: the action is unknown, or lacks what it needs. An invalid decision must never count as an
            approval.
    """

    action: ApprovalAction
    reason: str = ""
    actor: str = ""
    arguments: JsonObject | None = None
    output: str | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ConfigurationError(f"decision: {self.action!r:.50} is not one of {', '.join(ACTIONS)}.")
        for name, text in (("reason", self.reason), ("actor", self.actor)):
            if not isinstance(text, str):
                raise ConfigurationError(f"decision: {name} must be text, got {type(text).__name__}.")
        if (self.action == "edit") != isinstance(self.arguments, dict):
            raise ConfigurationError("decision: edit, and only edit, takes arguments, which must be an object.")
        if (self.action == "respond") != isinstance(self.output, str):
            raise ConfigurationError("decision: respond, and only respond, takes output, which must be text.")
        if self.arguments is not None:
            # A copy, so that what was approved cannot be changed after it was checked.
            object.__setattr__(self, "arguments", to_json_object(self.arguments, "decision: arguments"))

    @classmethod
    def approve(cls, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Run the call as it is."""
        return cls("approve", reason, actor)

    @classmethod
    def reject(cls, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Do not run the call; the model is told why."""
        return cls("reject", reason, actor)

    @classmethod
    def edit(cls, arguments: Mapping[str, JsonInput], reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Run the call with these arguments instead."""
        return cls("edit", reason, actor, arguments=to_json_object(arguments, "decision: arguments"))

    @classmethod
    def respond(cls, output: str, reason: str = "", *, actor: str = "") -> ApprovalDecision:
        """Do not run the call; give this answer in its place."""
        return cls("respond", reason, actor, output=output)
