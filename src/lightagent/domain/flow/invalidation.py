"""Undoes steps for a rerun or a resumption.

* The step itself is undone, with all steps of its scope that depend on it, directly or not.
* If it is in a round of a loop, the later rounds are removed.
* The step around it is opened again; its other items or rounds and its own result stay. The steps that depend on that
  one are undone, and so on outwards, up to a step that is not over yet.

A rerun gives all of these steps a new epoch, so that late results of former attempts are refused. A resumption changes
only steps that have failed and those skipped because of them; their epochs, attempts and effect keys stay.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.flow.nodes import CLOSED, Node, Scope, Why
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.wait_folding import forget_waiter

ASKED: Final = frozenset[Why](("asked", "bound"))
"""Failures after which the same question is asked again."""


def rerun(state: Progress, first: Node) -> None:
    """Run a step again, as if it had never started."""
    state.epoch += 1
    _undo(state, first, keep=False)
    state.later(first)


def try_anew(state: Progress, first: Node) -> None:
    """Continue a step that has failed: repeat the question that failed, or otherwise make another attempt.

    If a policy had forbidden the step before a person decided, or the decision is about another run, a
    person is still to be asked first.
    """
    question = first.question
    asked = first.why in ASKED
    undecided = first.subject == "run" and (first.decision is None or first.decision.action == "reject")
    _undo(state, first, keep=True)
    if asked and question is not None:
        state.ask(first, question)
    elif undecided:
        first.decision = None
        state.admit(first)
    else:
        state.begin(first)


def _undo(state: Progress, first: Node, *, keep: bool) -> None:
    node = first
    while True:
        scope = node.scope
        around = scope.parent
        was_closed, had_failed = not scope.open, bool(scope.failed)
        _undo_in_scope(state, node, first, keep=keep)
        if around is None:
            return
        _drop_later_rounds(state, scope, around)
        if was_closed:
            around.open += 1
            around.bad -= had_failed
        if around.status == "inside":
            return  # nothing depends on it yet
        node = around


def _undo_in_scope(state: Progress, node: Node, first: Node, *, keep: bool) -> None:
    """Undo a step and the steps of its scope that depend on it."""
    scope = node.scope
    hit = [scope.nodes[place] for place in scope.body.downstream(node.place)]
    for one in hit:
        if one.status in CLOSED:
            scope.open += 1
            scope.failed -= one.status == "failed"
        if one is node and node is not first:
            _open_again(state, one, keep=keep)
        elif keep:
            _reset_failed(state, one)
        else:
            _reset(state, one)
    for one in hit:
        one.waiting = sum(needed.status not in CLOSED for needed in one.needed())


def _drop_later_rounds(state: Progress, scope: Scope, around: Node) -> None:
    if around.step.kind != "loop":
        return
    while around.scopes[-1] is not scope:
        later = around.scopes.pop()
        if later.open:
            around.open -= 1
        else:
            around.bad -= bool(later.failed)
        _drop(state, later)


def _drop(state: Progress, scope: Scope) -> None:
    for node in state.drop_scope(scope):
        _halt(state, node)
        state.put(node, "pending")


def _halt(state: Progress, node: Node) -> None:
    """Stop the attempt of a step that is under way, or its wait for an event from outside."""
    if node.status == "running":
        state.stop(node, answered=False)
    elif node.status == "signal":
        forget_waiter(state, node)


def _open_again(state: Progress, node: Node, *, keep: bool) -> None:
    """Reopen the step around one that is undone. Its own result stays."""
    if node.step.kind != "task":
        node.output = None
    node.error = None
    node.why = ""
    node.ended_at = None
    if not keep:
        node.epoch = state.epoch
    state.put(node, "inside")


def _reset(state: Progress, node: Node) -> None:
    """Reset a step in the new epoch, as if it had never begun."""
    _halt(state, node)
    for scope in node.scopes:
        _drop(state, scope)
    state.put(node, "pending")
    node.forget()
    node.epoch = state.epoch


def _reset_failed(state: Progress, node: Node) -> None:
    """Give a failed step another budget of attempts; a step that was skipped because of it may run.

    If code could not decide about its result, it is asked again about the same result.
    """
    if node.why not in ASKED:
        node.base = node.attempt
        node.fallback = False
        node.feedback = ""
    node.error = None
    node.why = ""
    node.due = None
    node.ended_at = None
    if not (node.edited or (node.step.approval and node.attempt)):
        node.query = None  # An approved query stays: only a rerun asks people anew.
    state.put(node, "pending")
