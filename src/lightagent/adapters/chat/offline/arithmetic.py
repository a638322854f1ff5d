"""Arithmetic as people write it: `12 * (3 + 4)`, `15% of 80`, `add 3 and 4`, `times 3`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from lightagent.adapters.chat.offline.words import SMALL_NUMBERS

_N = r"(-?\d+(?:\.\d+)?|\([^()]*\))"
_LIST = r"((?:-?\d+(?:\.\d+)?(?:\s*,\s*(?:and\s+)?|\s+(?:and|to|with|by|plus)\s+|\s*(?=$|\D)))+)"
_REFERENCE = re.compile(
    r"\b(?:it|that|this|them|(?:the|its|their|that|this)\s+"
    r"(?!(?:sum|product|square|difference|average|mean|total of)\b)"
    r"[a-z]+(?:\s+(?:of|in)\s+(?:the\s+)?[a-z]+)?)(?=\W|$)"
)


def _joined(sign: str) -> Callable[[re.Match[str]], str]:
    return lambda match: f" {sign} ".join(re.findall(r"-?\d+(?:\.\d+)?", match.group(1))) + " "


def _mean(match: re.Match[str]) -> str:
    found = re.findall(r"-?\d+(?:\.\d+)?", match.group(1))
    return f"({' + '.join(found)}) / {len(found)} "


_ADD = re.compile(rf"\badd\s+{_N}\s*[.!?]?\s*$")
_SUBTRACT = re.compile(rf"\b(?:subtract|take away)\s+{_N}\s*[.!?]?\s*$")

_Rewrite = str | Callable[[re.Match[str]], str]
# In this order: what spans several numbers comes before the signs between two.
_REWRITES: tuple[tuple[re.Pattern[str], _Rewrite], ...] = tuple(
    (re.compile(pattern), change)
    for pattern, change in (
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"[\u00d7\u00b7]|(?<=\d)\s*x\s*(?=\d)", " * "),
        (r"\u00f7", " / "),
        (r"[\u2212\u2013]", "-"),
        (r"\^", "**"),
        (rf"{_N}\s*(?:%|per ?cent)\s+of\s+{_N}", r"\1 / 100 * \2"),
        (rf"(?:the )?square root of {_N}", r"\1 ** 0.5"),
        (rf"{_N}\s+to the (?:power of {_N})", r"\1 ** \2"),
        (rf"{_N}\s+squared|square(?: of)? {_N}", lambda match: f"{match.group(1) or match.group(2)} ** 2"),
        (rf"{_N}\s+cubed", r"\1 ** 3"),
        (
            rf"subtract {_N} from {_N}|take {_N} from {_N}",
            lambda m: f"{m.group(2) or m.group(4)} - {m.group(1) or m.group(3)}",
        ),
        (rf"divide {_N} by {_N}", r"\1 / \2"),
        (rf"difference (?:between|of) {_N} and {_N}", r"\1 - \2"),
        (rf"(?:average|mean) of {_LIST}", _mean),
        (rf"(?:product of|multiply) {_LIST}", _joined("*")),
        (rf"(?:sum of|total of|add(?: up)?|adding) {_LIST}", _joined("+")),
        (rf"(?:double|twice) {_N}|{_N}\s+doubled", lambda match: f"{match.group(1) or match.group(2)} * 2"),
        (rf"triple {_N}", r"\1 * 3"),
        (rf"half (?:of )?{_N}|halve {_N}", lambda match: f"{match.group(1) or match.group(2)} / 2"),
        (r"\b(?:times|multiplied by|multiply by)\b", " * "),
        (r"\b(?:divided by|divide by|over)\b", " / "),
        (r"\b(?:plus|added to)\b", " + "),
        (r"\b(?:minus)\b", " - "),
        (r"\b(?:modulo|mod)\b", " % "),
        (r" {2,}", " "),
    )
)
_RUN = re.compile(r"(?:\b(?:sqrt|sin|cos|tan|log|exp|abs|round|min|max)\s*\(|[\d.+\-*/%() ])+")


def expressions(text: str, number: str | None = None) -> list[str]:
    """The arithmetic that `text` asks for.

    Args:
        number: what `it`, `the result`, a noun such as `the port`, or nothing before `times 3` stands for.
    """
    lowered = text.lower()
    for word, value in SMALL_NUMBERS.items():
        lowered = re.sub(rf"\b{word}\b", value, lowered)
    plain = _rewrite(lowered)
    if number is None:
        return list(_runs(plain))
    told = _ADD.sub(rf"add \1 to {number}", _SUBTRACT.sub(rf"subtract \1 from {number}", lowered))
    return list(_runs(_rewrite(_REFERENCE.sub(number, told)), number)) or list(_runs(plain, number))


def wants_number(text: str) -> bool:
    """Whether `text` asks for arithmetic with a number that it does not say."""
    return not expressions(text) and bool(expressions(text, "1"))


def _rewrite(text: str) -> str:
    for pattern, change in _REWRITES:
        text = pattern.sub(change, text)
    return text


def _runs(text: str, number: str | None = None) -> Iterator[str]:
    for match in _RUN.finditer(text):
        run = match.group().strip(" .")
        if number is not None and re.match(r"[*/%+-]", run):
            run = f"{number} {run}"
        run = re.sub(r"[\s+\-*/%(.]+$", "", run).lstrip("*/% ")
        if _is_arithmetic(run):
            yield run


def _is_arithmetic(run: str) -> bool:
    try:
        tree = ast.parse(run, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    return isinstance(tree, ast.BinOp) or (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name))
