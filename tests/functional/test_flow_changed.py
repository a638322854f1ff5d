"""Flows that were changed since a run began: refused by step and field, accepted by name, run again, or forked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent import (
    ConfigurationError,
    JsonLightFlowStore,
    LightAgent,
    LightFlow,
    LightSwarm,
    Proposal,
    ProposedStep,
    ToolList,
    ToolSource,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.flow.flow_codec import flow_event_from_dict
from lightagent.domain.flow.changes import change_faults
from lightagent.domain.flow.events import FlowStarted
from lightagent.testing import ScriptedModel
from tests.servers.json_values import as_list, as_object

FIRST = """
from lightagent import JsonLightFlowStore, LightFlow

def draft(query: str) -> str:
    return f"draft of {query}"

def publish(query: str) -> str:
    raise ConnectionError("down")

flow = (
    LightFlow(store=JsonLightFlowStore("runs"))
    .step("draft", agent=draft)
    .step("publish", agent=publish, depends_on=["draft"], query=lambda context: context.output("draft"))
)
"""

MENDED = FIRST.replace('raise ConnectionError("down")', 'return f"published: {query}"')

COMPATIBLE = {
    "the failed step is mended": MENDED,
    "comments, blank lines, a docstring and annotations": MENDED.replace(
        "def draft(query: str) -> str:\n", 'def draft(query):\n    """Drafts."""\n\n    # It is short.\n'
    ),
    "another name of the function": MENDED.replace("def draft", "def make_draft").replace(
        "agent=draft", "agent=make_draft"
    ),
    "the function is elsewhere in the file": MENDED.replace("def draft", "def other():\n    return 1\n\ndef draft"),
    "policies of the step that has succeeded": MENDED.replace("agent=draft", "agent=draft, max_retry=5, timeout=9"),
    "a step at the end": MENDED.rstrip()[:-1] + '    .step("tell", agent=draft, depends_on=["publish"])\n)\n',
    "another query of the failed step": MENDED.replace('context.output("draft")', 'context.output("draft").upper()'),
}

HELD = {
    "other code": (MENDED.replace("draft of", "sketch of"), "draft (agent)"),
    "an async function": (MENDED.replace("def draft", "async def draft"), "draft (agent)"),
    "another query": (MENDED.replace("agent=draft)", 'agent=draft, query="What?")'), "draft (query)"),
    "a query made by code": (MENDED.replace("agent=draft)", "agent=draft, query=lambda c: c.input)"), "draft (query)"),
    "a type of its output": (MENDED.replace("agent=draft)", "agent=draft, output_type=str)"), "draft (output_schema)"),
}


def declared(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> LightFlow:
    """The flow of a file that says so now."""
    monkeypatch.chdir(folder)
    file = folder / "steps.py"
    file.write_text(source)
    names: dict[str, object] = {}
    exec(compile(source, str(file), "exec"), names)
    flow = names["flow"]
    assert isinstance(flow, LightFlow)
    return flow


@pytest.mark.parametrize("case", COMPATIBLE)
def test_a_run_goes_on_with_a_change_that_fits(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r").status == "failed"
    changed = declared(COMPATIBLE[case], tmp_path, monkeypatch)
    assert changed.held_runs() == []
    assert changed.resume("r").step("publish").content.lower() == "published: draft of x"


@pytest.mark.parametrize("case", HELD)
def test_what_a_changed_step_did_is_refused_until_it_is_accepted(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, named = HELD[case]
    declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r")
    changed = declared(source, tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError) as refused:
        changed.resume("r")
    assert named in refused.value.message
    for call in ("resume('r', accept=['draft'])", "rerun_step('r', 'draft')", "fork('r', step='draft')"):
        assert call in refused.value.info.guidance
    (held,) = changed.held_runs()
    assert (held["run_id"], held["status"]) == ("r", "failed")
    step, field = named.rstrip(")").split(" (")
    fault = as_object(as_list(held["held_by"])[0])
    assert (fault["step"], fault["field"], fault["acceptable"]) == (step, field, True)
    assert as_list(held["frees"])[0] == "resume('r', accept=['draft'])"
    assert changed.resume("r", accept=["draft"]).content == "published: draft of x"
    assert changed.held_runs() == []


def test_a_step_that_is_run_again_may_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r")
    changed = declared(HELD["other code"][0], tmp_path, monkeypatch)
    assert changed.rerun_step("r", "draft").content == "published: sketch of x"


def test_a_cancelled_run_whose_step_is_run_again_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = FIRST.replace("depends_on", "requires_approval=True, depends_on")
    flow = declared(gate, tmp_path, monkeypatch)
    assert flow.run("x", run_id="r").status == "waiting_approval"
    flow.cancel("r")
    changed = declared(gate.replace("draft of", "sketch of"), tmp_path, monkeypatch)
    assert changed.rerun_step("r", "draft").step("draft").content == "sketch of x"


def test_a_run_can_be_forked_from_before_a_step_that_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r")
    changed = declared(HELD["other code"][0], tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match=r"draft \(agent\)"):
        changed.fork("r")
    assert changed.fork("r", step="draft").content == "published: sketch of x"


def test_a_step_that_is_gone_cannot_be_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r")
    changed = declared(MENDED.replace('"draft"', '"sketch"'), tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match=r"draft \(name\)") as refused:
        changed.resume("r", accept=["draft"])
    assert refused.value.info.guidance == "Call one of: fork('r', step='draft')."
    assert changed.fork("r", step="draft").content == "published: draft of x"


@pytest.mark.parametrize("accept", [["wrong"], "draft", [1]])
def test_only_steps_of_the_run_can_be_accepted(
    accept: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(FIRST, tmp_path, monkeypatch).run("x", run_id="r")
    changed = declared(HELD["other code"][0], tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match="accept"):
        changed.resume("r", accept=accept)


def failing(query: str) -> str:
    raise ConnectionError("down")


def agent(
    instructions: str = "Be brief.", model: str = "m", tools: list[Callable[..., str]] | None = None
) -> LightAgent:
    return LightAgent(
        name="researcher", instructions=instructions, model=ScriptedModel(["facts"], name=model), tools=tools or []
    )


def search(query: str) -> str:
    """Search."""
    return query


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (agent("Be long."), "agent.instructions"),
        (agent(model="n"), "agent.model"),
        (agent(tools=[search]), "agent.tools"),
    ],
)
def test_an_agent_is_known_by_what_it_is_told_its_model_and_its_tools(
    changed: LightAgent, field: str, tmp_path: Path
) -> None:
    def flow(researcher: LightAgent) -> LightFlow:
        store = JsonLightFlowStore(tmp_path)
        return LightFlow(store=store).step("a", agent=researcher).step("b", agent=failing, depends_on=["a"])

    assert flow(agent()).run("x", run_id="r").step("a").status == "success"
    assert flow(agent()).resume("r").step("a").attempts == 1
    with pytest.raises(ConfigurationError) as refused:
        flow(changed).resume("r")
    assert f"a ({field})" in refused.value.message
    assert flow(changed).resume("r", accept=["a"]).step("a").attempts == 1


def test_an_agent_without_a_name_is_the_same_in_another_process(tmp_path: Path) -> None:
    def flow() -> LightFlow:
        unnamed = LightAgent(model=ScriptedModel(["facts"]))
        swarm = LightSwarm()
        swarm.register_agent(LightAgent(name="one", model=ScriptedModel(["more"])))
        store = JsonLightFlowStore(tmp_path)
        return (
            LightFlow(store=store)
            .step("a", agent=unnamed)
            .step("s", agent=swarm, depends_on=["a"])
            .step("b", agent=failing, depends_on=["s"])
        )

    assert flow().run("x", run_id="r").step("s").status == "success"
    assert flow().resume("r").step("b").status == "failed"


def test_steps_of_a_flow_that_is_a_step_are_named(tmp_path: Path) -> None:
    def inner(text: str) -> LightFlow:
        return LightFlow(name="inner").step("one", agent=lambda query: f"{text} {query}")

    def flow(text: str) -> LightFlow:
        store = SqliteJournalStore(tmp_path / "j.db")
        return LightFlow(store=store).step("outer", agent=inner(text)).step("b", agent=failing, depends_on=["outer"])

    flow("a").run("x", run_id="r")
    with pytest.raises(ConfigurationError, match=r"outer \(one/agent\)"):
        flow("b").resume("r")
    assert flow("b").resume("r", accept=["outer"]).step("outer").content == "a x"


async def test_an_interrupted_flow_within_goes_on_with_other_code_once_that_is_accepted(tmp_path: Path) -> None:
    def flow(text: str) -> LightFlow:
        inner = LightFlow().step("one", agent=lambda query: f"{text} {query}")
        inner.step("two", agent=lambda query: f"{text}!", depends_on=["one"], requires_approval=True)
        return LightFlow(store=JsonLightFlowStore(tmp_path)).step("outer", agent=inner)

    assert (await flow("a").arun("x", run_id="r")).status == "waiting_approval"
    await flow("a").aapprove("r", "outer/two")
    with pytest.raises(ConfigurationError, match=r"outer/one \(agent\)"):
        await flow("b").aresume("r")
    assert (await flow("b").aresume("r", accept=["outer"])).content == "b!"
    assert (await flow("b").aresume("r")).content == "b!"


def test_flows_in_memory_compare_no_code(tmp_path: Path) -> None:
    store = MemoryJournalStore()

    def flow(text: str) -> LightFlow:
        made = LightFlow(store=store).step("a", agent=lambda query: text)
        return made.step("b", agent=failing, depends_on=["a"])

    flow("a").run("x", run_id="r")
    assert flow("b").resume("r").step("a").content == "a"


async def test_a_flow_that_is_a_step_of_itself_has_digests(tmp_path: Path) -> None:
    flow = LightFlow(store=JsonLightFlowStore(tmp_path))
    flow.step("again", agent=flow)
    result = await asyncio.wait_for(flow.arun("x"), 30)
    assert result.status == "failed"


def test_what_is_done_for_items_is_compared_too(tmp_path: Path) -> None:
    def flow(text: str) -> LightFlow:
        def read(query: str) -> str:
            if query == "b" and text == "a":
                raise ConnectionError("down")
            return f"{text}{query}"

        return LightFlow(store=JsonLightFlowStore(tmp_path)).map("pages", ["a", "b"], agent=read)

    assert flow("a").run("x", run_id="r").status == "failed"
    with pytest.raises(ConfigurationError, match=r"pages\[0\]/pages \(agent\)"):
        flow("c").resume("r")
    assert flow("c").resume("r", accept=["pages/pages"]).output("pages") == ["aa", "cb"]


def falls_back(fallback: Callable[[str], str], folder: Path) -> LightFlow:
    flow = LightFlow(store=JsonLightFlowStore(folder)).step("a", agent=failing, fallback_agent=fallback)
    flow.step("used", agent=search, depends_on=["a"], fallback_agent=fallback)
    return flow.step("b", agent=failing, depends_on=["used"])


def test_a_changed_fallback_holds_back_what_it_did_and_nothing_else(tmp_path: Path) -> None:
    assert falls_back(lambda query: f"instead of {query}", tmp_path).run("x", run_id="r").status == "failed"
    changed = falls_back(lambda query: "something else", tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        changed.resume("r")
    assert "a (fallback.agent): It is success, and does other work now." in refused.value.message
    assert "used" not in refused.value.message
    assert changed.resume("r", accept=["a"]).step("a").content == "instead of x"


def adds(looks: Callable[[str], str], folder: Path, *, last: Callable[[str], str] = failing) -> LightFlow:
    def plan(query: str) -> Proposal:
        return Proposal([ProposedStep("tea", "look", "tea"), ProposedStep("deeper", "dig", "all")], "planned")

    def dig(query: str) -> Proposal:
        return Proposal([ProposedStep("inner", "look", "below")], "dug")

    flow = LightFlow(store=JsonLightFlowStore(folder)).offer("look", agent=looks)
    flow.offer("dig", agent=dig, accept_steps=True).offer("unused", agent=looks)
    return flow.step("plan", agent=plan, accept_steps=True).step("last", agent=last, depends_on=["plan"])


def test_changed_work_that_was_offered_holds_back_the_steps_that_were_added_with_it(tmp_path: Path) -> None:
    assert adds(lambda query: f"looked at {query}", tmp_path).run("x", run_id="r").status == "failed"
    assert adds(lambda query: f"looked at {query}", tmp_path).held_runs() == []
    changed = adds(lambda query: "nothing", tmp_path, last=search)
    (held,) = changed.held_runs()
    faults = [as_object(fault) for fault in as_list(held["held_by"])]
    assert {str(fault["step"]): fault["problem"] for fault in faults} == {
        "plan+/tea": "It is success, and its work was changed.",
        "plan+/deeper+/inner": "It is success, and its work was changed.",
    }
    with pytest.raises(ConfigurationError, match=r"plan\+/tea \(work\)"):
        changed.resume("r")
    result = changed.resume("r", accept=[str(fault["step"]) for fault in faults])
    assert (result.status, result.step("plan+/tea").content) == ("success", "looked at tea")


def test_work_that_is_not_offered_any_more_is_told(tmp_path: Path) -> None:
    adds(lambda query: f"looked at {query}", tmp_path).run("x", run_id="r")
    changed = LightFlow(store=JsonLightFlowStore(tmp_path))
    changed.step("plan", agent=failing, accept_steps=True).step("last", agent=search, depends_on=["plan"])
    with pytest.raises(ConfigurationError, match=r"plan\+/tea \(work\): It is success, and its work is not offered"):
        changed.resume("r")


class Source(ToolSource[object]):
    """A server's tools."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> int:
        return 1

    async def tools(self) -> ToolList[object]:
        return ToolList({})

    async def aclose(self) -> None:
        """Nothing is open."""


def test_an_agent_with_another_source_of_tools_does_other_work(tmp_path: Path) -> None:
    def flow(*sources: str) -> LightFlow:
        model = ScriptedModel(["facts"], name="m")
        maker = LightAgent(name="researcher", model=model, tools=[Source(name) for name in sources])
        made = LightFlow(store=JsonLightFlowStore(tmp_path)).step("research", agent=maker)
        return made.step("publish", agent=failing, depends_on=["research"])

    flow("docs").run("x", run_id="r")
    assert flow("docs").held_runs() == []
    for other in (flow(), flow("mails"), flow("docs", "mails")):
        with pytest.raises(ConfigurationError, match=r"research \(agent.sources\)"):
            other.resume("r")


def test_what_a_record_of_a_former_release_does_not_tell_holds_nothing_back(tmp_path: Path) -> None:
    """Records without the digests of fallbacks, of offered work and of sources of tools."""
    flow = adds(lambda query: f"looked at {query}", tmp_path)
    flow.run("x", run_id="r")
    events = [flow_event_from_dict({k: v for k, v in event.items() if k != "number"}) for event in flow.events("r")]
    assert isinstance(events[0], FlowStarted)
    definition = events[0].definition
    former = [replace(step, code=tuple(one for one in step.code if "/" not in one.field)) for step in definition.steps]
    old = [replace(events[0], definition=replace(definition, steps=tuple(former))), *events[1:]]
    assert change_faults(old, definition) == ()
