"""Every counter of a state, counted anew by looking at everything: what comparing records cannot see.

A machine that is wrong in the same way every time gives the same records every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lightagent.domain.flow.nodes import CLOSED, LIVE, LIVE_WHEN_CANCELLED, Node, Scope
from lightagent.domain.flow.state import FlowState


def check_counts(state: FlowState) -> None:
    """Each counter is what it counts."""
    nodes = list(_nodes(state.root))
    assert {node.path: node for node in nodes} == state.nodes
    assert len({node.path for node in nodes}) == len(nodes)
    live = LIVE_WHEN_CANCELLED if state.cancelled else LIVE
    assert state.active == sum(node.status in live for node in nodes)
    for scope in _scopes(state.root):
        assert scope.open == sum(node.status not in CLOSED for node in scope.nodes), scope.prefix
        assert scope.failed == sum(node.status == "failed" for node in scope.nodes), scope.prefix
    for node in nodes:
        _check_node(node)
    waiting = Counter(node.step.wait.event for node in nodes if node.status == "signal" and node.step.wait)
    assert {name: len(waiters) for name, waiters in state.waiters.items()} == waiting
    assert all(node.status == "signal" for waiters in state.waiters.values() for node in waiters)
    assert all(state.signals.values())


def _check_node(node: Node) -> None:
    assert node.waiting == sum(needed.status not in CLOSED for needed in node.needed()), node.path
    assert node.open == sum(bool(scope.open) for scope in node.scopes), node.path
    assert node.bad == sum(not scope.open and bool(scope.failed) for scope in node.scopes), node.path
    assert (node.status == "inside") == (node.open > 0), node.path
    # What is not over waits for something, or has a move open, or somebody outside to wait for.
    assert (node.status == "pending") == (node.waiting > 0), node.path
    assert node.base <= node.attempt, node.path
    if node.status in ("ready", "running", "pending"):
        assert node.output is None, node.path
    if node.status == "failed":
        assert node.error is not None, node.path
    if node.status == "success":
        assert node.output is not None, node.path
    if node.status == "skipped":
        assert node.why in ("condition", "upstream"), node.path
    elif node.status != "failed":
        assert node.why == "", node.path
    assert all(scope.parent is node for scope in node.scopes), node.path


def snapshot(state: FlowState) -> str:
    """All that a state holds, as a text: what a refused event must leave as it was."""
    whole = [state.run_id, state.status, state.cancelled, state.epoch, state.active, state.added, state.signals]
    return repr([*whole, sorted(state.signal_keys), *map(_told, _nodes(state.root))])


def _told(node: Node) -> list[object]:
    hidden = ("scope", "scopes", "step")
    return [*(getattr(node, name) for name in Node.__slots__ if name not in hidden), node.scope.open, node.scope.failed]


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for node in scope.nodes:
        for inner in node.scopes:
            yield from _scopes(inner)


def _nodes(scope: Scope) -> Iterator[Node]:
    for inner in _scopes(scope):
        yield from inner.nodes
