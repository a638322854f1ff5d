"""A flow of ten steps in layers, each of which notes in a file when it begins and when it has done its work."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from lightagent import LightFlow
from lightagent.application.flow.step_context import StepContext
from lightagent.ports.flow_engine import FlowEngine

NOTES = "LAYERED_FLOW_NOTES"
PAUSE = "LAYERED_FLOW_PAUSE"
LAYERS = (("a",), ("b1", "b2", "b3"), ("c1", "c2", "c3"), ("d1", "d2"), ("e",))
STEPS = tuple(name for layer in LAYERS for name in layer)


async def work(query: str, context: StepContext) -> str:
    """What every step does: it gives its name and how many steps before it there are."""
    name = context.path
    _note(context.run_id, name, "begins")
    await asyncio.sleep(float(os.environ.get(PAUSE, "0.05")))
    _note(context.run_id, name, "ends")
    return f"{name} after {len(context.outputs)}"


def _note(run_id: str, step: str, what: str) -> None:
    if NOTES in os.environ:
        line = json.dumps([run_id, step, what, time.time()]) + "\n"
        file = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line.encode())  # Lines of several processes do not get into each other.
        finally:
            os.close(file)


def noted(notes: Path) -> list[tuple[str, str, str, float]]:
    """What the steps of all runs have noted so far."""
    if not notes.exists():
        return []
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    return [(str(run), str(step), str(what), float(at)) for run, step, what, at in lines]


def layered(engine: FlowEngine | None = None) -> LightFlow:
    """The flow, on the engine of the settings unless another one is given."""
    made = LightFlow(name="layered") if engine is None else LightFlow(name="layered", engine=engine)
    before: tuple[str, ...] = ()
    for layer in LAYERS:
        for name in layer:
            made.step(name, agent=work, depends_on=before)
        before = layer
    return made
