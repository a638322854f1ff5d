"""The state of all steps of a run, and the moves that are open for them.

A counter of the steps with work to do is updated with each change, so that the end of the run is noticed without
going through all steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.domain.flow.bodies import Body, make_body
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FinalStatus, FlowStarted
from lightagent.domain.flow.making_moves import move_of
from lightagent.domain.flow.moves import Ask, AskHuman, Do, Finish, Move, Stop
from lightagent.domain.flow.nodes import LIVE, LIVE_WHEN_CANCELLED, Node, NodeStatus, Scope
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.record import FlowStatus
from lightagent.domain.json_types import JsonValue


class Board:
    """The state of all steps of a run.

    Attributes:
        started: the first event of the run.
        definition: the current definition of the flow.
        run_id, input: the id and the input of the run; in a fork, those that the fork was given.
        source: the id of the run that this one was forked from; empty if it is not a fork.
        status: the status of the run.
        cancelled: whether the run was cancelled, and not resumed since.
        at: the time of the last event, in seconds of the clock.
        ended_at: the time at which the run ended; None while it has not ended.
        epoch: the epoch of new work.
        active: the number of steps whose status is in `nodes.LIVE`; in a cancelled run, in `LIVE_WHEN_CANCELLED`. The
            run ends or waits when it is 0. A step that waits for an event from outside is not counted, even if it has
            a time limit and so an open `Wake`.
        added: how many steps the steps of the run have added so far, those dropped since included.
        nodes: all steps by their paths.
        root: the scope of the flow itself.
        signals: the payloads of events from outside that no step has waited for yet, by the event's name.
        waiters: the steps that wait for an event from outside, by the event's name.
        signal_keys: the keys of all deliveries of such events so far, so that a second delivery is refused.
    """

    __slots__ = (
        "_live",
        "_moves",
        "_todo",
        "active",
        "added",
        "at",
        "cancelled",
        "definition",
        "ended_at",
        "epoch",
        "input",
        "nodes",
        "root",
        "run_id",
        "signal_keys",
        "signals",
        "source",
        "started",
        "status",
        "waiters",
    )

    def __init__(self, started: FlowStarted, definition: FlowDefinition | None = None) -> None:
        self.started: FlowStarted = started
        self.definition: FlowDefinition = started.definition if definition is None else definition
        self.run_id: str = started.run_id
        self.input: JsonValue = started.input
        self.source: str = ""
        self.status: FlowStatus = "running"
        self.cancelled: bool = False
        self.at: float = started.at
        self.ended_at: float | None = None
        self.epoch: int = 1
        self.active: int = 0
        self.added: int = 0
        self.nodes: dict[str, Node] = {}
        self.signals: dict[str, list[JsonValue]] = {}
        self.waiters: dict[str, list[Node]] = {}
        self.signal_keys: set[str] = set()
        self._live: frozenset[NodeStatus] = LIVE
        self._moves: list[Move] = []
        self._todo: list[Node] = []
        self.root: Scope = self.add_scope(None, "", make_body(self.definition.steps))

    def add_scope(self, parent: Node | None, prefix: str, body: Body, item: JsonValue = None, number: int = 0) -> Scope:
        """Create and return an instance of a body; `enter` starts it."""
        scope = Scope(parent, prefix, body, item, number, open=len(body.steps))
        nodes = scope.nodes
        for place, (step, name, needs) in enumerate(zip(body.steps, body.names, body.needs, strict=True)):
            node = Node(prefix + name, step, scope, place, self.epoch, len(needs))
            nodes.append(node)
            self.nodes[node.path] = node
        if parent is not None:
            parent.scopes.append(scope)
            parent.open += 1
        return scope

    def enter(self, scope: Scope) -> None:
        """Put the first steps of a scope on the worklist."""
        nodes = scope.nodes
        self._todo.extend([nodes[place] for place in scope.body.roots])

    def drop_scope(self, scope: Scope) -> Iterator[Node]:
        """Remove a scope with all inside it, and yield the removed steps, so that the caller can stop them."""
        for node in scope.nodes:
            for inner in node.scopes:
                yield from self.drop_scope(inner)
            del self.nodes[node.path]
            yield node

    def put(self, node: Node, status: NodeStatus) -> None:
        """Set the status of a step, and update `active`. A run that was waiting is running again."""
        live = self._live
        self.active += (status in live) - (node.status in live)
        node.status = status
        if self.status == "waiting":
            self.status = "running"

    def stop(self, node: Node, *, answered: bool) -> None:
        """Add a move that stops the attempt under way for a step; see `moves.Stop`."""
        self._moves.append(Stop(node.path, node.epoch, node.attempt, answered))

    def open(self, node: Node, status: NodeStatus) -> None:
        """Set the status of a step, and add the move that this status opens; in a cancelled run, add none."""
        self.put(node, status)
        if not self.cancelled and (move := move_of(node)) is not None:
            self._moves.append(move)

    def key_of(self, move: Do | Ask | AskHuman) -> str:
        """Return the idempotency key of a move's work; see `paths.effect_key`."""
        fallback = isinstance(move, Do) and move.fallback
        return effect_key(self.run_id, move.path, move.epoch, owner=self.started.scope, fallback=fallback)

    def ending(self) -> FinalStatus:
        """Return the status with which the run ends once `active` is 0."""
        if self.cancelled:
            return "cancelled"
        if self.root.open:
            return "waiting"
        return "failed" if self.root.failed else "success"

    def open_moves(self) -> list[Move]:
        """Compute all open moves from the state alone. Attempts that were started and have not ended are among them,
        to be made again.
        """
        if self.status not in ("running", "waiting"):
            return []
        if self.cancelled:
            moves: list[Move] = [Stop(one.path, one.epoch, one.attempt) for one in self.live_nodes()]
        else:
            nodes = [node for node in self.nodes.values() if node.status != "pending"]  # In a new run most are pending.
            moves = [move for node in nodes if (move := move_of(node)) is not None]
        if not self.active and self.status == "running":
            moves.append(Finish(self.ending()))
        return moves

    def is_open(self, move: Move) -> bool:
        """Return whether a move that was returned earlier is still open, in spite of the events since.

        The move of an attempt stays open while the attempt is under way.
        """
        if isinstance(move, Finish):
            return not self.active and self.status == "running" and move.status == self.ending()
        node = self.nodes.get(move.path)
        if node is None or node.epoch != move.epoch or self.status not in ("running", "waiting"):
            return False
        if isinstance(move, Stop):
            return self.cancelled and node.status == "running" and node.attempt == move.attempt
        found = None if self.cancelled else move_of(node)
        if isinstance(move, Do):
            return isinstance(found, Do) and found.attempt == move.attempt
        return found == move

    def live_nodes(self) -> list[Node]:
        """Return the steps that `active` counts."""
        return [node for node in self.nodes.values() if node.status in self._live]

    def waits_for_time(self) -> bool:
        """Return whether each step that `active` counts waits for a known time."""
        return all(node.status == "timed" or (node.status == "ready" and node.due) for node in self.live_nodes())

    def give_all_moves(self) -> None:
        """Have all open moves of steps returned again, for a process that continues the run and has received none."""
        self._moves = [move for node in self.nodes.values() if (move := move_of(node)) is not None]

    def reopen(self) -> None:
        """Set the status of the run to running, as if it had not ended."""
        self.status = "running"
        self.ended_at = None

    def set_cancelled(self, *, cancelled: bool) -> None:
        """Cancel the run, which stops the attempts under way, or revoke that, which opens all other moves again."""
        self.cancelled = cancelled
        self._live = LIVE_WHEN_CANCELLED if cancelled else LIVE
        self.active = len(self.live_nodes())
        if not cancelled:
            return self.give_all_moves()
        for node in self.live_nodes():
            self.stop(node, answered=True)
        return None

    def later(self, node: Node) -> None:
        """Put a step on the worklist: it starts if all steps that it depends on are over."""
        self._todo.append(node)
