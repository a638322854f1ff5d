"""The consequences of the end of a step: which other steps start, are skipped, or end with it.

No consequence needs a scan of all steps: each step counts the steps that it still waits for, and each scope those that
are not over. A worklist replaces recursion, since one skip may lead to a thousand others.
"""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.board import Board
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FlowStarted, Question
from lightagent.domain.flow.moves import Finish, Move
from lightagent.domain.flow.nodes import Node, NodeStatus, Scope, Why, last_output
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import item_prefix, round_prefix
from lightagent.domain.json_types import JsonValue


class Progress(Board):
    """The board of a run with the rules by which its steps proceed; `state.FlowState` applies the events."""

    __slots__ = ()

    def __init__(self, started: FlowStarted, definition: FlowDefinition | None = None) -> None:
        super().__init__(started, definition)
        self.enter(self.root)
        self.work()
        self._moves.clear()  # open_moves() returns them.

    def ask(self, node: Node, question: Question) -> None:
        """Ask code about the step."""
        node.question = question
        self.open(node, "asking")

    def again(self, node: Node, due: float = 0.0) -> None:
        """Open the next attempt, which must not start before `due`, in seconds of the clock."""
        node.attempt += 1
        node.cut = False
        node.begun = 0
        node.due = due or None
        node.notes, node.kept = node.kept, None
        node.proposed = ()
        node.output = None
        node.verdict = None
        self.open(node, "ready")

    def succeed(self, node: Node, output: StepOutput | None = None) -> None:
        """Close the step with its output; None: the output is known already."""
        if output is not None:
            node.output = output
        node.error = None
        self._close(node, "success")

    def fail(self, node: Node, why: Why, error: LightAgentErrorInfo) -> None:
        """Close the step, and skip what depends on it."""
        node.error = error
        node.why = why
        self._close(node, "failed")

    def skip(self, node: Node, why: Why) -> None:
        """Close the step without running it."""
        node.why = why
        self._close(node, "skipped")

    def _close(self, node: Node, status: NodeStatus) -> None:
        node.due = None
        if node.notes and not isinstance(node.notes[0], FlowStarted):
            node.notes = None
        if status != "skipped":
            node.ended_at = self.at
        self.put(node, status)
        self._todo.append(node)

    def finish_loop(self, node: Node, last: Scope) -> None:
        """Close a loop with the output of its last round."""
        self.succeed(node, last_output(last) or StepOutput())

    def work(self) -> None:
        """Process the worklist to its end."""
        todo = self._todo
        while todo:
            node = todo.pop()
            if node.status == "pending":
                self._release(node)
                continue
            scope = node.scope
            # Counted here and not when the step was closed: two steps may be closed by one event.
            scope.open -= 1
            if node.status == "failed":
                scope.failed += 1
            nodes = scope.nodes
            for place in scope.body.dependents[node.place]:
                dependent = nodes[place]
                dependent.waiting -= 1
                if not dependent.waiting:
                    todo.append(dependent)
            if not scope.open and scope.parent is not None:
                self._scope_closed(scope, scope.parent)

    def settle(self) -> list[Move]:
        """Process the consequences of an event, and return the moves that it opened."""
        self.work()
        if not self.active and self.status == "running":
            self._moves.append(Finish(self.ending()))
        moves = self._moves
        self._moves = []
        return moves

    def _release(self, node: Node) -> None:
        """Start a step once all that it depends on is over."""
        skipped = 0
        nodes, needed = node.scope.nodes, node.scope.body.needs[node.place]
        for place in needed:
            one = nodes[place]
            if one.status == "success":
                continue
            if one.status == "failed" or one.why == "upstream":
                return self.skip(node, "upstream")
            skipped += 1
        if skipped and skipped == len(needed):
            return self.skip(node, "condition")
        if node.step.condition:
            return self.ask(node, "when")
        return self.admit(node)

    def admit(self, node: Node) -> None:
        """Run the step, after asking a person if it requires approval."""
        if node.step.approval:
            node.subject = "run"
            return self.open(node, "gate")
        return self.begin(node)

    def begin(self, node: Node) -> None:
        """Begin the work of the step."""
        match node.step.kind:
            case "task":
                self.again(node)
            case "map":
                self.ask(node, "items")
            case "loop":
                self.next_round(node)
            case "wait":
                self._begin_wait(node)

    def _begin_wait(self, node: Node) -> None:
        if node.step.wait is not None and node.step.wait.asks:
            self.ask(node, "until")
        else:
            self.open(node, "begin_wait")

    def most_rounds(self, node: Node) -> int:
        """Return the maximum number of rounds of a loop. An answer that asks for one more must end the loop as failed
        (`then`).
        """
        rounds = node.step.rounds
        return self.started.limits.max_rounds if rounds is None else rounds

    def next_round(self, node: Node) -> None:
        """Begin another round of a loop."""
        number = len(node.scopes) + 1
        self.put(node, "inside")
        if node.inner is not None:
            self.enter(self.add_scope(node, round_prefix(node.path, number), node.inner, number=number))

    def go_through(self, node: Node, items: list[JsonValue]) -> None:
        """Begin all items of a map."""
        self.put(node, "inside")
        if not items:
            return self.succeed(node, StepOutput([]))
        if node.inner is not None:
            for number, item in enumerate(items):
                self.add_scope(node, item_prefix(node.path, number), node.inner, item, number)
            # In reverse order, since the worklist takes the last entry first.
            for scope in reversed(node.scopes):
                self.enter(scope)
        return None

    def _scope_closed(self, scope: Scope, node: Node) -> None:
        """Close an item, a round or an addition whose steps are all over."""
        node.open -= 1
        if scope.failed:
            node.bad += 1
        if node.open:
            return
        if node.bad:
            self.fail(node, "inside", _inside(node))
        elif node.step.kind == "loop":
            self.ask(node, "again")
        elif node.step.kind == "map":
            outputs = [last_output(one) for one in node.scopes]
            self.succeed(node, StepOutput([None if one is None else one.value for one in outputs]))
        else:
            self.succeed(node)


def _inside(node: Node) -> LightAgentErrorInfo:
    """Return the error of a step with a failed step inside: the error of the first one that failed, with its path."""
    failed = next(one for scope in node.scopes for one in scope.nodes if one.status == "failed")
    error = failed.error
    if error is None:  # a failed step always has one
        return LightAgentErrorInfo("LA-UNKNOWN", f"{failed.path} failed.")
    if error.details is not None and "inside" in error.details:
        return error
    return LightAgentErrorInfo(
        error.code,
        f"{failed.path}: {error.message}",
        error.guidance,
        {**(error.details or {}), "inside": failed.path},
        error.retryable,
    )
