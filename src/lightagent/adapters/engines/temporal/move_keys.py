"""What names a move of a run, so that the same one is not begun twice."""

from __future__ import annotations

from typing import Final, TypeAlias, assert_never

from lightagent.domain.flow.moves import Ask, AskHuman, Do, Stop, Wake

Key: TypeAlias = tuple[str, int, str]
"""The path and the epoch of a step, and what is done there."""

ATTEMPT: Final = "attempt"
"""What the third part of a key begins with if an attempt is made."""


def key_of(move: Ask | AskHuman | Do | Wake | Stop) -> Key:
    """The key of a move; that of a stop is the key of the attempt that it stops."""
    match move:
        case Do() | Stop():
            what = f"{ATTEMPT} {move.attempt}"
        case Ask():
            what = f"ask {move.question}"
        case AskHuman():
            what = f"person {move.about}"
        case Wake():
            what = "wait"
        case _:
            assert_never(move)
    return move.path, move.epoch, what
