"""One agent object, very many users at once: nobody sees another's words, nothing fails, nothing grows.

Each test runs `tests.support.many_users` as a process of its own, so that the figures are those of the runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lightagent import JsonObject
from tests.support.many_users import AT_ONCE

ROOT = Path(__file__).parents[2]
USERS = int(os.environ.get("TEST_CONCURRENT_RUNS", "600"))
HTTP_USERS = int(os.environ.get("TEST_CONCURRENT_HTTP_RUNS", "150"))
SOAK_RUNS = int(os.environ.get("TEST_SOAK_RUNS", "2500"))
MOST_MEMORY = 1_500.0
MOST_GROWTH = 20.0 if SOAK_RUNS >= 100_000 else 5.0

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


def play(way: str, count: int, *more: str) -> JsonObject:
    """What the program saw."""
    command = [sys.executable, "-m", "tests.support.many_users", way, str(count), *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1700, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    figures: JsonObject = json.loads(done.stdout)
    assert figures["error"] == ""
    assert figures["leaks"] == []
    return figures


def number(figures: JsonObject, name: str) -> float:
    value = figures[name]
    assert isinstance(value, int | float)
    return value


@pytest.mark.timeout(300)
def test_users_at_once_on_one_event_loop() -> None:
    figures = play("asyncio", USERS)
    assert figures["answers"] == USERS
    assert number(figures, "most_in_flight") > USERS  # every run stood in its tool at the same time
    assert number(figures, "peak_rss") < MOST_MEMORY


@pytest.mark.timeout(300)
def test_users_on_sixteen_threads() -> None:
    figures = play("threads", USERS)
    assert figures["answers"] == USERS
    assert number(figures, "peak_rss") < MOST_MEMORY


@dataclass
class Canaries:
    """The server's address, and once it has ended what it noted."""

    base_url: str
    noted: JsonObject = field(default_factory=dict)


@contextmanager
def canary_server() -> Iterator[Canaries]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.canary_server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        canaries = Canaries(process.stdout.readline().strip())
        try:
            yield canaries
        finally:
            told, _ = process.communicate(timeout=30)
            canaries.noted = json.loads(told)


@pytest.mark.timeout(300)
def test_users_at_once_over_http() -> None:
    with canary_server() as canaries:
        figures = play("http", HTTP_USERS, canaries.base_url)
    assert figures["answers"] == HTTP_USERS
    assert canaries.noted == {"leaks": [], "requests": 2 * HTTP_USERS}
    assert number(figures, "peak_rss") < MOST_MEMORY


@pytest.mark.timeout(1800)
def test_nothing_grows() -> None:
    """Runs of all kinds: answered, failing, waiting for a human, streamed, given up in the middle, synchronous."""
    figures = play("soak", SOAK_RUNS)
    assert number(figures, "rss_growth") < MOST_GROWTH
    assert number(figures, "files_growth") <= 0
    assert number(figures, "threads_growth") <= AT_ONCE  # resting workers, which the next runs use again
