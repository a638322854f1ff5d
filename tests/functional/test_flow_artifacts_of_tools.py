"""Tools of an agent put files on record for the step that the agent is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import JsonLightFlowStore, LightAgent, LightFlow, RunContext, read_artifact, tool
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool


def calling(name: str, before_end: Callable[[], object] = lambda: None) -> ScriptedModel:
    """A model that calls a tool once, and then says what that gave."""

    def answer(request: ChatRequest) -> str | ToolCall:
        if not isinstance(request.messages[-1], ToolMessage):
            return call_tool(name, query="x") if name != "write" else call_tool(name, text="facts")
        before_end()
        return request.messages[-1].content

    return ScriptedModel(answer)


def writer(folder: Path, written: list[str], before_end: Callable[[], object] = lambda: None) -> LightAgent:
    @tool
    def write(text: str, context: RunContext[object]) -> str:
        """Write a file.

        Args:
            text: what it holds
        """
        written.append(text)
        path = folder / "report.txt"
        path.write_text(text)
        return context.artifact(path, name="the report", media_type="text/plain").name

    return LightAgent(name="writer", model=calling("write", before_end), tools=[write])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("watched", [False, True])
async def test_a_file_that_a_tool_makes_is_an_artifact_of_the_step(
    tmp_path: Path, *, nested: bool, watched: bool
) -> None:
    agent = writer(tmp_path, [])
    if nested:
        agent = LightAgent(name="boss", model=calling("writer"), tools=[agent.as_tool("writer", "Writes.")])
    flow = (
        LightFlow(store=JsonLightFlowStore(tmp_path / "runs"))
        .step("write", agent=agent)
        .step(
            "read",
            agent=lambda query, context: read_artifact(context.steps["write"].artifacts[0]).decode(),
            depends_on=["write"],
        )
    )
    if watched:
        async with flow.astream_events("it", run_id="r") as stream:
            async for _ in stream:
                pass
        result = stream.result
    else:
        result = await flow.arun("it", run_id="r", trace=True)
    assert result.content == "facts"
    (made,) = result.step("write").artifacts
    assert (made.name, made.media_type, made.size) == ("the report", "text/plain", 5)


async def test_a_file_stays_on_record_although_its_call_is_not_made_again(tmp_path: Path) -> None:
    written: list[str] = []

    def declared(before_end: Callable[[], object] = lambda: None) -> LightFlow:
        agent = writer(tmp_path, written, before_end)
        return LightFlow(store=JsonLightFlowStore(tmp_path / "runs")).step("write", agent=agent)

    running = asyncio.create_task(declared(lambda: running.cancel()).arun("it", run_id="r"))
    with pytest.raises(asyncio.CancelledError):
        await running
    result = await declared().aresume("r")
    assert written == ["facts"]
    assert [made.name for made in result.step("write").artifacts] == ["the report"]


async def test_outside_of_a_flow_there_is_no_step_that_could_have_it(tmp_path: Path) -> None:
    result = await writer(tmp_path, []).arun("it", result_format="object")
    assert "only steps of flows make artifacts" in str(result.content)
