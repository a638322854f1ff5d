"""What a human is asked about a call that waits, and what a decision about it is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue

MOST_SHOWN: Final = 100_000
"""Characters of arguments, as JSON, that a reviewer can be expected to read. Longer ones can only be rejected."""

_MOST_PARTS: Final = 50
_MOST_PART: Final = 500

Binding: TypeAlias = tuple[str, ...]
"""All that a decision holds for, as texts."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One waiting call, as a reviewer sees it.

    Attributes:
        request_id: names it; the same in every process.
        tool_name: what would be called.
        arguments: with these, in full; where `complete` is False, as far as they can be shown.
        arguments_hash: of the real arguments, which a decision is bound to.
        complete: whether `arguments` is all there is. A call that is not shown completely cannot be approved.
        reason: why a human is asked.
        details: what the tool itself wants the reviewer to see.
        agents: who called whom: the agent of the run first, last the one that wants to make the call.
        run_id, trace_id: of the run.
        call_id: of the call, as `Suspended.call_ids` and decisions name it.
        round: how often the run has asked about this call, this time included.
        tenant, user_id, session_id: whose run it is.
        created_at: when it was asked, in seconds since 1970 in UTC.
        expires_at: until when it can be decided and the decision be used; None for ever.
        separate_reviewer: the owner of the run may reject the call, and nothing else.
        phase: the boundary of the run at which it waits; `flow_step`: it is about a step of a flow, whose path is
            `tool_name`, and whose query is in `arguments`.
        approvers: who may decide; if empty, all who may decide about the run.
    """

    request_id: str
    tool_name: str
    arguments: JsonObject
    arguments_hash: str
    complete: bool = True
    reason: str = ""
    details: JsonObject = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    run_id: str = ""
    trace_id: str = ""
    call_id: str = ""
    round: int = 1
    tenant: str = ""
    user_id: str = ""
    session_id: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    separate_reviewer: bool = False
    phase: Literal["tool_call", "flow_step"] = "tool_call"
    approvers: tuple[str, ...] = ()

    @property
    def source_agent(self) -> str:
        """The agent that wants to make the call."""
        return self.agents[-1] if self.agents else ""

    @property
    def binding(self) -> Binding:
        """All that a decision holds for, and nothing else."""
        return (
            self.phase,
            self.tool_name,
            self.arguments_hash,
            *(self.run_id, self.call_id, str(self.round)),
            *(self.tenant, self.user_id, self.session_id),
            *self.agents,
        )

    def is_over(self, now: float) -> bool:
        """Whether the time to decide about it, and to use the decision, is over."""
        return self.expires_at is not None and now >= self.expires_at


def hash_arguments(arguments: Mapping[str, JsonValue]) -> str:
    """The hash of arguments, whatever the order of their names; 1, 1.0 and true are not the same."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def can_be_shown(arguments: JsonObject) -> bool:
    """Whether a reviewer can be expected to read all of the arguments."""
    return len(_text(arguments)) <= MOST_SHOWN


def shown_part(arguments: JsonObject) -> JsonObject:
    """As much of arguments as helps a reviewer to reject them."""
    texts = {name[:_MOST_PART]: _text(value) for name, value in list(arguments.items())[:_MOST_PARTS]}
    return {name: text if len(text) <= _MOST_PART else f"{text[:_MOST_PART]}…" for name, text in texts.items()}


def _text(value: JsonValue) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def request_id_of(outermost_run: str, run: str, turn: int, call_id: str) -> str:
    """Return the id of the request about a call: it cannot be guessed, and is the same for all who have the run.

    Args:
        outermost_run: the id of the run that its caller began.
        run: the id of the run that makes the call: that one, or one that is nested in it.
    """
    parts = json.dumps([outermost_run, run, turn, call_id])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
