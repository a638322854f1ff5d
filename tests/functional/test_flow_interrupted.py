"""Flows whose process dies: what is on record is not done again, and what was under way goes on under its key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.warm_programs import WarmPrograms

PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
from lightagent import JsonLightFlowStore, LightAgent, LightFlow, RunContext, tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals import hold_lease
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.testing import ScriptedModel, call_tool

hold_lease.SECONDS = 0.5  # How long the lease of a process that died lasts.
folder, kind, dies_at = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = JsonLightFlowStore(folder / "runs") if kind == "files" else SqliteJournalStore(folder / "runs.db")

def did(what, key=""):
    with (folder / "did.jsonl").open("a") as file:
        file.write(json.dumps([what, key]) + "\\n")
    if what == dies_at:
        os._exit(9)

def first(query, context):
    did("first", context.idempotency_key)
    return "one"

@tool
def look(word: str, context: RunContext[None]) -> str:
    "Look a word up."
    did("look", context.idempotency_key)
    return word

def reply(request):
    if isinstance(request.messages[-1], ToolMessage):
        did("answer")
        return "two"
    did("ask")
    return call_tool("look", word="x")

def last(query, context):
    did("last", context.idempotency_key)
    return context.outputs["agent"] + "!"

flow = (
    LightFlow(store=store)
    .step("first", agent=first)
    .step("agent", agent=LightAgent(name="a", model=ScriptedModel(reply), tools=[look]), depends_on=["first"])
    .step("last", agent=last, depends_on=["agent"])
)

async def main():
    known = await flow.aget_run("r")
    result = await (flow.arun("x", run_id="r") if known is None else flow.aresume("r"))
    print(json.dumps([None if known is None else known["status"], result.content, result.status,
                      [step.attempts for step in result.steps]]))

asyncio.run(main())
"""


def run(programs: WarmPrograms, folder: Path, kind: str, dies_at: str) -> CompletedProcess[str]:
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    return programs.run(program, str(folder), kind, dies_at, folder=folder, environment=os.environ)


POINTS = {"first": ["first"], "ask": ["ask"], "look": [], "answer": ["answer"], "last": ["last"]}
"""Where the process dies, and what is done once more: what had begun, but no call of a tool whose outcome is open."""


@pytest.mark.parametrize(
    ("kind", "dies_at"), [*(("files", point) for point in POINTS), ("sqlite", "look"), ("sqlite", "last")]
)
def test_a_flow_goes_on_after_its_process_has_died(
    tmp_path: Path, warm_programs: WarmPrograms, kind: str, dies_at: str
) -> None:
    died = run(warm_programs, tmp_path, kind, dies_at)
    assert (died.returncode, died.stderr) == (9, "")
    done = run(warm_programs, tmp_path, kind, "")
    assert done.returncode == 0, done.stderr
    status, content, ended, attempts = json.loads(done.stdout)
    assert status in ("interrupted", "running")
    assert (content, ended, attempts) == ("two!", "success", [1, 1, 1])
    did = [tuple(json.loads(line)) for line in (tmp_path / "did.jsonl").read_text().splitlines()]
    names = [what for what, _ in did]
    assert sorted(names) == sorted(["first", "ask", "look", "answer", "last", *POINTS[dies_at]])
    keys = {what: {key for name, key in did if name == what} for what in names}
    assert keys["first"] == {"r/first@1"}
    assert all(len(found) == 1 for found in keys.values()), "one key for what is done twice"
