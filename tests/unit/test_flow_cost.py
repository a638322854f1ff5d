"""What a step of a flow costs, in calls of functions: those are the same on every machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lightagent import JsonLightFlowStore, LightFlow
from lightagent.adapters.journals.files.folder import open_folder
from lightagent.adapters.journals.files.writing import Append
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from tests.support.costs import CallCount, count_calls

MOST_CALLS = {"chain": 285, "layers": 215}
"""A step of a flow without a store: its task, two events, their record and its result. In a chain each step has a turn
of the loop to itself. It was 520 at first.
"""

MOST_FILE_CALLS = {"chain": 430, "layers": 285}
"""The same in the event loop, where the thread that writes the files is waited for besides."""


async def work(query: str) -> str:
    return "done"


def chain(size: int) -> Sequence[tuple[str, list[str]]]:
    return [(f"s{n}", [f"s{n - 1}"] if n else []) for n in range(size)]


def layers(size: int) -> Sequence[tuple[str, list[str]]]:
    """Layers of ten steps, each of which depends on all of the layer before."""
    above = [list[str](), *([f"s{n}" for n in range(first, first + 10)] for first in range(0, size, 10))]
    return [(f"s{n}", above[n // 10]) for n in range(size)]


SHAPES = {"chain": chain, "layers": layers}


def declared(steps: Sequence[tuple[str, list[str]]], store: JsonLightFlowStore | None = None) -> LightFlow:
    flow = LightFlow(store=store)
    for name, needs in steps:
        flow.step(name, agent=work, depends_on=needs)
    return flow


def calls_of(flow: LightFlow) -> int:
    """How many functions the event loop's thread calls for one run, after a first one."""
    calls = CallCount()

    async def run() -> None:
        await flow.arun("go")
        with calls:
            result = await flow.arun("go")
        assert result.success

    asyncio.run(run())
    return calls.count


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_is_cheap_however_many_there_are(shape: str) -> None:
    few, many = (calls_of(declared(SHAPES[shape](size))) / size for size in (100, 1_000))
    assert few < MOST_CALLS[shape]
    assert many < few * 1.05, "a step costs more the more there are"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_of_a_flow_in_files_is_as_cheap_for_the_loop_however_many_there_are(shape: str, tmp_path: Path) -> None:
    with closing(declared(SHAPES[shape](50), JsonLightFlowStore(tmp_path / "few"))) as flow:
        few = calls_of(flow) / 50
    with closing(declared(SHAPES[shape](300), JsonLightFlowStore(tmp_path / "many"))) as flow:
        many = calls_of(flow) / 300
    assert few < MOST_FILE_CALLS[shape]
    assert many < few * 1.05, "a step costs more the more there are"


def test_an_append_to_a_file_is_as_cheap_however_long_it_is(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, 30.0, writing=True)
    key, draft = StreamKey(Scope(), "flow", "run"), Draft('{"type":"attempt_stopped","path":"a","epoch":1,"attempt":1}')

    def append(head: int) -> None:
        Append(key, [draft, draft], head, 1.0, {"status": "running"}, None, "", None).carry_out(folder, 1.0)

    append(0)
    append(2)
    short = count_calls(lambda: append(4))
    for head in range(6, 600, 2):
        append(head)
    assert count_calls(lambda: append(600)) == short
    assert short < 140, "the file is read again"


def test_a_step_is_declared_at_the_same_cost_among_many() -> None:
    few, many = (count_calls(partial(declared, chain(size))) / size for size in (100, 1_000))
    assert many < few * 1.1


def test_a_flow_on_another_store_is_declared_further_by_itself(tmp_path: Path) -> None:
    flow = declared(chain(2))
    other = flow.with_store(JsonLightFlowStore(tmp_path)).step("more", agent=work)
    flow.step("own", agent=work)
    assert [step.name for step in flow.declared] == ["s0", "s1", "own"]
    assert [step.name for step in other.declared] == ["s0", "s1", "more"]
