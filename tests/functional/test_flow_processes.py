"""A run that many processes carry on, one after the other: each knows only what is on record."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from lightagent import JsonObject
from tests.servers.json_values import as_list, as_object
from tests.support import flow_program
from tests.support.warm_programs import WarmPrograms

PROGRAM = Path(flow_program.__file__)


class Processes:
    def __init__(self, kind: str, directory: Path, programs: WarmPrograms) -> None:
        self.kind = kind
        self.directory = directory
        self.programs = programs

    def does(self, *operation: str, ends: int = 0) -> JsonObject:
        """The record after another process has done something."""
        arguments = (self.kind, str(self.directory), *operation)
        done = self.programs.run(PROGRAM, *arguments, folder=self.directory, environment=os.environ)
        assert done.returncode == ends, done.stderr
        return as_object(json.loads(done.stdout)) if done.stdout else {}

    @property
    def done(self) -> Counter[str]:
        """How often each piece of work was done, by its path."""
        lines = (self.directory / "done.txt").read_text(encoding="utf-8").splitlines()
        return Counter(line.partition(" ")[0] for line in lines)


def states(record: JsonObject) -> dict[str, object]:
    steps = [as_object(step) for step in as_list(record["steps"])]
    return {str(step["name"]): step["status"] for step in steps}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["files", "sqlite"])
def test_every_kind_of_step_goes_on_in_another_process(kind: str, tmp_path: Path, warm_programs: WarmPrograms) -> None:
    processes = Processes(kind, tmp_path, warm_programs)
    processes.does("run", ends=9)
    assert processes.done["improve#2/improve"] == 1
    record = processes.does("resume")
    assert processes.done["improve#2/improve"] == 2, "whoever did it died with it"
    while states(record)["read"] == "pending":  # It sleeps, and a process does not wait for that here.
        record = processes.does("resume")
    assert (record["status"], states(record)["each"]) == ("waiting_approval", "failed")
    processes.does("approve", "read")
    assert processes.does("resume")["status"] == "waiting"
    processes.does("signal", "paid")
    assert processes.does("resume")["status"] == "waiting_approval"
    processes.does("approve", "plan")
    record = processes.does("resume")
    assert (record["status"], states(record)["end"]) == ("failed", "skipped")
    assert processes.done["plan+/more"] == 1
    (tmp_path / "mended").touch()
    record = processes.does("resume")
    assert (record["status"], states(record)["skipped"]) == ("success", "skipped")
    assert json.loads(str(record["content"])) == {
        "each": '["a!", "b!", "c!"]',
        "improve": "draft 3",
        "pause": "",
        "read": json.loads(str(record["content"]))["read"],
        "payment": '{"amount": 3}',
        "plan": "planned",
    }
    twice = {path for path, count in processes.done.items() if count > 1}
    assert twice == {"improve#2/improve", "each[1]/each"}, "nothing else is done twice"
    keys = (tmp_path / "done.txt").read_text(encoding="utf-8").splitlines()
    assert len({line for line in keys if line.startswith("improve#2")}) == 1, "the key of an effect stays the same"
