"""No test depends on how fast or how idle the machine is.

What takes no time is counted in calls, allocations and timers (tests/support/costs.py); what takes some is timed by a
clock that the test moves (tests/support/loop_clock.py, ManualClock); what grows is measured twice in one run and
compared. Of wall time there are only watchdogs. Microseconds are for benchmarks/.
"""

import ast
import re
import textwrap

import pytest
from hypothesis import settings

from tests.architecture.source import sources
from tests.architecture.wall_times import tight_bounds

COMPARISON = re.compile(r"\s[<>]=?\s")
"""As every bound is written; what has none need not be parsed."""


@pytest.mark.timeout(300)
def test_no_test_asserts_that_the_machine_is_fast() -> None:
    compared = [source for source in sources("tests") if COMPARISON.search(source.text)]
    found = [f"{source.name}:{line}: {text}" for source in compared for line, text in tight_bounds(source.tree)]
    assert not found, "\n".join(found)


def test_generated_examples_may_take_their_time() -> None:
    assert settings().deadline is None


CAUGHT = {
    "a difference": "began = time.monotonic()\nwork()\nassert time.monotonic() - began < 0.5",
    "between two bounds": "began = monotonic()\nassert 0.3 <= monotonic() - began <= 0.8",
    "the other way round": "began = time.perf_counter()\nassert 1 > time.perf_counter() - began",
    "a variable": "began = time.process_time()\nspent = time.process_time() - began\nassert spent < 2",
    "a variable of a variable": "a = time.time()\nb = time.time() - a\nc = b / 100\nassert c < 3e-6",
    "beside something else": "began = loop.time()\nassert (code, loop.time() - began < 0.4) == (1, True)",
    "a named bound": "began = time.monotonic()\nMARGIN = 0.25\nassert time.monotonic() - began < 0.5 + MARGIN",
    "a bound that nobody knows": "began = time.monotonic()\nassert time.monotonic() - began < limit",
    "an attribute": "assert ending.seconds < 1",
    "the largest of many": "assert max(ending.seconds for ending in endings) < 3",
    "a name that says it": "result, took = run()\nassert took < 5",
    "a list of times": "times = []\ntimes.append(time.monotonic() - began)\nassert min(times) < 1",
    "a loop over times": "for one in [time.monotonic() - began]:\n    assert one < 1",
    "an attribute that was set": "self.lag = time.monotonic() - began\nassert self.lag < 1",
    "a moment": "began = time.monotonic()\nassert time.monotonic() < began + 0.5",
    "a deadline": "deadline = time.monotonic() + 0.5\nassert time.monotonic() <= deadline",
    "nanoseconds": "began = time.perf_counter_ns()\nassert time.perf_counter_ns() - began < 50_000",
    "a function inside": "def pause():\n    return time.monotonic() - began\nassert pause() < 1",
    "a helper": "assert best_of(lambda: as_tool(f), 1_000) < 3e-6",
}

SPARED = {
    "a lower bound": "began = time.monotonic()\nassert time.monotonic() - began >= 0.3",
    "a lower bound, the other way round": "began = time.monotonic()\nassert 0.3 < time.monotonic() - began",
    "a watchdog": "began = time.monotonic()\nassert time.monotonic() - began < 10",
    "a named watchdog": "PATIENCE = 30.0\nassert ending.seconds < PATIENCE",
    "a ratio": "small, large = cpu(work, 10), cpu(work, 100)\nassert large < small * 50",
    "a ratio of what is measured": "a = time.monotonic() - b\nc = time.monotonic() - b\nassert c < a * 10 * ROOM",
    "the order of moments": "began = time.monotonic()\nassert began <= time.monotonic()",
    "a clock that the test moves": "seconds = play_timed(work())[1]\nassert seconds == pytest.approx(0.3)",
    "what has nothing to do with it": "began = time.monotonic()\nassert len(found) < 3",
    "a choice among moments": "ended = time.monotonic()\nassert not [one for one in seen if one > ended]",
    "how many were measured": "times = [time.monotonic()]\nassert len(times) < 3",
    "calls": "assert count_calls(make) < 150",
    "waiting": "deadline = time.monotonic() + 1\nwhile time.monotonic() < deadline:\n    pass",
}


@pytest.mark.parametrize("code", CAUGHT.values(), ids=CAUGHT.keys())
def test_a_race_with_the_machine_is_caught(code: str) -> None:
    assert tight_bounds(_in_a_test(code))


@pytest.mark.parametrize("code", SPARED.values(), ids=SPARED.keys())
def test_what_every_machine_can_do_is_spared(code: str) -> None:
    assert not tight_bounds(_in_a_test(code))


def test_a_helper_of_the_module_that_measures_is_seen_through() -> None:
    helper = "def measured(work):\n    began = time.monotonic()\n    work()\n    return time.monotonic() - began\n"
    assert tight_bounds(ast.parse(f"{helper}\ndef test():\n    found = measured(print)\n    assert found < 1\n"))
    assert tight_bounds(
        ast.parse(f"BOUND = 0.2\n{helper}\nclass T:\n  def test(self):\n    assert measured(f) < BOUND\n")
    )


def _in_a_test(code: str) -> ast.Module:
    return ast.parse(f"async def test_it():\n{textwrap.indent(code, '    ')}\n")
