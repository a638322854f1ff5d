"""The state of each step of a run. It is changed in place, since copying it would cost more the larger the flow is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.bodies import Body
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import FlowEvent, Question, Subject
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.json_types import JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import Event

NodeStatus: TypeAlias = Literal[
    "pending",
    "asking",
    "gate",
    "waiting_approval",
    "ready",
    "running",
    "begin_wait",
    "timed",
    "signal",
    "inside",
    "success",
    "failed",
    "skipped",
]
"""The status of a step.

* pending: a step that it depends on is not over yet.
* asking: code without effects is to be asked about the step: `Node.question`.
* gate: a person is to be asked about the step: `Node.subject`.
* waiting_approval: the person was asked, and has not decided yet.
* ready: an attempt is to be started.
* running: an attempt was started; it is under way, or was interrupted.
* begin_wait: the wait of the step is to be started.
* timed: the step waits for a time.
* signal: the step waits for an event from outside, maybe with a time limit.
* inside: steps inside it are under way: items of a map, a round of a loop, or steps that it has added.
* success, failed, skipped: the step is over.
"""

LIVE: Final = frozenset[NodeStatus](("asking", "gate", "ready", "running", "begin_wait", "timed"))
"""The statuses in which the next event about a step must come from the process that runs the flow."""

LIVE_WHEN_CANCELLED: Final = frozenset[NodeStatus](("running",))
"""The statuses of `LIVE` that still count in a cancelled run: only attempts under way have to be stopped."""

CLOSED: Final = frozenset[NodeStatus](("success", "failed", "skipped"))

Why: TypeAlias = Literal[
    "", "condition", "upstream", "inside", "bound", "declined", "expired", "attempt", "rejected", "doubt", "asked"
]
"""Why a step was skipped or has failed.

* condition: skipped, since its condition is false, or since all steps that it depends on were skipped for this reason.
* upstream: skipped, since a step that it depends on has failed, or was itself skipped for this reason.
* inside: failed, since a step inside it has failed.
* bound: failed; a loop that has made all its allowed rounds would need another one.
* declined: failed; a person declined.
* expired: failed; a person's decision or an event from outside did not come in time.
* attempt: failed; its last attempt failed.
* rejected: failed; its verification rejected the result.
* doubt: failed; its verification could not decide about the result.
* asked: failed; the code that was asked about it raised an error (see `Node.question`).
"""


@dataclass(slots=True, eq=False)
class Scope:
    """One instance of a body: the flow itself, an item of a map, a round of a loop, or what a step has added.

    Attributes:
        parent: the step around it; None for the flow itself.
        prefix: the text with which the paths of its steps begin.
        body: the body that this is an instance of.
        item: for an item of a map, the item.
        number: the number of the item, from 0, or of the round, from 1.
        nodes: its steps, in the order of declaration.
        open: how many of its steps are not over.
        failed: how many of its steps have failed.
    """

    parent: Node | None
    prefix: str
    body: Body
    item: JsonValue = None
    number: int = 0
    nodes: list[Node] = field(default_factory=list)
    open: int = 0
    failed: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """One step in one scope.

    Attributes:
        place: the index of the step in its body.
        epoch: the epoch of its work; see `events`.
        waiting: how many of the steps that it depends on are not over.
        attempt: the number of the attempt that is to be made or under way; otherwise of the last one.
        base: the number of the last attempt that does not count towards the present limit of attempts: those before a
            fallback or a resumption do not.
        cut: whether the attempt that is to be made was started before, and then stopped.
        begun: how many times in a row the attempt was started without an end. A clean stop, and a nested run that waits
            for people, start the count again.
        fallback: whether the fallback of the step makes the attempt.
        due: the time before which the attempt must not start, or at which the wait ends, in seconds of the clock; None
            without such a time.
        question: what code is asked about the step, or was asked last.
        subject: what a person is asked to decide, or was asked last.
        edited: whether a person changed the query.
        notes: the events of the nested run of its attempt. Those of a nested flow stay after the step is over.
        kept: the notes with which the next attempt starts, if only a part of the nested flow is to be run again.
        scopes: its items or rounds, or the one scope of the steps that it has added.
        open: how many of `scopes` are not over.
        bad: how many of `scopes` are over and have a failed step.
    """

    path: str
    step: StepDefinition
    scope: Scope
    place: int
    epoch: int
    waiting: int
    status: NodeStatus = "pending"
    attempt: int = 0
    base: int = 0
    cut: bool = False
    begun: int = 0
    fallback: bool = False
    due: float | None = None
    question: Question | None = None
    subject: Subject = "run"
    output: StepOutput | None = None
    error: LightAgentErrorInfo | None = None
    why: Why = ""
    query: JsonValue = None
    edited: bool = False
    feedback: str = ""
    verdict: Literal["accept", "reject", "unknown"] | None = None
    decision: ApprovalDecision | None = None
    request_id: str = ""
    expires: float | None = None
    proposed: tuple[StepDefinition, ...] = ()
    notes: list[Event | FlowEvent] | None = None
    kept: list[Event | FlowEvent] | None = None
    scopes: list[Scope] = field(default_factory=list)
    open: int = 0
    bad: int = 0
    started_at: float | None = None
    ended_at: float | None = None

    def forget(self) -> None:
        """Reset what was done and decided. The status and the epoch of the step stay."""
        self.attempt = self.base = self.begun = 0
        self.cut = self.fallback = self.edited = False
        self.due = self.expires = self.started_at = self.ended_at = None
        self.kept = None
        self.question = self.output = self.error = self.query = self.verdict = self.decision = self.notes = None
        self.why = ""
        self.subject = "run"
        self.feedback = self.request_id = ""
        self.proposed = ()
        self.scopes = []
        self.open = self.bad = 0

    @property
    def inner(self) -> Body | None:
        """The body of a map or of a loop; None for other steps."""
        return self.scope.body.inner[self.place]

    def needed(self) -> list[Node]:
        """Return the steps that it depends on."""
        nodes = self.scope.nodes
        return [nodes[place] for place in self.scope.body.needs[self.place]]


def last_output(scope: Scope) -> StepOutput | None:
    """Return the output of a scope: that of the last declared step that succeeded and that no other step depends on.

    None if there is no such step.
    """
    nodes = scope.nodes
    ends = (nodes[place] for place in reversed(scope.body.sinks))
    return next((node.output for node in ends if node.status == "success"), None)
