"""The figures as a markdown table: a row for each figure, a column for each library."""

from collections.abc import Sequence
from math import isnan
from statistics import median
from typing import NamedTuple

from worker import Counts, Figures

BASE = "openai"
FAILED = "failed"


class Row(NamedTuple):
    """A figure of a scenario, and how it is called."""

    scenario: str
    figure: str
    title: str


def rows(counts: Counts) -> list[Row]:
    """What is shown, in order."""
    return [
        Row("cold", "built_ms", "import and build an agent: CPU ms"),
        Row("cold", "built_mb", "… peak memory, MB"),
        Row("cold", "answered_ms", "… and on to the first answer: CPU ms"),
        Row("one_turn", "cpu_us", "one turn: CPU µs"),
        Row("with_tool", "cpu_us", "two turns and a tool: CPU µs"),
        Row("in_flight", "cpu_us", f"{counts.in_flight:,} runs in flight: CPU µs a run"),
        Row("in_flight", "peak_mb", "… peak memory, MB"),
        Row("stream", "cpu_us", "stream: CPU µs a chunk"),
        Row("stream", "first_us", "… time to the first text, µs"),
        Row("long_run", "early_us", "a long run, turn 5: CPU µs"),
        Row("long_run", "late_us", f"… turn {counts.turns}: CPU µs"),
        Row("tracing", "added_us", "tracing on, two turns and a tool: CPU µs more"),
    ]


class Results:
    """What was measured: of each scenario and peer the figures of every repeat, or that it failed."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str], list[Figures]] = {}
        self._failed: set[tuple[str, str]] = set()

    def add(self, scenario: str, peer: str, figures: Figures) -> None:
        self._figures.setdefault((scenario, peer), []).append(figures)

    def fail(self, scenario: str, peer: str) -> None:
        self._failed.add((scenario, peer))

    def failed(self, scenario: str, peer: str) -> bool:
        return (scenario, peer) in self._failed

    @property
    def any_failed(self) -> bool:
        return bool(self._failed)

    def median(self, row: Row, peer: str) -> float | None:
        """None where the peer has no such figure."""
        repeats = self._figures.get((row.scenario, peer), [])
        values = [figures[row.figure] for figures in repeats if row.figure in figures]
        return median(values) if values and not isnan(values[0]) else None

    def cell(self, row: Row, peer: str) -> str:
        """The median, and its ratio to that of the raw openai client."""
        if self.failed(row.scenario, peer):
            return FAILED
        value, base = self.median(row, peer), self.median(row, BASE)
        if value is None:
            return "-"
        return number(value) + (f" ({value / base:.2f}x)" if base else "")

    def table(self, peers: Sequence[str], counts: Counts) -> str:
        """All of it."""
        shown = [row for row in rows(counts) if any(self.cell(row, peer) != "-" for peer in peers)]
        lines = [["", *peers], ["---", *["--:"] * len(peers)]]
        lines += [[row.title, *[self.cell(row, peer) for peer in peers]] for row in shown]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three digits that count; more would promise too much."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
