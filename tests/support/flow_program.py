"""A program with a flow of every kind of step, for processes that go on with each other's runs.

``python -m tests.support.flow_program STORE DIRECTORY OPERATION [ARGUMENT]`` prints the record of its run as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from lightagent import LightFlow, Proposal, ProposedStep, StepContext, StepVerdict, read_artifact
from tests.support.flow_stores import opener

RUN = "r"


def declared(kind: str, directory: Path) -> LightFlow:
    """The flow, as each process declares it."""
    done = directory / "done.txt"

    def note(context: StepContext) -> None:
        with done.open("a", encoding="utf-8") as file:
            file.write(f"{context.path} {context.idempotency_key}\n")

    def look(query: str, context: StepContext) -> str:
        note(context)
        if query == "b" and not (directory / "mended").exists():
            raise ConnectionError("b is down")
        return f"{query}!"

    def write(query: str, context: StepContext) -> str:
        note(context)
        if context.round == 2 and not (directory / "survives").exists():
            (directory / "survives").touch()
            os._exit(9)
        file = directory / f"draft {context.round}.txt"
        file.write_text(f"draft {context.round}", encoding="utf-8")
        context.artifact(file)
        return f"draft {context.round}"

    def plan(query: str, context: StepContext) -> Proposal:
        note(context)
        (made,) = context.steps["read"].artifacts
        return Proposal([ProposedStep("more", "look", read_artifact(made).decode())], "planned")

    def read(query: str, context: StepContext) -> str:
        note(context)
        context.artifact(directory / "draft 3.txt")
        return query

    return (
        LightFlow(store=opener(kind, directory)(), max_wait=0)
        .offer("look", agent=look)
        .loop("improve", agent=write, until=lambda context: context.round == 3)
        # After the loop, in which the first process dies: an item at work at that moment would have to be done again.
        .map("each", ["a", "b", "c"], agent=look, depends_on=["improve"])
        .sleep("pause", 0.01, depends_on=["improve"])
        .step("read", agent=read, depends_on=["pause"], verify=lambda result: StepVerdict.unknown(), on_doubt="person")
        .wait_for("payment", "paid", depends_on=["read"])
        .step("plan", agent=plan, depends_on=["payment"], accept_steps="person")
        .step("skipped", agent=look, when=lambda context: context.outputs["plan"] == "", depends_on=["plan"])
        .step("end", agent=lambda query, context: dict(context.outputs), depends_on=["each", "plan", "skipped"])
    )


def main() -> None:
    """Do one thing, and print the record."""
    kind, directory, operation, *argument = sys.argv[1:]
    flow = declared(kind, Path(directory))
    if operation == "run":
        flow.run("go", run_id=RUN)
    elif operation == "resume":
        flow.resume(RUN)
    elif operation == "signal":
        flow.signal(RUN, argument[0], {"amount": 3}, key="k")
    elif operation == "approve":
        flow.approve(RUN, argument[0])
    sys.stdout.write(json.dumps(flow.get_run(RUN)))
    flow.close()


if __name__ == "__main__":
    main()
