"""An analysis that is planned before it is begun: a lead has three agents look at, check and sum up a CSV file.

    python examples/data_analysis/main.py

Two plans are proposed and scored, and the better one is looked over once more. The models are scripted, which need no
key and no network; what they are told by their tools is computed from examples/data_analysis/sales.csv.
"""

import csv
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from lightagent import JsonObject, LightAgent, RetryTool, RunResult, TreeOfThought, tool
from lightagent.adapters.chat.scripted import Reply
from lightagent.domain.conversation.messages import ToolMessage, UserMessage
from lightagent.domain.planning.plans import Planned
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool

QUESTION = "Which region had the highest revenue in 2025, and can the numbers be trusted?"


class Table:
    """A CSV file with a head, read once.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8", newline="") as file:
            self._rows = list(csv.DictReader(file))

    def texts(self, column: str) -> list[str]:
        """The values of a column.

        Raises:
            RetryTool: there is none of this name.
        """
        if not self._rows or column not in self._rows[0]:
            raise RetryTool(f"There is no column {column}. There are: {', '.join(self.columns())}.")
        return [row[column] for row in self._rows]

    def numbers(self, column: str) -> list[float]:
        """The same as numbers.

        Raises:
            RetryTool: there is none of this name, or it holds something else.
        """
        try:
            return [float(text) for text in self.texts(column)]
        except ValueError as error:
            raise RetryTool(f"The column {column} holds texts: {error}.") from None

    def columns(self) -> list[str]:
        """Their names."""
        return [*self._rows[0]] if self._rows else []


def reading_tools(table: Table) -> list[Callable[..., object]]:
    """For who looks at the data first."""

    @tool(idempotent=True)
    def describe() -> str:
        """How many rows there are, and of each column what it holds."""
        lines = [f"{len(table.texts(table.columns()[0]))} rows"]
        for column in table.columns():
            try:
                values = table.numbers(column)
                lines.append(f"{column}: numbers from {min(values):g} to {max(values):g}")
            except RetryTool:
                lines.append(f"{column}: {len(set(table.texts(column)))} different texts")
        return "\n".join(lines)

    return [describe]


def checking_tools(table: Table) -> list[Callable[..., object]]:
    """For who looks for what cannot be right."""

    @tool(idempotent=True)
    def find_outliers(numerator: str, denominator: str) -> str:
        """List the rows whose ratio of two columns is more than three times its median.

        Args:
            numerator: the one column.
            denominator: the other, without zeros.
        """
        pairs = zip(table.numbers(numerator), table.numbers(denominator), strict=True)
        ratios = [above / below for above, below in pairs]
        usual = statistics.median(ratios)
        found = [f"row {at}: {ratio:.2f}, usually {usual:.2f}" for at, ratio in enumerate(ratios) if ratio > 3 * usual]
        return "\n".join(found) or "none"

    return [find_outliers]


def computing_tools(table: Table) -> list[Callable[..., object]]:
    """For who computes."""

    @tool(idempotent=True)
    def total_by(column: str, by: str, without_row: int | None = None) -> str:
        """Sum a column up for each value of another.

        Args:
            column: whose numbers are summed up.
            by: whose values are told apart.
            without_row: the number of a row that is left out, counted from 0.
        """
        totals = defaultdict[str, float](float)
        for at, (value, group) in enumerate(zip(table.numbers(column), table.texts(by), strict=True)):
            totals[group] += 0.0 if at == without_row else value
        return "\n".join(f"{group}: {total:.0f}" for group, total in sorted(totals.items()))

    return [total_by]


def results(request: ChatRequest) -> list[str]:
    """What the tools have answered until now."""
    return [message.content for message in request.messages if isinstance(message, ToolMessage)]


def reader(request: ChatRequest) -> Reply:
    """Has the table described."""
    return results(request)[-1] if results(request) else call_tool("describe")


def checker(request: ChatRequest) -> Reply:
    """Looks for rows of which revenue and orders do not fit."""
    if found := results(request):
        return f"These rows cannot be right: {found[-1]}" if "row" in found[-1] else "Nothing stands out."
    return call_tool("find_outliers", numerator="revenue", denominator="orders")


def statistician(request: ChatRequest) -> Reply:
    """Sums up the revenue, without the row that it is told to leave out."""
    if found := results(request):
        return found[-1]
    asked = next(message.text for message in reversed(request.messages) if isinstance(message, UserMessage))
    row = re.search(r"row (\d{1,4})", asked)
    return call_tool("total_by", column="revenue", by="region", without_row=int(row.group(1)) if row else None)


def lead(request: ChatRequest) -> Reply:
    """Follows its plan: each step is a question to one of the agents."""
    found = results(request)
    if not found:
        return call_tool("ask_reader", query="What is in the table?")
    if len(found) == 1:
        return call_tool("ask_checker", query="Which rows cannot be right?")
    wrong = found[1]
    if len(found) == 2:
        return call_tool("ask_statistician", query=f"Sum up the revenue by region. {wrong}")
    by_region = {name: int(total) for name, total in re.findall(r"([a-z]{1,20}): (\d{1,12})", found[2])}
    best = max(by_region, key=by_region.__getitem__)
    return f"{best} had the highest revenue, {by_region[best]}. {wrong}"


def steps(*told: tuple[str, str]) -> list[JsonObject]:
    """Steps of a plan: what is done, and by whom."""
    return [{"text": text, "tools": [tool]} for text, tool in told]


LOOK, CHECK = ("Look at the columns.", "ask_reader"), ("Find rows that cannot be right.", "ask_checker")
SUM_UP = ("Sum up the revenue by region, without those.", "ask_statistician")
HASTY = {"goal": "The best region.", "steps": steps(SUM_UP)}
CAREFUL = {"goal": "The best region, by numbers that were checked.", "steps": steps(LOOK, CHECK, SUM_UP)}


def make_lead(path: Path) -> LightAgent:
    """The lead, whose tools are the three agents."""
    table = Table(path)
    agents = [
        LightAgent(name="reader", model=ScriptedModel(reader), tools=reading_tools(table)),
        LightAgent(name="checker", model=ScriptedModel(checker), tools=checking_tools(table)),
        LightAgent(name="statistician", model=ScriptedModel(statistician), tools=computing_tools(table)),
    ]
    thoughts = [{"proposals": [HASTY, CAREFUL]}, {"scores": [0.4, 0.9]}, CAREFUL]
    return LightAgent(
        name="lead",
        role="You lead an analysis. Ask the agents, and answer by what they have found.",
        model=ScriptedModel(lead),
        tools=[agent.as_tool(f"ask_{agent.name}", f"Asks the {agent.name}.") for agent in agents],
        tree_of_thought=TreeOfThought(branches=2, max_model_calls=5),
        tot_model=ScriptedModel([json.dumps(thought) for thought in thoughts]),
    )


def analyse(path: Path) -> RunResult[str]:
    """The run, with its plan on record."""
    return make_lead(path).run_result(QUESTION, trace=True)


def main() -> None:
    """Print the plan and the answer."""
    result = analyse(Path(__file__).with_name("sales.csv"))
    for event in result.journal.events:
        if isinstance(event, Planned) and event.plan is not None:
            print(f"{event.plan.goal} ({event.model_calls} model calls)")
            for number, step in enumerate(event.plan.steps, 1):
                print(f"  {number}. {step.text} {', '.join(step.tools)}")
    print(result.content)


if __name__ == "__main__":
    main()
