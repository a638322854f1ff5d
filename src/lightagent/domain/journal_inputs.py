"""What every journal store refuses: numbers, times and cursors that none can keep or find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journal_streams import Draft, StreamQuery, check_drafts, check_read

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
    check_drafts(drafts, labels)
    check_moment("at", at)
    check_numbers(expected=expected, token=token)
    check_seal(seal)
    for draft in drafts:
        check_numbers(schema=draft.schema)
        check_seal(draft.seal)


def check_seal(seal: str | None) -> None:
    """Refuse a seal that is no text which every database can keep.

    Raises:
        ConfigurationError: it has null characters or half a surrogate pair.
    """
    try:
        if seal is None or "\0" not in seal.encode().decode():
            return
    except UnicodeEncodeError:
        pass
    raise ConfigurationError("A seal has a null character or half a surrogate pair, which is no text.", guidance="")


def check_numbers(**numbers: object) -> None:
    """Refuse what is no whole number that every database can keep.

    Raises:
        ConfigurationError: one of them is none.
    """
    for name, number in numbers.items():
        if number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool) or not -_BEYOND <= number < _BEYOND:
            raise ConfigurationError(f"{name} must be a whole number below 2**62, got {_told(number)}.", guidance="")


def check_moment(name: str, at: float | None) -> None:
    """Refuse what is no time; seconds that lie beyond all bounds are one.

    Raises:
        ConfigurationError: it is none.
    """
    if at is None:
        return
    try:
        if not isnan(float(at)):
            return
    except (OverflowError, TypeError, ValueError):
        pass
    raise ConfigurationError(f"{name} must be a number of seconds, got {_told(at)}.", guidance="")


def check_query(query: StreamQuery) -> None:
    """Refuse a question that no store can answer.

    Raises:
        ConfigurationError: its limit, its times or its cursor cannot be.
    """
    check_read(query.limit)
    check_moment("updated_before", query.updated_before)
    check_moment("updated_after", query.updated_after)
    place_of(query.cursor)


def place_of(cursor: str) -> int:
    """The place in the order of creation at which a page begins; 0 for the first page.

    Raises:
        ConfigurationError: no page gave that cursor.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise ConfigurationError("cursor is not one that a page gave.", guidance="")
    return int(cursor or 0)


def _told(value: object) -> str:
    try:
        return f"{value!r:.40}"
    except ValueError:  # Too many digits.
        return "a number beyond that"
