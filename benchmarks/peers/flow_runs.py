"""Workflows of steps that do nothing, as a reader of each library's documentation would write them.

Each gives a function that runs the workflow once, and counts the steps that were carried out.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

Steps: TypeAlias = Sequence[tuple[str, list[str]]]
"""The names of the steps in order, each with those that it depends on."""

Run: TypeAlias = Callable[[], Awaitable[int]]
"""Runs the workflow once; gives how many steps were carried out."""

Build: TypeAlias = Callable[[Steps, Path, AsyncExitStack], Awaitable[Run]]


async def lightagent_memory(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """This project without a store."""
    return _lightagent(steps, None)


async def lightagent_json(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """This project over JSON files, each step's result synced before the next step begins."""
    from lightagent import JsonLightFlowStore

    store = JsonLightFlowStore(folder)
    stack.push_async_callback(store.aclose)
    return _lightagent(steps, store)


async def lightagent_sqlite(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """This project over SQLite, synced as above."""
    from lightagent.adapters.journals.sqlite import SqliteJournalStore

    store = SqliteJournalStore(str(folder / "flows.db"))
    stack.push_async_callback(store.aclose)
    return _lightagent(steps, store)


async def lightagent_sync(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """This project without a store, its steps plain functions, each of which runs in a thread."""
    return _lightagent(steps, None, is_async=False)


def _lightagent(steps: Steps, store: object, *, is_async: bool = True) -> Run:
    from lightagent import LightFlow
    from lightagent.ports.journals import JournalStore

    counter = itertools.count(1)
    done = 0

    async def work(query: str) -> str:
        nonlocal done
        done = next(counter)
        return "ok"

    def sync_work(query: str) -> str:
        nonlocal done
        done = next(counter)
        return "ok"

    flow = LightFlow(store=store if isinstance(store, JournalStore) else None)
    for name, needs in steps:
        flow.step(name, agent=work if is_async else sync_work, depends_on=needs)

    async def run() -> int:
        before = done
        result = await flow.arun("go")
        return done - before if result.success else 0

    return run


async def agno_memory(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """A `Workflow` without a database: layers as `Parallel`."""
    return _agno(steps, is_async=True)


async def agno_sync(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """The same with plain functions."""
    return _agno(steps, is_async=False)


def _agno(steps: Steps, *, is_async: bool) -> Run:
    from agno.workflow import Parallel, Step, StepInput, StepOutput, Workflow

    done = 0

    async def work(step_input: StepInput) -> StepOutput:
        nonlocal done
        done += 1
        return StepOutput(content="ok")

    def sync_work(step_input: StepInput) -> StepOutput:
        nonlocal done
        done += 1
        return StepOutput(content="ok")

    executor = work if is_async else sync_work
    layers = [[Step(name=name, executor=executor) for name in layer] for layer in in_layers(steps)]
    parts = [layer[0] if len(layer) == 1 else Parallel(*layer, name=f"l{n}") for n, layer in enumerate(layers)]
    workflow = Workflow(name="bench", steps=parts, telemetry=False)

    async def run() -> int:
        before = done
        await workflow.arun(input="go")
        return done - before

    return run


async def langgraph_memory(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """A `StateGraph` without a checkpointer: each step leaves its output in the state."""
    return _langgraph(steps, None)


async def langgraph_saver(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """The same with checkpoints in memory."""
    from langgraph.checkpoint.memory import MemorySaver

    return _langgraph(steps, MemorySaver())


async def langgraph_sqlite(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """The same with checkpoints in SQLite."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    return _langgraph(
        steps, await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / "graph.db")))
    )


def _langgraph(steps: Steps, saver: object) -> Run:
    from operator import or_
    from typing import Annotated, TypedDict

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        outputs: Annotated[dict[str, str], or_]

    done = 0
    threads = itertools.count()

    def step(name: str) -> Callable[[State], Awaitable[State]]:
        async def work(state: State) -> State:
            nonlocal done
            done += 1
            return {"outputs": {name: "ok"}}

        return work

    graph = StateGraph(State)
    used = {one for _, needs in steps for one in needs}
    for name, needs in steps:
        graph.add_node(name, step(name))
        graph.add_edge(needs if len(needs) > 1 else (needs or [START])[0], name)
    graph.add_edge([name for name, _ in steps if name not in used], END)
    app = graph.compile(checkpointer=saver if isinstance(saver, BaseCheckpointSaver) else None)

    async def run() -> int:
        before = done
        options = {"recursion_limit": len(steps) + 50, "configurable": {"thread_id": str(next(threads))}}
        await app.ainvoke({"outputs": {}}, options)
        return done - before

    return run


async def bare_appends(steps: Steps, folder: Path, stack: AsyncExitStack) -> Run:
    """What a durable checkpoint costs at the least: as many bytes at the end of a file, synced in a thread."""
    import os

    from lightagent.aiokits.worker_threads import run_in_thread

    layers = in_layers(steps)
    file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stack.callback(os.close, file)

    def append(data: bytes) -> None:
        os.write(file, data)
        getattr(os, "fdatasync", os.fsync)(file)

    async def run() -> int:
        for layer in layers:
            await run_in_thread(append, b"x" * (300 * len(layer) + 300))
        return len(steps)

    return run


def in_layers(steps: Steps) -> list[list[str]]:
    """The names of the steps that have as many others before them, one after another."""
    depth: dict[str, int] = {}
    layers: dict[int, list[str]] = {}
    for name, needs in steps:
        depth[name] = 1 + max((depth[one] for one in needs), default=-1)
        layers.setdefault(depth[name], []).append(name)
    return list(layers.values())
