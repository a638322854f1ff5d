"""The state of all pieces of work of a run, and their open moves.

Open moves are counted as they change, so that the end of the run is noticed without a scan.
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
    """The state of all pieces of work of a run.

    Attributes:
        started: the first event.
        definition: the one that the run has now.
        run_id, input: as of the last fork.
        source: the run that it was forked from.
        status: of the run.
        cancelled: it was cancelled, and not resumed since.
        at: when the last event happened, in seconds of the clock.
        ended_at: when the run ended; None: it has not.
        epoch: the epoch of new work.
        active: how many steps have an open move.
        added: steps that were ever added below others.
        nodes: all steps by their path.
        root: the flow itself.
        signals: events from outside that nothing has waited for yet, by name.
        waiters: the steps that wait for an event, by its name.
        signal_keys: those of the deliveries so far.
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
        """A new instance of a body; `enter` begins it."""
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
        """The first steps of a scope are put on the worklist."""
        nodes = scope.nodes
        self._todo.extend([nodes[place] for place in scope.body.roots])

    def drop_scope(self, scope: Scope) -> Iterator[Node]:
        """Forget a scope and all inside it; yields its steps, so that the caller can stop them."""
        for node in scope.nodes:
            for inner in node.scopes:
                yield from self.drop_scope(inner)
            del self.nodes[node.path]
            yield node

    def put(self, node: Node, status: NodeStatus) -> None:
        """Set the status of a step, and count whether it has an open move."""
        live = self._live
        self.active += (status in live) - (node.status in live)
        node.status = status
        if self.status == "waiting":
            self.status = "running"

    def stop(self, node: Node, *, answered: bool) -> None:
        """Stop what is under way for the step; see `moves.Stop`."""
        self._moves.append(Stop(node.path, node.epoch, node.attempt, answered))

    def open(self, node: Node, status: NodeStatus) -> None:
        """Set the status of a step, and give its open move."""
        self.put(node, status)
        if not self.cancelled and (move := move_of(node)) is not None:
            self._moves.append(move)

    def key_of(self, move: Do | Ask | AskHuman) -> str:
        """The idempotency key of a move's work; see `paths.effect_key`."""
        fallback = isinstance(move, Do) and move.fallback
        return effect_key(self.run_id, move.path, move.epoch, owner=self.started.scope, fallback=fallback)

    def ending(self) -> FinalStatus:
        """How the run ends if nothing is left to be done."""
        if self.cancelled:
            return "cancelled"
        if self.root.open:
            return "waiting"
        return "failed" if self.root.failed else "success"

    def open_moves(self) -> list[Move]:
        """All open moves, from the state alone. What was begun and has not ended is to be done again."""
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
        """Whether a move that was given before is still open: a rerun, a cancellation or an event may have intervened.

        For an attempt: whether it is to be made, or is under way.
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
        """The steps that have an open move."""
        return [node for node in self.nodes.values() if node.status in self._live]

    def waits_for_time(self) -> bool:
        """Whether all open work has to wait for a known moment."""
        return all(node.status == "timed" or (node.status == "ready" and node.due) for node in self.live_nodes())

    def give_all_moves(self) -> None:
        """Give all open moves again, for a process that takes up the run and has none of them."""
        self._moves = [move for node in self.nodes.values() if (move := move_of(node)) is not None]

    def reopen(self) -> None:
        """Set the run under way again."""
        self.status = "running"
        self.ended_at = None

    def set_cancelled(self, *, cancelled: bool) -> None:
        """Cancel the run, or revoke that: other steps have open moves then."""
        self.cancelled = cancelled
        self._live = LIVE_WHEN_CANCELLED if cancelled else LIVE
        self.active = len(self.live_nodes())
        if not cancelled:
            return self.give_all_moves()
        for node in self.live_nodes():
            self.stop(node, answered=True)
        return None

    def later(self, node: Node) -> None:
        """Put a step on the worklist, to begin if it may."""
        self._todo.append(node)
