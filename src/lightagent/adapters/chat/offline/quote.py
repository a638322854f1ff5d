"""A tool's result in a few words: the value, the first entries of a list, the lines of a text that fit the question."""

from __future__ import annotations

import json
import re

from lightagent.adapters.chat.offline.find_values import mask
from lightagent.adapters.chat.offline.recall import best_lines, count_asked, is_list, lines_of, parsed_result
from lightagent.adapters.chat.offline.schemas import as_text
from lightagent.adapters.chat.offline.transcript import Done
from lightagent.adapters.chat.offline.words import STOP, stem_set, stems
from lightagent.domain.json_types import JsonObject, JsonValue

_SHORT = 300
_ENTRIES = 8
_LINES = 4
_WIDE = 160
_VERBS = stem_set(
    "read open show view print find look list tell say contain file summarise summarize explain describe line content "
    "first begin beginning head top"
)
_DEFINES = stem_set("class classes function functions method methods define defines")
_NO_CONTENT = re.compile(r"\s*(?:$|import |from \S+ import |#!|[\"'#=*/-]+\s*$)")


def describe(clause: str, done: Done) -> str:
    """One line, or a few, that say what a call brought for the clause that asked for it."""
    result = done.result.strip()
    if done.failed:
        return f"{_call(done)} failed: {result.partition(']')[2].strip() or result}"
    if done.empty:
        return f"{_call(done)} found nothing."
    counted = count_asked(clause, done)
    if counted is not None:
        entries = f":{_entries(done)}" if is_list(done) else "."
        return f"{_call(done)}: {counted} {_noun(clause, counted)}{entries}"
    if is_list(done):
        return f"{_call(done)} found {len(lines_of(result))}:{_entries(done)}"
    return _value_or_text(clause, done, result)


def _value_or_text(clause: str, done: Done, result: str) -> str:
    parsed = parsed_result(result)
    if isinstance(parsed, dict):
        return f"{_call(done)}: {_object(parsed)}"
    if len(result) > _SHORT or "\n" in result:
        return f"{_call(done)}, {len(result.splitlines())} lines:{_excerpt(clause, result)}"
    expression = as_text(done.arguments.get("expression"))
    if expression and isinstance(parsed, int | float):
        return f"{expression} = {result}"
    return f"{_call(done)}: {result}"


def _call(done: Done) -> str:
    values = (_text(value) for value in done.arguments.values())
    return f"`{done.tool}({', '.join(_cut(value, 60) for value in values)})`"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object(value: JsonObject) -> str:
    parts = (f"{name.replace('_', ' ')}: {_cut(_text(one), 80)}" for name, one in list(value.items())[:12])
    return ", ".join(parts) or "nothing."


def _entries(done: Done) -> str:
    entries = [entry.strip() for entry in lines_of(done.result)]
    for folder in (f"{value.rstrip('/')}/" for value in done.arguments.values() if isinstance(value, str)):
        # The call shows the folder already.
        if all(entry.startswith(folder) for entry in entries):
            entries = [entry.removeprefix(folder) for entry in entries]
    more = f" … and {len(entries) - _ENTRIES} more" if len(entries) > _ENTRIES else ""
    return f" {', '.join(_cut(entry, 80) for entry in entries[:_ENTRIES])}{more}"


def _noun(clause: str, count: int) -> str:
    found = re.search(
        r"\b(?:how many|number of|count(?: of)?(?: the)?)\s+([\w-]+)(?:\s+([\w-]+))?", clause, re.IGNORECASE
    )
    if found is None:
        return "entries"
    first, second = found.groups()
    noun = f"{first} {second}" if second and second.endswith("s") and second.lower() not in {*STOP, "has"} else first
    return noun.removesuffix("s") if count == 1 else noun


def _excerpt(clause: str, text: str) -> str:
    """The lines that fit; definitions where they are asked for; the beginning where nothing fits better."""
    lines = text.splitlines()
    said = {word for word in stems(mask(clause)) if not word.isdigit()}
    if said & _DEFINES:
        top = [number for number, line in enumerate(lines) if line.startswith(("class ", "def ", "async def "))]
        if top:
            return _shown(lines, top[: 3 * _LINES])
    chosen = best_lines(said - _VERBS, lines, _LINES) if said - _VERBS else []
    return _shown(
        lines, sorted(chosen) or [number for number, line in enumerate(lines) if not _NO_CONTENT.match(line)][:_LINES]
    )


def _shown(lines: list[str], chosen: list[int]) -> str:
    return "".join(f"\n  > {_cut(lines[number].rstrip(), _WIDE)}" for number in chosen)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
