"""The arguments of a call, from the clause that asks for it, the question around it, and earlier results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.arithmetic import expressions, wants_number
from lightagent.adapters.chat.offline.choose import Profile
from lightagent.adapters.chat.offline.recall import below, best_lines, known_paths, number_in
from lightagent.adapters.chat.offline.roles import STRONG, Parameter
from lightagent.adapters.chat.offline.schemas import as_text
from lightagent.adapters.chat.offline.take import named_values, take, to_number
from lightagent.adapters.chat.offline.transcript import Done
from lightagent.adapters.chat.offline.words import readable, stems, word_set, words
from lightagent.domain.json_types import JsonObject, JsonValue

_SEVERAL = frozenset({"file", "place", "id", "expression", "email", "url", "person"})
_MOST_ITEMS = 5
_MEANT = word_set("result results it them that this answer answers findings summary")
_ALL = word_set("each every all them both")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from, the nearest first.

    Attributes:
        clause: what asks for the call.
        question: all of it, for what the clause leaves out.
        results: earlier calls with the clause that each was for.
    """

    clause: str
    question: str
    results: tuple[tuple[str, Done], ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """The calls that a clause asks for: for each, the likeliest arguments and then the alternatives."""

    items: tuple[tuple[JsonObject, ...], ...]
    missing: tuple[str, ...] = ()


def fill(profile: Profile, sources: Sources) -> Filled:
    """Arguments for the tool of `profile`; where a required one cannot be found, only its name in `missing`."""
    used: list[JsonValue] = []
    options: dict[str, list[JsonValue]] = {}
    missing: list[str] = []
    for parameter in profile.parameters:
        found = [value for value in _candidates(parameter, sources) if not _is_used(value, parameter, used)]
        if found:
            options[parameter.name] = found
            used.append(found[0])
        elif parameter.required and "default" not in parameter.schema:
            missing.append(parameter.name)
    if missing:
        return Filled((), tuple(missing))
    _untangle(options, sources.clause)
    return Filled(tuple(_combined(item) for item in _items(profile, options, sources)))


def _candidates(parameter: Parameter, sources: Sources) -> list[JsonValue]:
    if parameter.role == "expression":
        return _arithmetic(sources)
    if parameter.role == "file":
        return _paths(sources)
    own = take(parameter, sources.clause)
    if not parameter.required and parameter.role in ("text", "body", "time", "person", "language", "source", "target"):
        # A guess is not worth an argument that can be left out: only what the clause names itself.
        return own if any(word in words(sources.clause) for word in words(parameter.name)) else []
    if parameter.role == "number":
        return _numbers(parameter, own, sources)
    if parameter.role == "body":
        return [*own, *_results(sources)]
    if not own and (parameter.role in STRONG or parameter.role in ("choice", "place", "folder")):
        own = take(parameter, sources.question) if parameter.required or parameter.role == "folder" else []
    if not own and parameter.required and parameter.role in ("id", "email", "url"):
        own = [value for _, done in reversed(sources.results) for value in take(parameter, readable(done.result))][:1]
    return _patterns(parameter, own) if parameter.role == "pattern" else own


def _results(sources: Sources) -> list[JsonValue]:
    """`Send him the results` means what the step before brought."""
    if not _MEANT & set(words(sources.clause)):
        return []
    return [*[done.result for _, done in sources.results if not done.failed][-1:]]


def _numbers(parameter: Parameter, own: list[JsonValue], sources: Sources) -> list[JsonValue]:
    if not parameter.required:
        return named_values(parameter, sources.clause)
    number = number_in(sources.clause, sources.results)
    earlier = to_number(number, parameter.type) if number is not None else None
    return [*own, earlier] if earlier is not None else own


def _arithmetic(sources: Sources) -> list[JsonValue]:
    if not wants_number(sources.clause):
        return [*expressions(find_values.mask(sources.clause))] or [*expressions(sources.clause)]
    number = number_in(sources.clause, sources.results)
    return [*expressions(find_values.mask(sources.clause), number)[:1]] if number is not None else []


def _paths(sources: Sources) -> list[JsonValue]:
    """Files the clause names, as earlier results know them; else the file that it means by other words."""
    known = known_paths(done for _, done in sources.results)
    named = find_values.files(sources.clause)
    if not named and known:
        return [*_meant(sources.clause, known)]
    named = named or find_values.files(sources.question)
    near, far = find_values.folders(sources.clause), find_values.folders(sources.question)
    found: list[str] = []
    for name in named:
        found += [path for path in known if path == name or path.endswith(f"/{name}")]
        found += [below(folder, name) for folder in near] if "/" not in name else []
        found.append(name)
        found += [below(folder, name) for folder in far] if "/" not in name else []
    return list(dict.fromkeys(found))


def _meant(clause: str, known: Sequence[str]) -> list[str]:
    if "last" in words(clause):
        return [known[-1]]
    best = best_lines(stems(clause), known, len(known)) if len(known) > 1 else []
    return [*(known[number] for number in best), *(path for number, path in enumerate(known) if number not in best)]


def _patterns(parameter: Parameter, patterns: list[JsonValue]) -> list[JsonValue]:
    """A pattern without a folder may mean every folder: first where the tool speaks of `**`, else as the second try."""
    wide: list[JsonValue] = [f"**/{as_text(pattern)}" for pattern in patterns if "/" not in as_text(pattern)]
    return [*wide, *patterns] if "**" in parameter.about else [*patterns, *wide]


def _is_used(value: JsonValue, parameter: Parameter, used: list[JsonValue]) -> bool:
    return value in used and parameter.role not in ("choice", "flag")


def _untangle(options: dict[str, list[JsonValue]], clause: str) -> None:
    """`subtract 3 from 10` names its second number first."""
    said = words(clause)
    if len(options) == 2 and ("subtract" in said or "take" in said) and "from" in said:
        first, second = options
        options[first], options[second] = options[second], options[first]


def _items(profile: Profile, options: dict[str, list[JsonValue]], sources: Sources) -> list[dict[str, list[JsonValue]]]:
    """One call for each of several cities, files or orders that the clause names."""
    several = [one for one in profile.required if one.role in _SEVERAL]
    if len(several) != 1 or len(profile.required) != 1:
        return [options]
    name = several[0].name
    values = _distinct(several[0], options[name], sources)
    if len(values) < 2:
        return [options]
    return [{**options, name: group} for group in values[:_MOST_ITEMS]]


def _distinct(parameter: Parameter, found: list[JsonValue], sources: Sources) -> list[list[JsonValue]]:
    if parameter.role != "file":
        own = take(parameter, sources.clause) or take(parameter, sources.question)
        return [[value] for value in found if value in own] if len(own) > 1 else []
    named = find_values.files(sources.clause)
    if not named:
        return [[path] for path in found] if _ALL & set(words(sources.clause)) else []
    return [[path for path in found if as_text(path).endswith(name)] for name in named]


def _combined(options: dict[str, list[JsonValue]]) -> tuple[JsonObject, ...]:
    choices = islice(product(*options.values()), 12)
    return tuple(dict(zip(options, choice, strict=True)) for choice in choices)
