"""The options of an agent, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, Literal, Protocol, final

from typing_extensions import TypedDict

from lightagent.application.foreign_memory import MemoryProtocol
from lightagent.application.prompts import Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.domain.budgets import BudgetLimits
from lightagent.domain.capabilities import CapabilityPolicy
from lightagent.domain.guardrails import TextGuardrail, ToolGuardrail
from lightagent.domain.information_flow import InformationFlow
from lightagent.domain.json_types import JsonInput
from lightagent.domain.limits import Limits
from lightagent.domain.memory_policy import MemoryPolicy
from lightagent.options.tools import DepsT, ToolLike
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
from lightagent.ports.tree_of_thought import TreeOfThought


@final
class NoOutputType:
    """What an agent with ``output_type=None`` or a text as output type would depend on: nothing has this type.

    A checker refuses its runs, also one that is not told to report what is deprecated.
    """


class HandoffTarget(Protocol):
    """An agent that may take over; every `LightAgent` is one."""

    @property
    def means(self) -> object:
        """What the agent is made of; the dependencies of its tools are those of the run that it takes over."""
        ...


class AgentOptions(TypedDict, Generic[DepsT], total=False):
    """The options of `LightAgent` besides `output_type` and `deps_type`."""

    name: str | None
    """Shown in traces; a unique one by default."""
    instructions: str | None
    """The system prompt; an empty one for none."""
    role: str | None
    """What the agent is, put before the instructions."""
    model: str | ChatModel | None
    """A model's name, or an object that satisfies the model port; by default OPENAI_MODEL, else ``gpt-4.1``."""
    api_key: str | None
    """For a model given by name; by default OPENAI_API_KEY."""
    base_url: str | None
    """The server of a model given by name; by default OPENAI_BASE_URL."""
    provider: str | None
    """Which adapter serves a model given by name: ``openai`` (default), ``litellm``, ``offline``."""
    tools: Sequence[ToolLike[DepsT] | str] | None
    """What the model may call: functions, tools, sources of tools, and names of tools in `tools_directory`."""
    embedder: Embedder | None
    """Makes vectors of texts, by which tools are found that mean what is asked for, also in other words."""
    tool_selection: ToolSelection | bool | None
    """How many tools are narrowed down to those that fit what is asked; True: however few there are, False: all are
    always offered. By default with more than 64.
    """
    tools_directory: str | Path | None
    """Where tools that are given by name are loaded from; by default ``tools``."""
    skills_directories: str | Path | Sequence[str | Path] | SkillManager | None
    """Where skills are found: paths, or a `SkillManager`. A later directory's skill takes the place of one of the same
    name in an earlier one.
    """
    auto_discover_skills: bool | None
    """False: no skills, whatever directories are named. True: those of the directory ``skills``, where none is named.
    """
    code_runner: CodeRunner | None
    """Runs the scripts of skills; without one they are not run."""
    metadata: Mapping[str, JsonInput] | None
    """Request parameters (temperature, max_tokens …) of every run; a run's own come on top."""
    limits: Limits | None
    """How far a run may go, unless the run says otherwise."""
    prompts: Prompts | None
    """The sentences spoken to the model."""
    hooks: Sequence[object] | None
    """Called at the phases of a run: functions of a `HookContext`, objects with methods named after phases,
    `PolicyHook`, `ObservingHook`, `HumanApprovalHook`, and functions with a phase's decorator.
    """
    input_guardrails: Sequence[TextGuardrail] | None
    """Look at the query: functions of it and a context, after the hooks."""
    tool_guardrails: Sequence[ToolGuardrail] | None
    """Look at each tool call: functions of it and a context, after the hooks."""
    output_guardrails: Sequence[TextGuardrail] | None
    """Look at the final answer: functions of it and a context, after the hooks."""
    capabilities: CapabilityPolicy | None
    """Who may call which tools; asked before the hooks."""
    information_flow: InformationFlow | None
    """What holds for calls of tools with outside effects that untrusted text may have caused; by default a human
    decides.
    """
    gate: Gate | None
    """Policies of one's own; every move of a run passes it, before the hooks."""
    memory: MemoryStore | MemoryProtocol | None
    """A store of memories, or any object with `store(data, user_id)` and `retrieve(query, user_id)`: what fits a query
    is added to the conversation, and what the user says is remembered once the run has succeeded.
    """
    memory_policy: MemoryPolicy | None
    """What may be remembered and recalled."""
    memory_namespace: str | None
    """Short for `MemoryPolicy(namespace=memory_namespace)`."""
    self_learning: bool | SelfLearning | None
    """True, or `SelfLearning`: after each run a model is asked what would help in later ones. What it says is a
    candidate, and later runs are told of it only after a policy or a person has promoted it; see
    `list_memory_candidates`.
    """
    tree_of_thought: bool | TreeOfThought | None
    """True, or `TreeOfThought`: a model makes a plan before the agent acts, and a new one where a step of it fails."""
    tot_model: str | ChatModel | None
    """The model that plans, by name or as an object; by default the agent's."""
    tot_api_key: str | None
    """For a `tot_model` given by name; by default that of the agent."""
    tot_base_url: str | None
    """The server of a `tot_model` given by name; by default that of the agent."""
    filter_tools: bool | None
    """True, the default: offer only the tools that the plan names. Of no meaning without plans."""
    context_sources: Sequence[ContextSource] | None
    """Add to the conversation before the first request."""
    conclusions: Sequence[Conclusion] | None
    """Are drawn from a run that succeeded, such as memories."""
    context_budget: ContextBudget | None
    """The tokens that a request may take, and what happens to the rest of the conversation."""
    budgets: Budgets | BudgetLimits | None
    """What runs may spend: `Budgets`, or the `BudgetLimits` of each run with all agents that it calls."""
    compactor: Compactor | None
    """Keeps the conversation within bounds of your own; not beside `context_budget`."""
    history_source: HistorySource | None
    """Reads the stored conversations that runs begin from."""
    session_store: JournalStore | None
    """Keeps the sessions of runs with a `session_id`."""
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    """Sinks that see every event. Without one that makes spans an agent is traced by the OpenTelemetry providers that
    the application has set, if it has set any; False: without any tracing.
    """
    tracetools: Mapping[str, object] | None
    """``{"TraceToolConfig": {"langfuse_public_key": …, "langfuse_secret_key": …, "langfuse_host": …,
    "langfuse_enabled": True}}``: traces go to that Langfuse.
    """
    handoffs: Sequence[HandoffTarget] | None
    """Agents that tools may hand a run over to."""
    capture_content: bool | None
    """Keep messages, arguments and outputs in traces; they may be private."""
    debug: bool | None
    """True: readable logs of the logger ``lightagent``, which a process's agents share; silent by default."""
    log_level: str | None
    """From which level on that logger writes; ``DEBUG`` where only another of these options is given."""
    log_file: str | None
    """The file that it writes to; by default standard error."""
    clock: Clock | None
    """Tells the time, for tests."""
    ids: IdSource | None
    """Names runs and calls, for tests."""
