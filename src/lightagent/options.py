"""The options of an agent and of a run, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Never, Protocol, TypeAlias

from typing_extensions import TypedDict

from lightagent.application.cancellation_token import CancellationToken
from lightagent.application.foreign_memory import MemoryProtocol
from lightagent.application.prompts import Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.application.swarm_mail import MailSettings
from lightagent.domain.budgets import BudgetLimits
from lightagent.domain.capabilities import CapabilityPolicy
from lightagent.domain.consulting import ConsultLimits
from lightagent.domain.guardrails import TextGuardrail, ToolGuardrail
from lightagent.domain.handoffs import HandoffLimits, HandoffText, HistoryTransfer, NextTurn
from lightagent.domain.history import HistoryMessage
from lightagent.domain.information_flow import InformationFlow
from lightagent.domain.json_types import JsonInput
from lightagent.domain.limits import Limits
from lightagent.domain.memory_policy import MemoryPolicy
from lightagent.domain.run_starts import HistoryReference
from lightagent.ports.budgets import Budgets
from lightagent.ports.code import CodeRunner
from lightagent.ports.context import Compactor, Conclusion, ContextSource, HistorySource
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.embedding import Embedder
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import MemoryStore
from lightagent.ports.models import ChatModel
from lightagent.ports.policy import Gate
from lightagent.ports.self_learning import SelfLearning
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.telemetry import TelemetrySink
from lightagent.ports.tool_selection import ToolSelection
from lightagent.ports.tools import Tool, ToolSource
from lightagent.ports.tree_of_thought import TreeOfThought

ToolLike: TypeAlias = Callable[..., object] | Tool[Never] | ToolSource[Never]
"""What can be among tools: a typed function, one with `tool_info`, a tool object, or a source of tools."""


class HandoffTarget(Protocol):
    """An agent that may take over; every `LightAgent` is one."""

    @property
    def means(self) -> object:
        """What the agent is made of; the dependencies of its tools are those of the run that it takes over."""
        ...


class AgentOptions(TypedDict, total=False):
    """The options of `LightAgent` besides `output_type` and `deps_type`.

    Attributes:
        name: shown in traces; a unique one by default.
        instructions: the system prompt, an empty one for none; role: what the agent is, put before the instructions.
        model: a model's name, or an object that satisfies the model port; by default OPENAI_MODEL, else ``gpt-4.1``.
        api_key, base_url: for a model given by name; by default OPENAI_API_KEY and OPENAI_BASE_URL.
        provider: which adapter serves a model given by name: ``openai`` (default), ``litellm``, ``offline``.
        tools: what the model may call: functions, tools, sources of tools, and names of tools in `tools_directory`.
        embedder: makes vectors of texts, by which tools are found that mean what is asked for, also in other words.
        tool_selection: how many tools are narrowed down to those that fit what is asked; True: however few there are,
            False: all are always offered. By default with more than 64.
        tools_directory: where tools that are given by name are loaded from; by default ``tools``.
        skills_directories: where skills are found: paths, or a `SkillManager`. A later directory's skill takes the
            place of one of the same name in an earlier one.
        auto_discover_skills: False: no skills, whatever directories are named. True: those of the directory ``skills``,
            where none is named.
        code_runner: runs the scripts of skills; without one they are not run.
        metadata: request parameters (temperature, max_tokens …) of every run; a run's own come on top.
        limits: how far a run may go, unless the run says otherwise.
        prompts: the sentences spoken to the model.
        hooks: called at the phases of a run: functions of a `HookContext`, objects with methods named after phases,
            `PolicyHook`, `ObservingHook`, `HumanApprovalHook`, and functions with a phase's decorator.
        input_guardrails, tool_guardrails, output_guardrails: look at the query, at each tool call and at the final
            answer; functions of that and a context, after the hooks.
        capabilities: who may call which tools; asked before the hooks.
        information_flow: what holds for calls of tools with outside effects that untrusted text may have caused; by
            default a human decides.
        gate: policies of one's own; every move of a run passes it, before the hooks.
        memory: a store of memories, or any object with `store(data, user_id)` and `retrieve(query, user_id)`: what fits
            a query is added to the conversation, and what the user says is remembered once the run has succeeded.
        memory_policy: what may be remembered and recalled; memory_namespace: short for
            `MemoryPolicy(namespace=memory_namespace)`.
        self_learning: True, or `SelfLearning`: after each run a model is asked what would help in later ones. What it
            says is a candidate, and later runs are told of it only after a policy or a person has promoted it; see
            `list_memory_candidates`.
        tree_of_thought: True, or `TreeOfThought`: a model makes a plan before the agent acts, and a new one where a
            step of it fails.
        tot_model: the model that plans, by name or as an object; by default the agent's. tot_api_key, tot_base_url:
            for one given by name; by default those of the agent.
        filter_tools: True, the default: offer only the tools that the plan names. Of no meaning without plans.
        context_sources: add to the conversation before the first request.
        conclusions: are drawn from a run that succeeded, such as memories.
        context_budget: the tokens that a request may take, and what happens to the rest of the conversation.
        budgets: what runs may spend: `Budgets`, or the `BudgetLimits` of each run with all agents that it calls.
        compactor: keeps the conversation within bounds of your own; not beside `context_budget`.
        history_source: reads the stored conversations that runs begin from.
        session_store: keeps the sessions of runs with a `session_id`.
        telemetry: sinks that see every event. Without one that makes spans an agent is traced by the OpenTelemetry
            providers that the application has set, if it has set any; False: by nobody.
        tracetools: ``{"TraceToolConfig": {"langfuse_public_key": …, "langfuse_secret_key": …, "langfuse_host": …,
            "langfuse_enabled": True}}``: traces go to that Langfuse.
        handoffs: agents that tools may hand a run over to.
        capture_content: keep messages, arguments and outputs in traces; they may be private.
        debug, log_level, log_file: readable logs of the logger ``lightagent``, which a process's agents share;
            silent by default.
        clock, ids: time and identity, for tests.
    """

    name: str | None
    instructions: str | None
    role: str | None
    model: str | ChatModel | None
    api_key: str | None
    base_url: str | None
    provider: str | None
    tools: Sequence[ToolLike | str] | None
    embedder: Embedder | None
    tool_selection: ToolSelection | bool | None
    tools_directory: str | Path | None
    skills_directories: str | Path | Sequence[str | Path] | SkillManager | None
    auto_discover_skills: bool | None
    code_runner: CodeRunner | None
    metadata: Mapping[str, JsonInput] | None
    limits: Limits | None
    prompts: Prompts | None
    hooks: Sequence[object] | None
    input_guardrails: Sequence[TextGuardrail] | None
    tool_guardrails: Sequence[ToolGuardrail] | None
    output_guardrails: Sequence[TextGuardrail] | None
    capabilities: CapabilityPolicy | None
    information_flow: InformationFlow | None
    gate: Gate | None
    memory: MemoryStore | MemoryProtocol | None
    memory_policy: MemoryPolicy | None
    memory_namespace: str | None
    self_learning: bool | SelfLearning | None
    tree_of_thought: bool | TreeOfThought | None
    tot_model: str | ChatModel | None
    tot_api_key: str | None
    tot_base_url: str | None
    filter_tools: bool | None
    context_sources: Sequence[ContextSource] | None
    conclusions: Sequence[Conclusion] | None
    context_budget: ContextBudget | None
    budgets: Budgets | BudgetLimits | None
    compactor: Compactor | None
    history_source: HistorySource | None
    session_store: JournalStore | None
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    tracetools: Mapping[str, object] | None
    handoffs: Sequence[HandoffTarget] | None
    capture_content: bool | None
    debug: bool | None
    log_level: str | None
    log_file: str | None
    clock: Clock | None
    ids: IdSource | None


class RunOptions(TypedDict, total=False):
    """The options of one run.

    Attributes:
        tools: tools of this run only, besides the agent's.
        instructions: more that the model is told in this run, after the agent's own instructions.
        use_skills: False: the run is told of no skills, and has no tools for them.
        history: OpenAI-form messages before the query, or a reference to stored ones.
        metadata: request parameters (temperature, max_tokens …); may not set messages, model, tools or stream.
        tenant: which customer of the application the run is for: everything that it stores is found under this tenant
            alone, and rules, budgets and tools are told it.
        user_id: whose run it is; the same id of another tenant is another user.
        session_id: the stored conversation that the run goes on with, one of this user's; needs a `session_store`.
        replace_turn: the run id of the session's last turn, which is taken back as this one begins: to ask again, or
            something else. `Sessions.last_turn` gives it.
        include_incomplete_turns: begin from the session's conversation with the turns that failed, were blocked or
            cancelled, or ran out of a budget; they are left out otherwise.
        max_tool_iterations: rounds of tool calls; by default `max_retry`, 10.
        max_retry: attempts at one model request.
        timeout: seconds for the whole run; None: no limit.
        budgets: what this run may spend, in the place of the agent's budgets. Whoever resumes it passes them again.
        journal: keeps the run as it goes on, so that it survives its process; `Runs` finds it there.
        cancel: ends the run from any thread, with a reason that is on record.
        trace: keep the trace: in the result, and for `export_trace()`.
        trace_id, parent_trace_id, run_group_id: where the run belongs in a larger trace.
        tags: at most 32 words by which the run is found again, besides those of the sinks: on its trace, and on every
            span.
    """

    tools: Sequence[ToolLike] | None
    instructions: str | None
    use_skills: bool | None
    history: Sequence[HistoryMessage] | HistoryReference | None
    metadata: Mapping[str, JsonInput] | None
    tenant: str | None
    user_id: str | None
    session_id: str | None
    replace_turn: str | None
    include_incomplete_turns: bool | None
    journal: JournalStore | None
    max_tool_iterations: int | None
    max_retry: int | None
    timeout: float | None
    budgets: Budgets | BudgetLimits | None
    cancel: CancellationToken | None
    trace: bool | None
    trace_id: str | None
    parent_trace_id: str | None
    run_group_id: str | None
    tags: Sequence[str] | None


class SwarmOptions(TypedDict, total=False):
    """The options of a swarm.

    Attributes:
        limits: how often agents may hand over in one run.
        history: what of the conversation goes along with a handoff; by default all of it, as it is.
        handoff_text: what becomes of text that a model writes beside the call that hands over: ``show``, ``keep`` or
            ``drop``; see `HandoffText`. Unless it is shown, a stream shows what members say once a reply is complete.
        next_turn: who takes the next turn of a session: the agent that answered ``last``, or the ``front`` one with
            which each run is begun.
        consult: True, or limits: each agent has a tool for each of the others that asks it, without handing over.
        mail: True, or `AgentMail`: each agent has tools that send messages to the others, and read them.
    """

    limits: HandoffLimits | None
    history: HistoryTransfer | None
    handoff_text: HandoffText | None
    next_turn: NextTurn | None
    consult: ConsultLimits | bool | None
    mail: MailSettings | bool | None


class ResumeOptions(TypedDict, total=False):
    """The options of going on with a run; whose run it is and how far it may go is in its journal.

    Attributes:
        tools: those that were given to the run besides the agent's; a journal holds only their names.
        store: where the run is kept, for a journal as JSON. A `Journal` that came from a store knows it, and so does
            one of a session.
        budgets: what the run may spend, from its beginning on, in the place of the agent's budgets.
        cancel: ends the run from any thread, with a reason that is on record.
        trace: keep the trace.
        result_format: ``object``, which is what it gives anyhow.
    """

    tools: Sequence[ToolLike] | None
    store: JournalStore | None
    budgets: Budgets | BudgetLimits | None
    cancel: CancellationToken | None
    trace: bool | None
    result_format: Literal["object"] | None
