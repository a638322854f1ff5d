"""What a rerun or a resumption undoes: the step, what depends on it, and what is around it.

* The step itself and all that depends on it in its scope, at any distance.
* Of a loop the later rounds.
* The step around it is open again, with its other items or rounds and its own result kept; so is what depends on it,
  and so on outwards, up to a step that is not over yet.

A rerun gives all of these its new epoch, so that late results of former attempts are refused. A resumption touches
steps that have failed and what was skipped because of them; it keeps their epochs, attempts and effect keys.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.flow.nodes import CLOSED, Node, Scope, Why
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.wait_folding import forget_waiter

ASKED: Final = frozenset[Why](("asked", "bound"))
"""Failures after which the same question is asked again."""


def rerun(state: Progress, first: Node) -> None:
    """Do a step again, as if it had never begun."""
    state.epoch += 1
    _undo(state, first, keep=False)
    state.later(first)


def try_anew(state: Progress, first: Node) -> None:
    """Go on with a step that has failed: repeat the question that failed, else make another attempt.

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
    """A step and its dependents, among those of its body."""
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
    """End what is under way for a step."""
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
