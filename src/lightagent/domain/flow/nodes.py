"""Where each piece of work of a run is: the state, which changes in place, since copies grow with the flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.events import Event
from lightagent.domain.flow.bodies import Body
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import FlowEvent, Question, Subject
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.json_types import JsonValue
from lightagent.domain.review import ApprovalDecision

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
"""How far a piece of work is.

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
* inside: something inside it has failed.
* bound: a loop has made all the rounds that it may.
* declined, expired: a person says no, or no answer came in time; an event from outside did not come in time.
* attempt: its attempts failed. rejected, doubt: what verifies its result did not accept it, or could not tell.
* asked: code that was asked something failed.
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
        begun: how often the attempt was begun in a row, since it was left in good order or waited for people.
        fallback: its fallback does it.
        due: before which nothing is done, or when its wait ends; None: no such moment.
        question: that code is, or was last, asked; subject: that a person is, or was last, asked.
        edited: a person changed its query.
        notes: what is on record of the agent or the flow below its attempt; of a flow also once the step is over.
        kept: what the next attempt has for notes, since only a part of the flow below is done again.
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
        """All that was done and said is forgotten; the step stays where it is."""
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
    """The output of the last step, in the order of declaration, that nothing depends on and that succeeded."""
    nodes = scope.nodes
    ends = (nodes[place] for place in reversed(scope.body.sinks))
    return next((node.output for node in ends if node.status == "success"), None)
