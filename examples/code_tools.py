"""A model that computes with Python instead of guessing: on the files of a folder, with a human's yes to every program.

    pip install '.[monty]'
    python examples/code_tools.py

The model is scripted, so that it needs no key and no network; the programs are really run, by Monty, which can reach
nothing but the folder.
"""

import tempfile
from pathlib import Path

from lightagent import (
    ApprovalDecision,
    ApprovalRequiredTools,
    CodeLimits,
    CodeTools,
    LightAgent,
    MontyRunner,
    Suspended,
)
from lightagent.testing import ScriptedModel, call_tool

SALES = "day,amount\nMonday,120.50\nTuesday,80.25\nWednesday,199.25\n"
# The first try stumbles over the line of names; what it is told lets it do better.
FIRST = "lines = open('sales.csv').read().splitlines()\nprint(sum(float(line.split(',')[1]) for line in lines))"
SECOND = """
import csv

with open('sales.csv') as file:
    rows = list(csv.DictReader(file.read().splitlines()))
best = max(rows, key=lambda row: float(row['amount']))
print(sum(float(row['amount']) for row in rows), best['day'])
"""


def main() -> None:
    """Ask for the total of the sales, and say yes to each program that the model wants to run."""
    model = ScriptedModel(
        [
            call_tool("execute_python_code", code=FIRST),
            call_tool("execute_python_code", code=SECOND),
            "Sales were 400.00 in all, and Wednesday was the best day.",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sales.csv").write_text(SALES)
        runner = MontyRunner(limits=CodeLimits(seconds=5, memory=64 * 1024 * 1024))
        code = ApprovalRequiredTools(CodeTools(runner, folder=folder))
        agent = LightAgent(model=model, tools=[code])
        result = agent.run_result("How much did we sell, and on which day most?")
        while isinstance(result.outcome, Suspended):
            result = agent.resume(result.journal, ApprovalDecision.approve(actor="ann"))
        for call in result.tool_calls:
            print(call.output)
        print(result.content)
    assert "ValueError" in str(result.tool_calls[0].output)
    assert result.tool_calls[1].output == "400.0 Wednesday"


if __name__ == "__main__":
    main()
