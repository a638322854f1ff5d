"""A flow that is a step and was interrupted may change as the flow around it may: by what has happened in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import ConfigurationError, JsonLightFlowStore, LightFlow

Work = Callable[[str], str]


def read(query: str) -> str:
    return f"read {query}"


def read_otherwise(query: str) -> str:
    return f"{query} was read"


def send(query: str) -> str:
    return f"sent {query}"


def send_otherwise(query: str) -> str:
    return f"{query} is sent now"


def office(directory: Path, first: Work = read, last: Work = send, *, levels: int = 1, **options: object) -> LightFlow:
    """A flow in which another one waits for a person between its two steps."""
    flow = (
        LightFlow(name="inner")
        .step("read", agent=first)
        .step("ask", agent=str.upper, depends_on=["read"], requires_approval=True)
        .step("send", agent=last, depends_on=["ask"], max_retry=2)
    )
    for level in range(levels):
        flow = LightFlow(name=f"around {level}").step("outer", agent=flow, timeout=90 if options else None)
    return LightFlow(name="office", store=JsonLightFlowStore(directory)).step("all", agent=flow)


@pytest.mark.parametrize("levels", [0, 1])
async def test_what_has_not_begun_within_may_change(tmp_path: Path, levels: int) -> None:
    path = "all/" + "outer/" * levels
    flow = office(tmp_path, levels=levels)
    assert (await flow.arun("it", run_id="r")).status == "waiting_approval"
    changed = office(tmp_path, last=send_otherwise, levels=levels, timeout=True)
    assert await changed.aheld_runs() == []
    await changed.aapprove("r", f"{path}ask")
    assert (await changed.aresume("r")).content.endswith("is sent now")


@pytest.mark.parametrize("levels", [0, 1])
async def test_what_has_been_done_within_is_refused_by_its_path(tmp_path: Path, levels: int) -> None:
    path = "all/" + "outer/" * levels + "read"
    assert (await office(tmp_path, levels=levels).arun("it", run_id="r")).status == "waiting_approval"
    changed = office(tmp_path, first=read_otherwise, levels=levels)
    with pytest.raises(ConfigurationError, match=rf"{path} \(agent\): It is success, and does other work now"):
        await changed.aresume("r")
    (held,) = await changed.aheld_runs()
    assert held["frees"] == [
        f"resume('r', accept=['{path}'])",
        f"rerun_step('r', '{path}')",
        "fork('r', step='all')",
    ]
    with pytest.raises(ConfigurationError, match="no step 'all/nothing'"):
        await changed.aresume("r", accept=["all/nothing"])
    assert (await changed.aresume("r", accept=[path])).status == "waiting_approval"
    assert (await changed.aresume("r")).status == "waiting_approval", "what is accepted stays accepted"


async def test_a_step_within_that_was_changed_is_done_again_and_the_run_goes_on(tmp_path: Path) -> None:
    assert (await office(tmp_path).arun("it", run_id="r")).status == "waiting_approval"
    changed = office(tmp_path, first=read_otherwise)
    assert (await changed.arerun_step("r", "all/outer/read")).status == "waiting_approval"
    await changed.aapprove("r", "all/outer/ask")
    result = await changed.aresume("r")
    assert "WAS READ" in result.content


async def test_what_stays_of_a_flow_that_is_done_again_in_part_must_fit(tmp_path: Path) -> None:
    flow = office(tmp_path)
    await flow.arun("it", run_id="r")
    await flow.aapprove("r", "all/outer/ask")
    assert (await flow.aresume("r")).status == "success"
    changed = office(tmp_path, first=read_otherwise)
    with pytest.raises(ConfigurationError, match=r"all/outer/read \(agent\)"):
        await changed.arerun_step("r", "all/outer/send")
    assert (await changed.arerun_step("r", "all/outer/send", accept=["all/outer/read"])).status == "success"


async def test_the_steps_within_may_not_be_ordered_otherwise(tmp_path: Path) -> None:
    await office(tmp_path).arun("it", run_id="r")
    other = LightFlow(name="inner").step("read", agent=read).step("ask", agent=str.upper, requires_approval=True)
    around = LightFlow(name="around 0").step("outer", agent=other)
    changed = LightFlow(name="office", store=JsonLightFlowStore(tmp_path)).step("all", agent=around)
    with pytest.raises(ConfigurationError, match=r"all/outer/ask \(depends_on\)"):
        await changed.aresume("r")
