"""What tells the open moves of a run apart, so that none is carried out twice at the same time."""

from __future__ import annotations

from typing import Final, TypeAlias, assert_never

from lightagent.domain.flow.moves import Ask, AskHuman, Do, Stop, Wake

Key: TypeAlias = tuple[str, int, str]
"""The path of a step, how often it was begun anew, and what is to be done."""

_ATTEMPT: Final = "attempt "


def key_of(move: Ask | AskHuman | Do | Wake | Stop) -> Key:
    """The key of a move; that of an attempt and of its stop are the same."""
    match move:
        case Do() | Stop():
            what = f"{_ATTEMPT}{move.attempt}"
        case Ask():
            what = f"ask {move.question}"
        case AskHuman():
            what = f"person {move.about}"
        case Wake():
            what = "wait"
        case _:
            assert_never(move)
    return move.path, move.epoch, what


def attempt_in(key: Key) -> int | None:
    """The number of the attempt that a key is of; None if it is of something else."""
    what = key[2]
    return int(what.removeprefix(_ATTEMPT)) if what.startswith(_ATTEMPT) else None
