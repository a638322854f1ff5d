"""Hooks see, replace and stop what goes on in a run, in their order, by dicts and by typed payloads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace

import pytest

from lightagent import (
    ApprovalDecision,
    CallPayload,
    ConfigurationError,
    HookContext,
    HookDecision,
    JsonObject,
    JsonValue,
    LightAgent,
    LightAgentError,
    ObservingHook,
    OutputPayload,
    PolicyHook,
    RequestPayload,
    Subject,
    before_model_request,
    before_run,
    before_tool_call,
    on_output,
    tool,
)
from lightagent.application.policies.hooks import hook_policies
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, Trust, UserMessage
from lightagent.domain.outcomes import Suspended
from lightagent.domain.policy.phases import Decision
from lightagent.testing import ScriptedModel, call_tool

Hook = Callable[[HookContext], object]


@tool
def look(place: str) -> str:
    """Looks somewhere."""
    return f"saw {place}"


def at(phase: str, answer: object, seen: list[JsonObject] | None = None) -> Hook:
    """A hook that answers so at one phase, and remembers what it was given."""

    def hook(context: HookContext) -> object:
        if context.phase != phase:
            return None
        if seen is not None:
            seen.append(context.payload)
        return answer

    return hook


def working() -> ScriptedModel:
    return ScriptedModel([call_tool("look", place="here"), "I saw it."])


def test_each_phase_can_replace_what_it_is_about() -> None:
    model = working()
    hooks = [
        at("before_run", HookDecision.replace({"query": "a better query"})),
        at("before_tool_call", {"payload": {"arguments": {"place": "there"}}}),
        at("after_tool_result", {"action": "replace", "payload": {"output": "saw nothing"}}),
        at("after_model_response", HookDecision.replace({"content": "It is said."})),
    ]
    result = LightAgent(model=model, tools=[look], hooks=hooks).run("query", result_format="object")
    assert result.content == "It is said."
    assert model.requests[0].messages[-1] == UserMessage("a better query")
    assert [(call.arguments, call.output) for call in result.tool_calls] == [({"place": "there"}, "saw nothing")]


def test_what_each_phase_is_told() -> None:
    seen: list[tuple[str, JsonObject]] = []

    def hook(context: HookContext) -> None:
        seen.append((context.phase, context.payload))
        assert (context.agent_name, context.user_id) == ("teller", "ann")
        assert context.run_id
        assert context.trace_id

    agent = LightAgent(name="teller", model=working(), tools=[look], hooks=[hook], metadata={"seed": 1})
    agent.run("query", user_id="ann", metadata={"temperature": 0}, result_format="object")
    told = dict(seen)
    assert [phase for phase, _ in seen] == [
        *("before_run", "before_model_request", "after_model_response", "before_tool_call", "after_tool_result"),
        *("before_model_request", "after_model_response", "after_run"),
    ]
    assert told["before_run"] == {
        "query": "query",
        "tools": ["look"],
        "stream": False,
        "result_format": "object",
        "metadata": {"seed": 1, "temperature": 0},
    }
    params = told["before_model_request"]["params"]
    assert isinstance(params, dict)
    assert params["model"] == "scripted"
    assert params["temperature"] == 0
    assert told["after_model_response"] == {"content": "I saw it."}
    assert told["before_tool_call"] == {"tool_name": "look", "arguments": {"place": "here"}}
    assert told["after_tool_result"] == {"tool_name": "look", "output": "saw here"}
    assert told["after_run"] == {"success": True, "content": "I saw it.", "error": None, "stage": "run"}


def test_a_blocked_run_tells_its_error_and_its_end() -> None:
    seen: list[tuple[str, JsonObject]] = []

    def audit(context: HookContext) -> None:
        if context.phase in ("after_run", "on_error"):
            seen.append((context.phase, context.payload))

    for phase in ("before_run", "before_model_request", "after_model_response"):
        seen.clear()
        agent = LightAgent(model=ScriptedModel(["Hello.", "Hello."]), hooks=[audit, at(phase, "It is forbidden.")])
        result = agent.run("query", result_format="object", trace=True)
        assert result.error is not None
        assert (result.error.code, result.error.message) == ("LA-HOOK", "It is forbidden.")
        error = "[LA-HOOK] It is forbidden."
        assert [phase for phase, _ in seen] == ["on_error", "after_run"]
        assert all(str(payload["error"]).startswith(error) for _, payload in seen)
        assert seen[0][1]["stage"] == "hook"
        assert "hook_block" in [event["type"] for event in result.trace]
        with pytest.raises(LightAgentError, match=r"\[LA-HOOK\] It is forbidden"):
            agent.run("query")


def test_the_first_that_blocks_is_the_last_that_is_asked() -> None:
    seen: list[str] = []

    def named(name: str, answer: object) -> Hook:
        def hook(context: HookContext) -> object:
            seen.append(f"{name} {context.payload['query']}")
            return answer

        return hook

    hooks = [
        PolicyHook(named("first", {"payload": {"query": "changed"}}), {"before_run"}, name="one"),
        PolicyHook(named("second", HookDecision.block("no")), {"before_run"}, name="two"),
        PolicyHook(named("third", None), {"before_run"}, name="three"),
    ]
    result = LightAgent(model=ScriptedModel(["Hello."]), hooks=hooks).run("query", result_format="object")
    assert seen == ["first query", "second changed"]
    assert result.journal.events[-1] is not None
    assert [event.decisions for event in result.journal.events if event.type == "run_finished"] == [
        (Decision("admission", "hook:one", "rewrite"), Decision("admission", "hook:two", "block", "no"))
    ]


LOOP: JsonObject = {"place": "Paris"}
LOOP["again"] = LOOP


@pytest.mark.parametrize(
    ("phase", "payload", "problem"),
    [
        ("before_run", {"tools": []}, "can replace 'query' at before_run, not 'tools'"),
        ("before_run", {"query": 5}, "query must be text"),
        ("before_model_request", {"params": {"messages": []}}, "cannot change the agent's instructions"),
        ("before_model_request", {"params": {"model": "another"}}, "params.model"),
        ("before_model_request", {"params": {"stream": True}}, "params.stream"),
        ("before_tool_call", {"tool_name": "another"}, "can replace 'arguments'"),
        ("before_tool_call", {"arguments": LOOP}, "nested too deep"),
        ("after_run", {"content": "better"}, "the run has ended, and a hook can replace nothing"),
    ],
)
def test_what_a_hook_cannot_replace_blocks(phase: str, payload: JsonObject, problem: str) -> None:
    agent = LightAgent(model=working(), tools=[look], hooks=[at(phase, HookDecision.replace(payload))])
    result = agent.run("query", result_format="object", trace=True)
    blocks = [event["data"] for event in result.trace if event["type"] == "hook_block"]
    assert [block["action"] for block in blocks] == ["error"]
    assert problem in str(blocks[0]["reason"])


class Notes:
    """A context source."""

    name, timeout = "notes", None
    trust: Trust = "trusted"

    async def gather(self, subject: Subject, query: str) -> list[str]:
        return ["the secret note"]


def requested(hook: Hook) -> tuple[Message, ...]:
    """The messages of a request that a hook changed, after the instructions."""
    model = ScriptedModel(["Hello."])
    history: list[JsonObject] = [{"role": "user", "content": "old"}, {"role": "assistant", "content": "older"}]
    agent = LightAgent(model=model, instructions="Be kind.", context_sources=[Notes()], hooks=[hook])
    agent.run("the secret query", history=history)
    return model.requests[0].messages[1:]


def changed(change: Callable[[list[JsonObject]], list[JsonObject]]) -> Hook:
    def hook(context: HookContext) -> object:
        if context.phase != "before_model_request":
            return None
        params = context.payload["params"]
        assert isinstance(params, dict)
        messages = params["messages"]
        assert isinstance(messages, list)
        told = [message for message in messages if isinstance(message, dict)]
        return HookDecision.replace({"params": {**params, "messages": [*change(told)]}})

    return hook


def test_a_changed_context_message_stays_one() -> None:
    def redact(messages: list[JsonObject]) -> list[JsonObject]:
        return [{**one, "content": str(one["content"]).replace("secret", "***")} for one in messages]

    assert requested(changed(redact)) == (
        UserMessage("old"),
        AssistantMessage("older"),
        ContextMessage("notes", "the *** note", "trusted"),
        UserMessage("the *** query"),
    )


def test_a_hook_may_leave_messages_out_and_put_others_in() -> None:
    def trim(messages: list[JsonObject]) -> list[JsonObject]:
        return [messages[0], {"role": "user", "content": "in short"}, *messages[3:]]

    assert requested(changed(trim)) == (
        UserMessage("in short"),
        ContextMessage("notes", "the secret note", "trusted"),
        UserMessage("the secret query"),
    )


def test_what_is_said_in_answers_is_kept_with_what_no_form_shows() -> None:
    """A message that a hook leaves alone goes back as it was, its reasoning included."""
    said = AssistantMessage("I look.", reasoning="I think.")
    model = ScriptedModel([replace(said, tool_calls=(call_tool("look", place="here"),)), "Done."])
    agent = LightAgent(model=model, tools=[look], hooks=[changed(lambda messages: messages)])
    agent.run("query")
    answer = next(one for one in model.requests[1].messages if isinstance(one, AssistantMessage))
    assert answer.reasoning == "I think."


def test_a_hook_may_leave_tools_out_of_a_request() -> None:
    def hook(context: HookContext) -> object:
        if context.phase != "before_model_request":
            return None
        params = context.payload["params"]
        assert isinstance(params, dict)
        return {"payload": {"params": {name: value for name, value in params.items() if name != "tools"}}}

    model = ScriptedModel(["Hello."])
    LightAgent(model=model, tools=[look], hooks=[hook]).run("query")
    assert model.requests[0].tools == ()


def test_a_hook_may_have_a_human_decide() -> None:
    agent = LightAgent(model=working(), tools=[look], hooks=[at("before_tool_call", HookDecision.ask("Look first."))])
    waiting = agent.run("query", result_format="object")
    assert isinstance(waiting.outcome, Suspended)
    assert agent.resume(waiting.journal, ApprovalDecision.approve()).content == "I saw it."


def test_synchronous_hooks_run_in_worker_threads_in_the_callers_context() -> None:
    caller: ContextVar[str] = ContextVar("caller", default="")
    seen: list[tuple[str, str]] = []

    def hook(context: HookContext) -> None:
        seen.append((threading.current_thread().name, caller.get()))

    caller.set("me")
    LightAgent(model=ScriptedModel(["Hello."]), hooks=[hook]).run("query")
    assert {who for _, who in seen} == {"me"}
    assert all(name.startswith("lightagent-worker") for name, _ in seen)


class Audit:
    """Methods named after phases."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def before_tool_call(self, context: HookContext) -> None:
        self.seen.append(context.phase)

    def before_flow_step(self, context: HookContext) -> None:
        raise AssertionError("a run of an agent has no such phase")


def test_an_object_is_called_where_it_has_methods() -> None:
    audit = Audit()
    agent = LightAgent(model=working(), tools=[look], hooks=[audit])
    agent.run("query")
    assert audit.seen == ["before_tool_call"]
    assert agent.means.gates[0].phases == {"tool_call"}


@before_run(name="polite")
async def ask_politely(query: object, subject: Subject) -> None:
    assert subject.facts.tools == ("look",)


@before_model_request
def cool(request: RequestPayload, subject: Subject) -> RequestPayload:
    return replace(request, params={**request.params, "temperature": 0})


@before_tool_call
def elsewhere(call: CallPayload, subject: Subject) -> CallPayload | HookDecision:
    if subject.name != "look":
        return HookDecision.block("unknown")
    call.arguments["place"] = "changed in place, which changes nothing"
    return CallPayload({"place": "there"})


@on_output
async def loud(output: OutputPayload, subject: Subject) -> OutputPayload:
    return OutputPayload(output.content.upper())


def test_typed_hooks_get_and_give_payloads() -> None:
    model = working()
    agent = LightAgent(model=model, tools=[look], hooks=[ask_politely, cool, elsewhere, loud])
    result = agent.run("query", result_format="object")
    assert result.content == "I SAW IT."
    assert result.tool_calls[0].arguments == {"place": "there"}
    assert model.requests[0].params == {"temperature": 0}
    assert agent.means.gates[0].policies == ("hook:polite", "hook:cool", "hook:elsewhere", "hook:loud")


def test_a_typed_hook_can_be_called_as_the_function_it_is() -> None:
    subject = Subject(LightAgent(model=working()).run("q", result_format="object").journal.run.origin(), "other")
    assert elsewhere(CallPayload({}), subject) == HookDecision.block("unknown")


@before_tool_call
def flag(call: CallPayload, subject: Subject) -> CallPayload:
    return CallPayload({"value": True})


@pytest.mark.parametrize(
    "policy",
    [
        {"hooks": [at("before_tool_call", {"payload": {"arguments": {"value": True}}})]},
        {"hooks": [flag]},
        {"tool_guardrails": [lambda call, context: {"value": {**call, "arguments": {"value": True}}}]},
    ],
    ids=["hook", "typed hook", "guardrail"],
)
def test_a_value_of_another_type_is_another_value(policy: dict[str, list[object]]) -> None:
    """To Python 1 is true, and to a tool it is not."""
    got: list[JsonValue] = []

    @tool
    def put(value: JsonValue) -> str:
        """Puts a value."""
        got.append(value)
        return "put"

    make: Callable[..., LightAgent[None, str]] = LightAgent
    make(model=ScriptedModel([call_tool("put", value=1), "Done."]), tools=[put], **policy).run("q")
    assert got == [True]
    assert got[0] is True


def test_two_hooks_of_one_name_are_told_apart() -> None:
    policies = hook_policies([at("before_run", None), at("before_run", None)])
    assert list(dict.fromkeys(policy.name for policy in policies)) == ["hook:hook", "hook:hook#2"]


policy_hook: Callable[..., object] = PolicyHook
of_one: Callable[..., bool] = lambda call: True  # noqa: E731
observing_hook: Callable[..., object] = ObservingHook
before_any_run: Callable[..., Callable[..., object]] = before_run


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: policy_hook(print, failure_mode="raise"), "failure_mode must be"),
        (lambda: policy_hook(print, timeout=0), "greater than 0"),
        (lambda: policy_hook(print, timeout="slow"), "greater than 0"),
        (lambda: policy_hook(print, timeout=True), "greater than 0"),
        (lambda: policy_hook(print, phases={"before_tool"}), "'before_tool' is not a phase"),
        (lambda: policy_hook(print, phases="before_run"), "must be a set of names"),
        (lambda: policy_hook(print, phases=[]), "at least one"),
        (lambda: policy_hook(print, phases=5), "must be a set of names"),
        (lambda: policy_hook(Audit(), phases={"before_tool_call", "on_handoff"}), "Audit has no method on_handoff"),
        (lambda: observing_hook(Audit(), phases={"on_handoff"}), "Audit has no method on_handoff"),
        (lambda: policy_hook(print, name=5), "name must be text"),
        (lambda: observing_hook(print, name=5), "name must be text"),
        (lambda: before_any_run(failure_mode="Continue")(lambda payload, subject: None), "failure_mode must be"),
        (lambda: before_any_run(name=5)(lambda payload, subject: None), "name must be text"),
        (lambda: policy_hook(None), "expected a function"),
        (lambda: policy_hook(PolicyHook(print)), "is a hook already"),
        (lambda: observing_hook(print, timeout=None), "needs a timeout"),
        (lambda: before_any_run(lambda: None), "called with (payload, subject)"),
        (lambda: LightAgent(model=working(), hooks=[Audit]), "the class Audit itself"),
        (lambda: LightAgent(model=working(), hooks=[5]), "expected a function"),
        (lambda: LightAgent(model=working(), hooks=[lambda: None]), "called with (context)"),
        (lambda: LightAgent(model=working(), tool_guardrails=[of_one]), "called with (tool_call, context)"),
    ],
)
def test_wrong_hooks_are_refused_at_once(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert problem in str(refused.value)


def test_an_agent_without_policies_has_no_gate() -> None:
    agent = LightAgent(model=ScriptedModel(["Hello."]), hooks=[], input_guardrails=[], output_guardrails=None)
    result = agent.run("query", result_format="object")
    assert agent.means.gates == ()
    assert [event.type for event in result.journal.events] == [
        *("run_started", "model_requested", "model_replied", "run_finished")
    ]


def test_a_run_is_not_resumed_without_its_hooks() -> None:
    hook = at("before_tool_call", HookDecision.ask("Look first."))
    waiting = LightAgent(model=working(), tools=[look], hooks=[hook]).run("query", result_format="object")
    with pytest.raises(ConfigurationError, match="hook:hook"):
        LightAgent(model=working(), tools=[look]).resume(waiting.journal, ApprovalDecision.approve())


def test_the_hooks_of_an_agent_see_the_runs_of_agents_that_it_calls() -> None:
    seen: list[object] = []

    def hook(context: HookContext) -> object:
        if context.phase == "before_tool_call":
            seen.append((context.payload["tool_name"], context.metadata["path"]))
        return "No." if context.phase == "before_tool_call" and context.payload["tool_name"] == "look" else None

    inner = LightAgent(name="inner", model=working(), tools=[look])
    outer = LightAgent(
        model=ScriptedModel([call_tool("ask", query="Look here."), "Done."]),
        tools=[inner.as_tool("ask", "Looks.")],
        hooks=[hook],
    )
    result = outer.run("query", result_format="object")
    assert seen == [("ask", []), ("look", [result.tool_calls[0].id])]
    assert [call.output for call in result.tool_calls[0].nested] == ["[LA-HOOK] No."]
