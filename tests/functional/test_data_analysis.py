"""examples/data_analysis: the plan is kept to, and what is said of the file is what is in it."""

from __future__ import annotations

import csv
import runpy
from collections import Counter
from pathlib import Path

from lightagent import LightAgent, RunResult
from lightagent.domain.planning.plans import Planned

EXAMPLE = Path(__file__).parents[2] / "examples/data_analysis"
WRONG = ("2025-08", "west")


def analyse(path: Path) -> RunResult[str]:
    found: object = runpy.run_path(str(EXAMPLE / "main.py"))["make_lead"](path)
    assert isinstance(found, LightAgent)
    result: RunResult[str] = found.run("Which region had the highest revenue?", result_format="object", trace=True)
    return result


def totals(path: Path, *, without: tuple[str, str] | None = None) -> Counter[str]:
    """The revenue by region, counted once more."""
    sums = Counter[str]()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["month"], row["region"]) != without:
                sums[row["region"]] += int(row["revenue"])
    return sums


def test_the_answer_is_that_of_the_numbers_that_were_checked() -> None:
    path = EXAMPLE / "sales.csv"
    ((best, total),) = totals(path, without=WRONG).most_common(1)
    assert totals(path).most_common(1)[0][0] != best, "without the check the answer would be another one"
    result = analyse(path)
    assert f"{best} had the highest revenue, {total}." in result.content
    assert "row 23: 800.00, usually 42.00" in result.content


def test_another_file_has_another_answer(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("month,region,visits,orders,revenue\nmay,east,10,2,80\nmay,west,10,1,41\njune,west,10,1,40\n")
    assert analyse(path).content == "west had the highest revenue, 81. Nothing stands out."


def test_the_better_plan_is_chosen_and_each_agent_has_its_part() -> None:
    result = analyse(EXAMPLE / "sales.csv")
    (event,) = [event for event in result.journal.events if isinstance(event, Planned)]
    assert [(thought.score, thought.fate) for thought in event.thoughts] == [(0.4, "pruned"), (0.9, "chosen")]
    assert event.plan is not None
    assert event.plan.tools == ("ask_reader", "ask_checker", "ask_statistician")
    assert event.model_calls == 3
    assert [(call.name, call.nested[0].name) for call in result.tool_calls] == [
        ("ask_reader", "describe"),
        ("ask_checker", "find_outliers"),
        ("ask_statistician", "total_by"),
    ]
