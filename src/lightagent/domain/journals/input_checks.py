"""What every journal store refuses: contents, numbers, times and cursors that no store can keep or find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import MOST_LISTED, Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope

_BEYOND: Final = 2**62
"""Databases keep whole numbers below twice this, and some are added to."""


def check_written(
    drafts: Sequence[Draft],
    labels: Mapping[str, str] | None,
    expected: int,
    at: float,
    token: int | None,
    seal: str,
) -> None:
    """Refuse an append that no store can carry out; see `JournalStore.append`.

    Raises:
        ConfigurationError: what is wrong with it.
    """
    check_append_numbers(len(drafts), labels, expected, at, token, seal)
    for draft in drafts:
        _check_content(draft.content)
        if type(draft.schema) is not int or not 0 <= draft.schema < _BEYOND:
            check_numbers(schema=draft.schema)
        if draft.seal:
            _check_seal(draft.seal)


def check_append_numbers(
    count: int, labels: Mapping[str, str] | None, expected: int, at: float, token: int | None, seal: str
) -> None:
    """The same of what goes with so many entries."""
    if not count:
        raise ConfigurationError("An append needs at least one entry.", guidance="")
    for name, text in (labels or {}).items():
        if type(name) is not str or type(text) is not str:
            _check_label(name, text)
    _check_moment("at", at)
    for name, number in (("expected", expected), ("token", token)):
        if type(number) is not int or not 0 <= number < _BEYOND:
            check_numbers(**{name: number})
    if seal:
        _check_seal(seal)


def check_reading(after: int, limit: int) -> None:
    """Refuse a part of a stream that no store can give; see `JournalStore.read`.

    Raises:
        ConfigurationError: `after` is not a whole number that every database can keep, or the limit cannot be.
    """
    check_numbers(after=after, limit=limit)
    _check_limit(limit)


def check_query(query: StreamQuery) -> None:
    """Refuse a question that no store can answer; see `JournalStore.list`.

    Raises:
        ConfigurationError: its limit, its times or its cursor cannot be.
    """
    _check_limit(query.limit)
    _check_moment("updated_before", query.updated_before)
    _check_moment("updated_after", query.updated_after)
    place_of(query.cursor)


def check_forgetting(
    what: StreamKey | Scope, before: int | None, expected: int | None, seal: str | None, replacing: str | None
) -> None:
    """Refuse a removal that no store can carry out; see `JournalStore.forget`.

    Raises:
        ConfigurationError: the scope is empty; what is for a single stream is given with a scope; or a number or the
            seal cannot be kept.
    """
    check_numbers(before=before, expected=expected)
    _check_seal(seal)
    if isinstance(what, StreamKey):
        return
    if what == Scope():
        raise ConfigurationError("forget needs a tenant, a user or a session; this scope is empty.", guidance="")
    if any(one is not None for one in (before, expected, seal, replacing)):
        raise ConfigurationError("before, expected, seal and replacing are for a single stream.", guidance="")


def check_numbers(**numbers: object) -> None:
    """Refuse whole numbers that not every database can keep, and what is not a whole number; None passes.

    Raises:
        ConfigurationError: it names the first of them.
    """
    for name, number in numbers.items():
        if number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool) or not -_BEYOND <= number < _BEYOND:
            raise ConfigurationError(f"{name} must be a whole number below 2**62, got {_shown(number)}.", guidance="")


def place_of(cursor: str) -> int:
    """The place in the order of creation at which a page begins; 0 for the first page.

    Raises:
        ConfigurationError: no page gave that cursor.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise ConfigurationError("cursor is not one that a page gave.", guidance="")
    return int(cursor or 0)


def _check_label(name: object, text: object) -> None:
    if not (isinstance(name, str) and isinstance(text, str)):
        raise ConfigurationError("The labels of a stream are texts by name.", guidance="")


def _check_content(content: str) -> None:
    """Refuse what no store can give back byte for byte."""
    if not content or "\n" in content or "\r" in content or "\0" in content:
        raise ConfigurationError("The content of an entry is one line of JSON text.", guidance="")
    if content.isascii():
        return
    try:
        content.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            "The content of an entry has half a surrogate pair, which cannot be encoded.",
            guidance="Let the JSON encoder escape it (ensure_ascii).",
        ) from None


def _check_seal(seal: str | None) -> None:
    """Refuse a seal with null characters or half a surrogate pair, which not every database can keep as text."""
    if not seal:
        return
    try:
        if "\0" not in seal.encode().decode():
            return
    except UnicodeEncodeError:
        pass
    raise ConfigurationError("A seal must not contain null characters or half a surrogate pair.", guidance="")


def _check_limit(limit: int) -> None:
    """Refuse a limit that no slice or page can have."""
    if not 1 <= limit <= MOST_LISTED:
        raise ConfigurationError(f"limit must be between 1 and {MOST_LISTED:,}, got {limit!r}.", guidance="")


def _check_moment(name: str, at: float | None) -> None:
    """Raise unless `at` is None or a number of seconds, which may be infinite."""
    if at is None or (type(at) is float and at == at):  # NaN differs from itself.
        return
    try:
        if not isnan(float(at)):
            return
    except (OverflowError, TypeError, ValueError):
        pass
    raise ConfigurationError(f"{name} must be a number of seconds, got {_shown(at)}.", guidance="")


def _shown(value: object) -> str:
    try:
        return f"{value!r:.40}"
    except ValueError:  # Python refuses to write numbers of more than some thousand digits.
        return "a number with too many digits to show"
