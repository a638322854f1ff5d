"""Reads JSON strictly: text from a model or a file is read as it stands, or refused, but never guessed at."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from json import JSONDecodeError, JSONDecoder
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue

MOST_DEPTH: Final = 300
"""A little deeper than pydantic validates or writes, so that every kept value can be read."""


class NotStrictJsonError(ValueError):
    """The text is not JSON, or would be read differently by other programs.

    Attributes:
        problem: completes a sentence: after "they hold" where `held`, else after "they are".
        remedy: what its writer can do, or nothing.
        held: whether something in the text is the trouble, and not the text as a whole.
        is_json: whether the grammar of JSON permits it all the same.
        position: where in the text it stops being JSON; None where it does not.
    """

    def __init__(
        self, problem: str, remedy: str = "", *, held: bool = True, is_json: bool = True, position: int | None = None
    ) -> None:
        super().__init__(f"it {'holds' if held else 'is'} {problem}")
        self.problem = problem
        self.remedy = remedy
        self.held = held
        self.is_json = is_json
        self.position = position


def read_json(text: str, *, most_depth: int = MOST_DEPTH, most_digits: int | None = None) -> JsonValue:
    """The value in `text`.

    Args:
        text: JSON.
        most_depth: levels of lists and objects.
        most_digits: of one integer; None: as many as Python reads. Turning digits into a number costs the square of
            their count, so it is checked before.

    Raises:
        NotStrictJsonError: it is not JSON (NaN and Infinity are not), has a name twice in one object, a number that
            is too large, or is nested too deep.
    """
    try:
        value: JsonValue = _decoder(most_digits).decode(text)
    except JSONDecodeError as exc:
        raise _no_json(exc) from exc
    except RecursionError as exc:
        raise _too_deep(most_depth) from exc
    # What has few brackets cannot be deep: most texts end here.
    if text.count("[") + text.count("{") > most_depth:
        _refuse_depth(value, most_depth)
    return value


def read_json_at(text: str, start: int) -> tuple[JsonValue, int]:
    """The value that begins at `start`, and where it ends; anything may follow it.

    Raises:
        NotStrictJsonError: none begins there, or it is one that `read_json` would refuse.
    """
    try:
        value, end = _raw(text, start)
    except JSONDecodeError as exc:
        raise _no_json(exc) from exc
    except RecursionError as exc:
        raise _too_deep(MOST_DEPTH) from exc
    if text.count("[", start, end) + text.count("{", start, end) > MOST_DEPTH:
        _refuse_depth(value, MOST_DEPTH)
    return value, end


def _raw(text: str, start: int) -> tuple[JsonValue, int]:
    found: tuple[JsonValue, int] = _decoder(None).raw_decode(text, start)
    return found


def _no_json(exc: JSONDecodeError) -> NotStrictJsonError:
    near = exc.doc[max(0, exc.pos - 20) : exc.pos + 20]
    reason = exc.msg.removesuffix(" at")  # As some of Python's own sentences end.
    problem = f"not JSON: {reason} at line {exc.lineno}, column {exc.colno}, near {near!r}"
    return NotStrictJsonError(problem, held=False, is_json=False, position=exc.pos)


@cache
def _decoder(most_digits: int | None) -> JSONDecoder:
    return JSONDecoder(
        object_pairs_hook=_object,
        parse_int=partial(_integer, most_digits),
        parse_float=_float,
        parse_constant=_constant,
    )


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        shown = name if len(name) <= 80 else name[:79] + "…"
        raise NotStrictJsonError(f"the name '{shown}' twice in one object", "send it once")
    return found


def _integer(most: int | None, digits: str) -> int:
    if most is not None and len(digits) > most:
        raise NotStrictJsonError(f"an integer of {len(digits):,} digits", f"at most {most:,} are accepted")
    try:
        return int(digits)
    except ValueError as exc:  # Python has a limit too, which a program may set.
        raise NotStrictJsonError(f"an integer of {len(digits):,} digits, more than Python reads") from exc


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NotStrictJsonError(f"the number {text[:40]}, which is too large")
    return number


def _constant(name: str) -> JsonValue:
    raise NotStrictJsonError(f"{name}, which is not JSON", "send a finite number or null", is_json=False)


def _refuse_depth(value: JsonValue, most: int) -> None:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > most:
            raise _too_deep(most)
        level = [child for parent in level for child in _children(parent)]


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(most: int) -> NotStrictJsonError:
    return NotStrictJsonError(f"nested more than {most} levels deep", "send flatter ones", held=False)
