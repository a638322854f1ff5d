"""What earlier results hold for a later step: paths of files, numbers, counts, named values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.schemas import as_text
from lightagent.adapters.chat.offline.transcript import Done
from lightagent.adapters.chat.offline.words import stem, stem_set, stems, word_set, words
from lightagent.domain.json_types import JsonValue

_HOW_MANY = re.compile(r"\b(?:how many|number of|count(?: of)?(?: the)?)\s+([\w-]+)(?:\s+([\w-]+))?", re.IGNORECASE)
_COUNTED_BY_WORDS = {"word": 1, "character": 2, "letter": 2}
_FILE_NAMES = word_set("path file filename filepath")
_MOST_LINES = 5000
_LONGEST_LINE = 500
_TOOLS = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_CUT = re.compile(r"(?:\u2026|\.\.\.) ?(?:and )?(\d+) more\b")
_LIST_WORDS = stem_set("line file row item match result entry module path folder")


def lines_of(result: str) -> list[str]:
    """The entries of a result: the items of a JSON list, else its lines."""
    parsed = parsed_result(result)
    if isinstance(parsed, list):
        return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in parsed]
    return [line for line in result.splitlines() if line.strip()]


def parsed_result(result: str) -> JsonValue:
    """A result that is JSON, as JSON; any other as text."""
    try:
        value: JsonValue = json.loads(result)
    except ValueError:
        return result
    return value


def is_list(done: Done) -> bool:
    """Whether a result is a JSON list, or has a few words on each of several lines and is not what a file holds."""
    if isinstance(parsed_result(done.result), list):
        return True
    lines = done.result.strip().splitlines()
    if any(_FILE_NAMES & set(words(name)) for name in done.arguments):
        return False
    return len(lines) > 1 and all(len(line) <= 300 and len(line.split()) <= 3 for line in lines)


def known_paths(done: Iterable[Done]) -> list[str]:
    """Paths of files that earlier results list, below the folder that was searched where they do not say it."""
    found: list[str] = []
    for one in done:
        if one.failed or not _lists_paths(one.result):
            continue
        folder = next(
            (as_text(value) for name, value in one.arguments.items() if name in ("directory", "folder", "dir", "root")),
            "",
        )
        for line in filter(_is_short, lines_of(one.result)[:500]):
            listed = line.strip(" \t-*•\"',")
            if " " in listed and len(lines_of(one.result)) > 1:
                listed = next(iter(find_values.files(listed)), "")
            found += [below(folder, path) for path in find_values.files(listed)]
    return sorted(dict.fromkeys(found), key=_is_hidden)


def _is_short(line: str) -> bool:
    """Whether a line is short enough for the patterns that search for values, which are slow on long ones."""
    return len(line) <= _LONGEST_LINE


def _is_hidden(path: str) -> bool:
    """Whether a file belongs to a tool rather than to a person; such files are considered last."""
    return any(part in _TOOLS or (part.startswith(".") and len(part) > 2) for part in path.split("/")[:-1])


def _lists_paths(result: str) -> bool:
    """Whether a result is a list of files rather than a text that mentions some."""
    lines = list(filter(_is_short, lines_of(result)[:500]))
    return 2 * sum(bool(find_values.files(line)) and len(line.split()) <= 3 for line in lines) > len(lines)


def below(folder: str, path: str) -> str:
    """`path` with `folder` before it, unless it says that itself."""
    folder = folder.rstrip("/")
    if folder in ("", ".") or path.startswith((f"{folder}/", "/")):
        return path
    return f"{folder}/{path}"


def count_asked(clause: str, done: Done) -> int | None:
    """How many lines, files, words … a result has, if `clause` asks that."""
    result = done.result
    asked = _HOW_MANY.search(clause)
    if asked is None or re.fullmatch(r"\s*-?\d+(?:\.\d+)?\s*", result):
        return None
    nouns = [stem(noun.lower()) for noun in asked.groups() if noun]
    for noun, measure in _COUNTED_BY_WORDS.items():
        if stem(noun) in nouns:
            return len(result.split()) if measure == 1 else len(result)
    if stem("line") in nouns:
        return len(result.splitlines()) + _left_out(result)
    return len(lines_of(result)) + _left_out(result) if set(nouns) & _LIST_WORDS and is_list(done) else None


def _left_out(result: str) -> int:
    """How many lines are missing from a shortened result, as its last line says; that line itself is not counted."""
    cut = _CUT.search(result.removesuffix("\n").rpartition("\n")[2])
    return int(cut.group(1)) - 1 if cut else 0


def number_in(clause: str, done: Sequence[tuple[str, Done]]) -> str | None:
    """The number that `clause` means by `it` or `the port`: from the latest result that has one.

    Args:
        done: earlier calls with the clause that each was for.
    """
    for asked, one in reversed(done):
        if one.failed:
            continue
        counted = count_asked(asked, one)
        if counted is None:
            counted = count_asked(clause, one)
        if counted is not None:
            return str(counted)
        found = _number_near({*stems(clause), *stems(asked)}, one.result)
        if found is not None:
            return found
    return None


def best_lines(wanted: Iterable[str], lines: Sequence[str], most: int) -> list[int]:
    """The numbers of the lines that have most of the stems `wanted`, the best first; rare words count more."""
    held = [set(stems(line)) for line in lines]
    share = {word: sum(word in line for line in held) for word in set(wanted)}
    scores = [sum(1 / share[word] for word in share if word in line) for line in held]
    enough = max(scores, default=0.0) / 2
    fitting = [number for number, score in enumerate(scores) if score > 0 and score >= enough]
    return sorted(fitting, key=lambda number: -scores[number])[:most]


def _number_near(wanted: set[str], result: str) -> str | None:
    lines = [line for line in result.splitlines()[:_MOST_LINES] if _is_short(line) and find_values.numbers(line)]
    if not lines:
        return None
    best = best_lines(wanted, lines, 1)
    return find_values.numbers(lines[best[0] if best else 0])[0] if best or len(lines) == 1 else None
