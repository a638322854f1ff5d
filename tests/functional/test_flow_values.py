"""What is large in a run: files by reference, values beside the stream, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    Artifact,
    ConfigurationError,
    FlowLimits,
    JournalStore,
    LightFlow,
    OutputError,
    PolicyError,
    StepContext,
    read_artifact,
)
from lightagent.application.flow.flow_log import flow_key
from lightagent.application.flow.flow_values import MOST_INLINE, values_key
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import Draft, StreamQuery
from lightagent.domain.scopes import Scope
from tests.support.flow_stores import KINDS, opener

KEY = flow_key("r", Scope())
LARGE = "tea " * MOST_INLINE


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


async def test_a_file_is_on_record_by_reference_and_read_by_another_process(
    opened: Callable[[], JournalStore], tmp_path: Path
) -> None:
    file = tmp_path / "a report.txt"

    def write(query: str, context: StepContext) -> str:
        file.write_text("facts", encoding="utf-8")
        made = context.artifact(file, media_type="text/plain")
        return made.name

    def publish(query: str, context: StepContext) -> str:
        (made,) = context.steps["write"].artifacts
        return read_artifact(made).decode()

    def declared() -> LightFlow:
        flow = LightFlow(store=opened()).step("write", agent=write)
        return flow.step("publish", agent=publish, depends_on=["write"], requires_approval=True)

    waiting = await declared().arun("x", run_id="r")
    digest = hashlib.sha256(b"facts").hexdigest()
    assert waiting.step("write").artifacts == (
        Artifact("a report.txt", file.as_uri(), f"sha256:{digest}", 5, "text/plain"),
    )
    await declared().aapprove("r", "publish")
    assert (await declared().aresume("r")).content == "facts"
    file.write_text("other", encoding="utf-8")
    result = await declared().arerun_step("r", "publish")
    assert result.status == "waiting_approval"
    await declared().aapprove("r", "publish")
    result = await declared().aresume("r")
    assert result.error is not None
    assert "it was changed after the step had made it" in result.error.message


async def test_a_file_that_is_not_there_fails_the_step() -> None:
    def write(query: str, context: StepContext) -> str:
        return context.artifact("nowhere.txt").name

    result = await LightFlow().step("a", agent=write).arun("x")
    assert result.error is not None
    assert "nowhere.txt cannot be read: No such file or directory" in result.error.message
    with pytest.raises(OutputError, match="No such file"):
        read_artifact(Artifact("a", "file:///nowhere", "sha256:0", 1))
    with pytest.raises(OutputError, match="not a file of this machine"):
        read_artifact(Artifact("a", "https://host/a", "sha256:0", 1))


async def test_large_values_stand_beside_the_stream_and_come_back_whole(opened: Callable[[], JournalStore]) -> None:
    seen: list[int] = []

    def declared() -> LightFlow:
        flow = LightFlow(store=opened()).step("a", agent=lambda query: query, max_retry=2)
        flow.map("m", lambda context: [context.outputs["a"]] * 2, agent=str.upper, depends_on=["a"])
        return flow.step("b", agent=lambda query: seen.append(len(query)), depends_on=["m"], requires_approval=True)

    await declared().arun(LARGE, run_id="r")
    store = opened()
    entries = (await store.read(KEY)).entries
    assert max(len(entry.content) for entry in entries) < MOST_INLINE
    values = (await store.read(values_key(KEY))).entries
    assert sum(len(entry.content) for entry in values) < 8 * len(LARGE), "a value is kept once"
    record = await declared().aget_run("r")
    assert record is not None
    assert record["query"] == LARGE
    with pytest.raises(PolicyError, match="can be rejected or edited, not approved"):
        await declared().aapprove("r", "b")  # Nobody can be expected to read it.
    await declared().aapprove("r", "b", ApprovalDecision.edit({"query": "Go on."}))
    result = await declared().aresume("r")
    assert (result.status, result.output("m"), seen) == ("success", [LARGE.upper()] * 2, [len("Go on.")])
    await declared().arun("small", run_id="r")
    assert (await opened().read(values_key(KEY))).entries == (), "they are forgotten with their run"
    assert [stream.key for stream in (await opened().list(StreamQuery(kind="flow"))).streams] == [KEY]


async def test_a_value_that_looks_like_a_reference_is_none(opened: Callable[[], JournalStore]) -> None:
    trick = {"$value": "0" * 64, "first": 1, "parts": 1}
    flow = LightFlow(store=opened()).step("a", agent=lambda query: trick)
    assert (await flow.arun("x", run_id="r")).output("a") == trick
    record = await LightFlow(store=opened()).step("a", agent=str.upper).aget_run("r")
    assert record is not None
    assert json.loads(str(record["content"])) == trick


async def test_a_value_that_was_changed_is_noticed() -> None:
    store = opener("memory", Path())()
    flow = LightFlow(store=store).step("a", agent=lambda query: LARGE)
    await flow.arun("x", run_id="r")
    count = len((await store.read(values_key(KEY))).entries)
    await store.forget(values_key(KEY))
    with pytest.raises(DamagedStream, match="is missing"):
        await flow.aget_run("r")
    await store.append(values_key(KEY), [Draft('"x"', 1)] * count, expected=0, at=0.0)
    with pytest.raises(DamagedStream, match="differs from what was written"):
        await flow.aget_run("r")


async def test_what_is_too_large_is_refused_once_by_step_field_and_size() -> None:
    tried: list[str] = []

    def write(query: str) -> list[str]:
        tried.append(query)
        return ["x" * 400] * 3

    flow = LightFlow(limits=FlowLimits(max_value=1000)).step("a", agent=write, max_retry=3)
    flow.step("b", agent=str.upper, query=lambda context: "y" * 2000)
    flow.map("c", lambda context: ["z"] * 900, agent=str.upper)
    result = await flow.arun("x")
    errors = [step.error for step in result.steps]
    assert [error and error.message for error in errors] == [
        "The output of the step 'a' has 1,210 bytes, and 1,000 can be kept.",
        "The query of the step 'b' has 2,002 bytes, and 1,000 can be kept.",
        "The list of the step 'c' has 3,601 bytes, and 1,000 can be kept.",
    ]
    assert errors[0] is not None
    assert (errors[0].details, len(tried)) == ({"step": "a", "field": "output", "size": 1210}, 1)
    with pytest.raises(OutputError, match=r"The input of the run has 1,502 bytes"):
        await flow.arun("x" * 1500, run_id="large")
    assert await flow.aget_run("large") is None


async def test_a_run_that_makes_nothing_keeps_nothing_beside_it() -> None:
    store = opener("memory", Path())()
    await LightFlow(store=store).step("a", agent=str.upper).arun("x", run_id="r")
    assert (await store.read(values_key(KEY))).entries == ()


def test_only_an_attempt_makes_files() -> None:
    def asks(context: StepContext) -> bool:
        context.artifact("x")
        return True

    result = LightFlow().step("a", agent=str.upper, when=asks).run("x")
    assert result.error is not None
    assert "only what does the work of a step makes files" in result.error.message
    with pytest.raises(ConfigurationError):
        LightFlow(limits=FlowLimits(max_value=0))
