"""The options of an agent, as types for a caller's type checker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, Literal, Protocol, final

from typing_extensions import TypedDict

from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.agent_options.self_learning import SelfLearning
from lightagent.application.agent_options.tool_selection import ToolSelection
from lightagent.application.agent_options.tree_of_thought import TreeOfThought
from lightagent.application.memory.foreign_memory import MemoryProtocol
from lightagent.application.prompts import Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.budget import BudgetLimits
from lightagent.domain.json_types import JsonInput
from lightagent.domain.limits import Limits
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.policy.capabilities import CapabilityPolicy
from lightagent.domain.policy.guardrails import TextGuardrail, ToolGuardrail
from lightagent.domain.policy.information_flow import InformationFlow
from lightagent.options.tools import ToolLike
from lightagent.ports.budgets import Budgets
from lightagent.ports.code import CodeRunner
from lightagent.ports.context import Compactor, Conclusion, ContextSource, HistorySource
from lightagent.ports.embedding import Embedder
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import MemoryStore
from lightagent.ports.models import ChatModel
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.telemetry import TelemetrySink


@final
class NoOutputType:
    """The dependencies of an agent with ``output_type=None`` or a string as output type: no value has this type.

    Type checkers therefore refuse its runs, even if they do not report deprecations.
    """


class HandoffTarget(Protocol):
    """An agent that may take over a run; every `LightAgent` is one."""

    @property
    def means(self) -> object:
        """The agent's means. Its tools get the dependencies of the run that it takes over."""
        ...


class AgentOptions(TypedDict, Generic[DepsT], total=False):
    """The options of `LightAgent` besides `output_type` and `deps_type`."""

    name: str | None
    """The name in traces; unique by default."""
    instructions: str | None
    """The system prompt; empty for none."""
    role: str | None
    """The agent's role, put before the instructions."""
    model: str | ChatModel | None
    """A model's name, or an object that implements the model port; by default OPENAI_MODEL, else ``gpt-4.1``."""
    api_key: str | None
    """The API key for a model given by name; by default OPENAI_API_KEY."""
    base_url: str | None
    """The server of a model given by name; by default OPENAI_BASE_URL."""
    provider: str | None
    """The adapter for a model given by name: ``openai`` (default), ``litellm``, ``offline``."""
    tools: Sequence[ToolLike[DepsT] | str] | None
    """What the model may call: functions, tools, sources of tools, and names of tools in `tools_directory`."""
    embedder: Embedder | None
    """Creates vectors of texts, so that tools are found by meaning even if the query uses other words."""
    tool_selection: ToolSelection | bool | None
    """How tools are narrowed down to those that fit the query. True: always narrow down; False: always offer all. By
    default agents with more than 64 tools narrow down.
    """
    tools_directory: str | Path | None
    """The directory from which tools given by name are loaded; by default ``tools``."""
    skills_directories: str | Path | Sequence[str | Path] | SkillManager | None
    """The directories of skills: paths, or a `SkillManager`. A skill in a later directory replaces one with the same
    name in an earlier one.
    """
    auto_discover_skills: bool | None
    """False: no skills, even if directories are given. True: skills from the directory ``skills`` if none is given."""
    code_runner: CodeRunner | None
    """Runs the scripts of skills; without one, scripts are not run."""
    metadata: Mapping[str, JsonInput] | None
    """Request parameters (temperature, max_tokens …) for every run; those of a run override them."""
    limits: Limits | None
    """The limits of runs, unless a run sets its own."""
    prompts: Prompts | None
    """The texts that the framework adds to requests."""
    hooks: Sequence[object] | None
    """Called at the phases of a run: functions of a `HookContext`, objects with methods named after phases,
    `PolicyHook`, `ObservingHook`, `HumanApprovalHook`, and functions with a phase's decorator.
    """
    input_guardrails: Sequence[TextGuardrail] | None
    """Check the query: functions of the query and a context, called after the hooks."""
    tool_guardrails: Sequence[ToolGuardrail] | None
    """Check each tool call: functions of the call and a context, called after the hooks."""
    output_guardrails: Sequence[TextGuardrail] | None
    """Check the final answer: functions of the answer and a context, called after the hooks."""
    capabilities: CapabilityPolicy | None
    """Who may call which tools; checked before the hooks."""
    information_flow: InformationFlow | None
    """The policy for calls of tools with outside effects that untrusted text may have caused; by default a human
    decides.
    """
    gate: Gate | None
    """Custom policies; every step of a run passes the gate before the hooks."""
    memory: MemoryStore | MemoryProtocol | None
    """A memory store, or any object with `store(data, user_id)` and `retrieve(query, user_id)`: memories that fit a
    query are added to the conversation, and the user's messages are stored once the run has succeeded.
    """
    memory_policy: MemoryPolicy | None
    """Which memories may be stored and recalled."""
    memory_namespace: str | None
    """Short for `MemoryPolicy(namespace=memory_namespace)`."""
    self_learning: bool | SelfLearning | None
    """True, or `SelfLearning`: after each run a model is asked what would help in later runs. Its answer is a
    candidate; later runs see it only after a policy or a person has promoted it; see `list_memory_candidates`.
    """
    tree_of_thought: bool | TreeOfThought | None
    """True, or `TreeOfThought`: a model makes a plan before the agent acts, and a new one if a step of it fails."""
    tot_model: str | ChatModel | None
    """The model that plans, by name or as an object; by default the agent's model."""
    tot_api_key: str | None
    """The API key for a `tot_model` given by name; by default the agent's."""
    tot_base_url: str | None
    """The server of a `tot_model` given by name; by default the agent's."""
    filter_tools: bool | None
    """True (default): offer only the tools that the plan names. Has no effect without plans."""
    context_sources: Sequence[ContextSource] | None
    """Sources that add to the conversation before the first request."""
    conclusions: Sequence[Conclusion] | None
    """Steps after a successful run that draw on it, such as storing memories."""
    context_budget: ContextBudget | None
    """The maximum tokens of a request, and what happens to the rest of the conversation."""
    budgets: Budgets | BudgetLimits | None
    """What runs may spend: `Budgets`, or the `BudgetLimits` of each run including all agents that it calls."""
    compactor: Compactor | None
    """Custom code that keeps the conversation within bounds; cannot be combined with `context_budget`."""
    history_source: HistorySource | None
    """Reads the stored conversations that runs start from."""
    session_store: JournalStore | None
    """Stores the sessions of runs with a `session_id`."""
    engine: FlowEngine | JournalStore | None
    """Carries out the runs that are given to `submit`: an engine with workers, such as a `TemporalEngine`; or a journal
    store, where this process keeps the runs that it carries out.
    """
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    """Sinks that receive every event. If none of them creates spans, the agent is traced by the OpenTelemetry providers
    that the application has set, if any; False: no tracing at all.
    """
    tracetools: Mapping[str, object] | None
    """Send traces to Langfuse: ``{"TraceToolConfig": {"langfuse_public_key": …, "langfuse_secret_key": …,
    "langfuse_host": …, "langfuse_enabled": True}}``.
    """
    handoffs: Sequence[HandoffTarget] | None
    """Agents that tools may hand a run over to."""
    capture_content: bool | None
    """Include messages, arguments and outputs in traces; they may be private."""
    debug: bool | None
    """True: readable logs of the logger ``lightagent``, which all agents of a process share; silent by default."""
    log_level: str | None
    """The minimum level of that logger; ``DEBUG`` if only another of these options is given."""
    log_file: str | None
    """The file that it writes to; standard error by default."""
    clock: Clock | None
    """The source of the time, for tests."""
    ids: IdSource | None
    """The source of run and call ids, for tests."""
