"""Computes the next move for a step from the step's state alone."""

from __future__ import annotations

from typing import assert_never

from lightagent.domain.flow.moves import Ask, AskHuman, BeginWait, Do, Move, Wake
from lightagent.domain.flow.nodes import Node


def move_of(node: Node) -> Move | None:
    """Return the open move of a step; None if nothing is to be done, or if it waits for something from outside."""
    match node.status:
        case "ready" | "running":
            return _attempt(node)
        case "asking":
            return None if node.question is None else Ask(node.path, node.epoch, node.question, node.step)
        case "gate":
            return AskHuman(node.path, node.epoch, node.subject, node.step)
        case "begin_wait":
            return BeginWait(node.path, node.epoch, node.step, node.due)
        case "timed" | "signal":
            return None if node.due is None else Wake(node.path, node.epoch, node.due)
        case "pending" | "waiting_approval" | "inside" | "success" | "failed" | "skipped":
            return None
        case _:
            assert_never(node.status)


def _attempt(node: Node) -> Do:
    return Do(
        node.path,
        node.epoch,
        node.attempt,
        node.step,
        node.due or 0.0,
        node.cut or node.status == "running",
        node.fallback,
        node.query,
        node.feedback,
        tuple(node.notes) if node.notes else (),
        node.begun if node.status == "running" else 0,
    )
