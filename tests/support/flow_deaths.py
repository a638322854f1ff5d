"""A flow with a step that ends its process, and workers that go on with it one after the other until it is over.

    python -m tests.support.flow_deaths FOLDER

Prints the statuses with which the workers ended, as JSON; each is a fork of this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

from lightagent import FlowWorker, JsonLightFlowStore, LightFlow
from lightagent.application.journals import hold_lease

RUN = "r"
DIED = 9


def make_flow(folder: Path, *, deadly: bool = True) -> LightFlow:
    """Two steps at the same time, after a first one: one ends its process, and the other takes a little longer."""

    async def ends_its_process(query: str) -> str:
        await _turns(20)
        if deadly:
            os._exit(DIED)
        return "mended"

    async def stands_beside(query: str) -> str:
        await _turns(400)
        return "done"

    flow = LightFlow(name="deadly", store=JsonLightFlowStore(folder)).step("first", agent=lambda query: query)
    flow.step("deadly", agent=ends_its_process, depends_on=["first"])
    flow.step("beside", agent=stands_beside, depends_on=["first"])
    return flow.step("after", agent=lambda query: query, depends_on=["deadly"])


async def _turns(count: int) -> None:
    """So many turns of the event loop, in which whatever goes on beside has as many."""
    for _ in range(count):
        await asyncio.sleep(0)


def main(folder: Path) -> None:
    """Begin the run, and have workers go on with it until it is over."""
    vars(hold_lease)["SECONDS"] = 0.2
    statuses = [_forked(lambda: make_flow(folder).arun("x", run_id=RUN))]
    while _status(folder) != "failed":
        ended = _forked(lambda: FlowWorker(make_flow(folder)).arun(once=True))
        if ended:  # Else there was nothing to be done yet: the lease of the one before has not ended.
            statuses.append(ended)
    sys.stdout.write(json.dumps(statuses))


def _forked(work: Callable[[], Coroutine[object, object, object]]) -> int:
    child = os.fork()
    if child == 0:
        asyncio.run(work())
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _status(folder: Path) -> object:
    record = make_flow(folder).get_run(RUN)
    return None if record is None else record["status"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
