"""No regular expression blocks the loop, whatever a model, a provider or a tool says: each is given hostile texts.

They have a hundred thousand characters, or as many as `TEST_HOSTILE_CHARACTERS` says.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

pytest.importorskip("mcp", reason="the environment of openai 2 has not all that the modules of the package import")

from tests.support.expressions import Expression, expressions, hostile_texts, unseen
from tests.support.hostile_reader import OFFLINE, HostileReader

SIZE = int(os.environ.get("TEST_HOSTILE_CHARACTERS", "100000"))

WATCHDOG = 240
"""Seconds on a busy machine; the reader limits the CPU seconds."""

MADE_WHEN_USED = {
    f"{OFFLINE}_read": "the number of a turn",
    f"{OFFLINE}_values": "an option of the program's own tool",
    "lightagent.adapters._postgres.faults:connecting_failed": "patterns of the table in the same module",
    "lightagent.domain.secrets.spellings:rare_spellings": "classes of one character, for credentials alone",
}
"""The expressions that no walk finds, and what they are made of; `readable` comes before them all."""


@pytest.fixture(scope="module")
def reader() -> Iterator[HostileReader]:
    with closing(HostileReader()) as process:
        yield process


def place(expression: Expression) -> str:
    return expression.place


@pytest.mark.timeout(WATCHDOG)
@pytest.mark.parametrize("expression", expressions(), ids=place)
def test_hostile_texts_are_read_in_linear_time(reader: HostileReader, expression: Expression) -> None:
    assert reader.stuck(expression, SIZE) is None


def test_no_other_expression_is_made_when_it_is_used() -> None:
    assert unseen() == sorted(MADE_WHEN_USED)


def test_a_slow_expression_is_seen() -> None:
    """The one that was there: a fence, blanks, and the rest of the block."""
    slow = Expression("here", "SLOW", r"```(?:json)?\s*\n(.*?)```", re.DOTALL, "search")
    times = [max(seconds(slow, text) for _, text in hostile_texts(slow, size)) for size in (1_000, 10_000)]
    assert times[1] > 20 * times[0]


def test_a_slow_expression_ends_the_process_that_reads_and_the_next_is_read_by_another(reader: HostileReader) -> None:
    slow = Expression("here", "SLOW", r"```(?:json)?\s*\n(.*?)```", re.DOTALL, "search")
    assert reader.stuck(slow, 60_000) == "'```', then '\\n' again and again"
    assert reader.stuck(replace(slow, pattern="```"), 60_000) is None


def seconds(expression: Expression, text: str) -> float:
    """Of CPU, in the best of a few rounds."""
    compiled = re.compile(expression.pattern, expression.flags)
    found = []
    for _ in range(3):
        began = time.process_time()
        compiled.search(text)
        found.append(time.process_time() - began)
    return min(found)


@pytest.mark.timeout(WATCHDOG)
@pytest.mark.parametrize("kind", ["question", "answer"])
@pytest.mark.parametrize("unit", ["a", " ", "\n", "a@", "0", "... 5 more", "nothing ", "'", "/", "A. ", "key="])
def test_the_offline_model_reads_hostile_texts_in_no_time(reader: HostileReader, unit: str, kind: str) -> None:
    assert reader.offline_stuck(unit, kind, SIZE) is None
