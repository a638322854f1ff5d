"""The state of each piece of work of a run. It changes in place, since copies grow with the flow."""

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
"""The status of a piece of work.

* pending: something that it depends on is not over.
* asking: code is to be asked.
* gate: a person is to be asked; waiting_approval: was asked.
* ready: an attempt is to be made; running: it is under way, or was interrupted.
* begin_wait: a wait is to begin; timed: it waits for its time; signal: for an event from outside.
* inside: its items, its round or what it has added is under way.
* success, failed, skipped: it is over.
"""

LIVE: Final = frozenset[NodeStatus](("asking", "gate", "ready", "running", "begin_wait", "timed"))
"""The states in which the process that runs the flow owes an event."""

LIVE_WHEN_CANCELLED: Final = frozenset[NodeStatus](("running",))
"""The same in a cancelled run."""

CLOSED: Final = frozenset[NodeStatus](("success", "failed", "skipped"))

Why: TypeAlias = Literal[
    "", "condition", "upstream", "inside", "bound", "declined", "expired", "attempt", "rejected", "doubt", "asked"
]
"""Why a step was skipped or has failed.

* condition: its condition says no, or all that it depends on were skipped so.
* upstream: something that it depends on has failed.
* inside: a step inside it has failed.
* bound: a loop has made all its allowed rounds.
* declined, expired: a person declined, or no answer came in time; an event from outside did not come in time.
* attempt: its attempts failed. rejected, doubt: its verification rejected the result, or could not decide.
* asked: code that was asked about it failed.
"""


@dataclass(slots=True, eq=False)
class Scope:
    """One instance of a body: the flow itself, an item of a map, a round of a loop, or what a step has added.

    Attributes:
        parent: the step around it; None for the flow itself.
        prefix: what the paths of its steps begin with.
        item: the item of the list that it is for.
        number: of the item, from 0, or of the round, from 1.
        open: how many steps are not over.
        failed: how many have failed.
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
        place: in its body.
        waiting: how many steps that it depends on are not over.
        epoch: see `events`.
        attempt: the number of the attempt that is to be made or under way, else of the last one.
        base: the attempts before those that count towards its budget.
        cut: the attempt that is to be made was begun before.
        begun: how often in a row the attempt was begun, since it was stopped cleanly or waited for people.
        fallback: its fallback does it.
        due: before which nothing is done, or when its wait ends; None: no such moment.
        question: that code is, or was last, asked; subject: that a person is, or was last, asked.
        edited: a person changed its query.
        notes: the events of its attempt's nested run; of a flow also once the step is over.
        kept: the notes of the next attempt, if only a part of the nested flow is done again.
        scopes: its items or rounds, or the one scope that it has added; open: how many of them are not over; bad: how
            many are over with a step that failed.
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
        """Forget all that was done and decided; the status of the step stays."""
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
        """The body of a map or of a loop."""
        return self.scope.body.inner[self.place]

    def needed(self) -> list[Node]:
        """The steps that it depends on."""
        nodes = self.scope.nodes
        return [nodes[place] for place in self.scope.body.needs[self.place]]


def last_output(scope: Scope) -> StepOutput | None:
    """The output of the last step, in the order of declaration, that no step depends on and that succeeded."""
    nodes = scope.nodes
    ends = (nodes[place] for place in reversed(scope.body.sinks))
    return next((node.output for node in ends if node.status == "success"), None)
