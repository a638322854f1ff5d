"""From the options a user typed to an agent's means and a run request, with everything checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Final

from typing_extensions import TypeIs, TypeVar

from lightagent.adapters.logs import configure_logs
from lightagent.adapters.registry import open_adapter
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.check_options import check_options
from lightagent.application.check_payload import is_trust
from lightagent.application.keep_session import NEXT, TurnPlace
from lightagent.application.means import Means
from lightagent.application.policies.guardrails import guardrail_policies
from lightagent.application.policies.hooks import hook_policies
from lightagent.application.policies.pipeline import Pipeline
from lightagent.application.prepare_context import VALID_SOURCE
from lightagent.application.prompts import DEFAULT_PROMPTS, Prompts
from lightagent.application.read_spilled import ReadToolResult
from lightagent.application.start_run import RunRequest, checked_params
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.function_tool import FunctionTool, as_tool, is_tool
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import DEFAULT_LIMITS, Limits
from lightagent.domain.policy import PHASES
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.options import AgentOptions, HandoffTarget, ResumeOptions, RunOptions, ToolLike
from lightagent.ports.context import Compactor, Conclusion, ContextSource
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel
from lightagent.ports.policy import Gate
from lightagent.ports.tools import Tool, ToolSource

PortT = TypeVar("PortT")

DEFAULT_MODEL: Final = "gpt-4.1"

MOST_DESCRIBED: Final = 64
"""Function tools whose declarations are worked out when their agent is made; of more, only the names are read."""


def compose_means(options: AgentOptions, output: OutputType[object], deps_type: object = None) -> Means[DepsT]:
    """An agent's means; `deps_type` is what its runs are given.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool or parameter, an unknown provider.
    """
    check_options(options, AgentOptions, "LightAgent")
    if options.get("debug") or options.get("log_level") is not None or options.get("log_file"):
        configure_logs(options.get("log_level") or "DEBUG", options.get("log_file"))
    given = _loaded(options.get("tools") or (), options.get("tools_directory"))
    deferred = len(given) > MOST_DESCRIBED
    prompts = options.get("prompts") or DEFAULT_PROMPTS
    budget = _budget(options)
    means: Means[DepsT] = Means(
        name=options.get("name") or f"agent-{os.urandom(6).hex()}",
        model=_model(options),
        catalogue=Catalogue(
            (*_tools(given, deps_type, deferred=deferred), *_budget_tools(budget, prompts)),
            tuple(one for one in given if _is_source(one)),
        ),
        clock=_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock(),
        ids=_port(options.get("ids"), "ids", "new") or RandomIds(),
        instructions=options.get("instructions"),
        role=options.get("role") or "",
        params=checked_params(options.get("metadata") or {}),
        limits=options.get("limits") or DEFAULT_LIMITS,
        prompts=prompts,
        output=None if output.is_text else output,
        gates=_gates(options),
        sources=_sources(options.get("context_sources") or ()),
        conclusions=_conclusions(options.get("conclusions") or ()),
        budget=budget,
        compactor=_compactor(options.get("compactor")),
        history=_port(options.get("history_source"), "history_source", "read"),
        sessions=journal_port(options.get("session_store"), "session_store"),
        sinks=tuple(_each(options.get("telemetry") or (), "telemetry", "watch")),
        capture_content=options.get("capture_content") or False,
        handoffs=_handoffs(options.get("handoffs") or ()),
    )
    if means.handoffs:
        _ = means.crew  # It refuses names that are not distinct.
    return means


def compose_request(options: RunOptions, deps: DepsT, limits: Limits, *, stream: bool, form: str) -> RunRequest[DepsT]:
    """One run's request.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool, or dependencies of another type.
    """
    if not options:
        return RunRequest(deps, limits=limits, stream=stream, result_format=form)
    check_options(options, RunOptions, "run")
    user, session = options.get("user_id"), options.get("session_id")
    _check_session(session, options)
    return RunRequest(
        deps=deps,
        tools=compose_tools(options.get("tools"), deps),
        history=options.get("history") or (),
        params=checked_params(options.get("metadata") or {}),
        limits=_limits(options, limits),
        scope=Scope(user=user or "", session=session or "") if user or session else NO_SCOPE,
        traced=options.get("trace") or False,
        trace_id=options.get("trace_id") or "",
        parent_trace_id=options.get("parent_trace_id") or "",
        run_group_id=options.get("run_group_id") or "",
        stream=stream,
        result_format=form,
    )


def turn_place(options: RunOptions) -> TurnPlace:
    """Where in its session the run belongs."""
    return TurnPlace(options.get("replace_turn") or "", options.get("include_incomplete_turns") or False)


def _check_session(session: str | None, options: RunOptions) -> None:
    if session is None:
        if turn_place(options) != NEXT:
            raise ConfigurationError(
                "run: replace_turn= and include_incomplete_turns= are about a session, and there is no session_id=.",
                guidance="Pass session_id= too, or leave them out.",
            )
        return
    if options.get("journal") is not None:
        raise ConfigurationError(
            "run: a session keeps its runs itself, so journal= does not go with session_id=.",
            guidance="Leave one of them out.",
        )
    if not session:
        raise ConfigurationError("run: session_id is empty.", guidance="Name the session, or leave the option out.")
    if options.get("history"):
        raise ConfigurationError(
            "run: a session has its own history, so history= does not go with session_id=.",
            guidance="Leave one of them out.",
        )


def journal_port(value: JournalStore | None, name: str) -> JournalStore | None:
    """The store, if it is one.

    Raises:
        ConfigurationError: it lacks a method.
    """
    return _port(value, name, "append", "read", "list", "lease", "forget")


def check_resumption(options: ResumeOptions) -> None:
    """Raise unless a run can be resumed with these options.

    Raises:
        ConfigurationError: an option that a journal decides, an unknown one, or a wrong type.
    """
    check_options(options, ResumeOptions, "resume")


def compose_tools(tools: Sequence[ToolLike] | None, deps: object) -> tuple[Tool[object], ...]:
    """The tools of one run, which is given `deps`.

    Raises:
        ConfigurationError: one is refused; a source of tools belongs to an agent, which closes it.
    """
    given = tools or ()
    if any(map(_is_source, given)):
        raise ConfigurationError(
            "run: a source of tools belongs to an agent.", guidance="Pass it to LightAgent(tools=)."
        )
    return tuple(_tools(given, None if deps is None else deps.__class__, deferred=len(given) > MOST_DESCRIBED))


def _limits(options: RunOptions, limits: Limits) -> Limits:
    """The agent's limits with the run's own on top; as in the 0.9 line, max_retry bounds the tool loop as well."""
    retry, rounds = options.get("max_retry"), options.get("max_tool_iterations")
    if retry is None and rounds is None and "timeout" not in options:
        return limits
    return _own_limits(limits, retry, retry if rounds is None else rounds, options.get("timeout", limits.timeout))


@lru_cache(maxsize=256, typed=True)
def _own_limits(limits: Limits, retry: int | None, rounds: int | None, timeout: float | None) -> Limits:
    return replace(
        limits,
        max_tool_iterations=limits.max_tool_iterations if rounds is None else rounds,
        max_retry=limits.max_retry if retry is None else retry,
        timeout=timeout,
    )


def _loaded(tools: Sequence[ToolLike | str], directory: str | Path | None) -> Sequence[ToolLike]:
    """The tools, with those that are given by name loaded from the directory."""
    if _are_tools(tools):
        return tools
    from lightagent.application.tools.loader import ToolLoader

    loaded = ToolLoader("tools" if directory is None else directory).load_tools(
        tool for tool in tools if isinstance(tool, str)
    )
    return [loaded[tool] if isinstance(tool, str) else tool for tool in tools]


def _are_tools(tools: Sequence[ToolLike | str]) -> TypeIs[Sequence[ToolLike]]:
    return not any(isinstance(tool, str) for tool in tools)


def _tools(tools: Iterable[ToolLike], deps_type: object, *, deferred: bool = False) -> Iterable[Tool[object]]:
    """The tools; unless they are too many, what is wrong with one shows now and not at the first run."""
    for tool in tools:
        if _is_source(tool):
            continue
        made = _tool(tool, deferred=deferred)
        if isinstance(made, FunctionTool) and not deferred:
            made.refuse_deps(deps_type)
            made.describe()
        yield made


def _tool(tool: ToolLike, *, deferred: bool) -> Tool[object]:
    if deferred and isinstance(tool, FunctionType):
        return FunctionTool(tool, deferred=True)
    if is_tool(tool):
        return tool
    if callable(tool):
        return as_tool(tool)
    raise ConfigurationError(
        f"tools: expected a function, a tool or a source of tools, got {type(tool).__name__}.",
        guidance="Names of tools are taken by LightAgent(tools=), and loaded by ToolLoader(directory).load_tool(name).",
    )


def _is_source(value: object) -> TypeIs[ToolSource[object]]:
    """Whether it has what the port asks for; a function never has, and is by far the most common."""
    if isinstance(value, FunctionType):
        return False
    return hasattr(value, "version") and callable(getattr(value, "tools", None)) and hasattr(value, "aclose")


def _sources(sources: Sequence[ContextSource]) -> dict[str, ContextSource]:
    named: dict[str, ContextSource] = {}
    for source in _each(sources, "context_sources", "gather"):
        name: object = getattr(source, "name", None)
        if not isinstance(name, str) or not VALID_SOURCE.fullmatch(name) or name in named:
            raise ConfigurationError(
                f"context_sources: {name!r:.80} is not a name of its own, of 1 to 64 of A-Z, a-z, 0-9, _, . and -."
            )
        trust: object = getattr(source, "trust", None)
        if not is_trust(trust):
            raise ConfigurationError(f"context_sources: the trust of {name!r} must be a label, got {trust!r:.80}.")
        named[name] = source
    return named


def _conclusions(conclusions: Sequence[Conclusion]) -> dict[str, Conclusion]:
    named: dict[str, Conclusion] = {}
    for one in _each(conclusions, "conclusions", "propose", "carry_out"):
        name: object = getattr(one, "name", None)
        if not isinstance(name, str) or not name or name in named:
            raise ConfigurationError(f"conclusions: {name!r:.80} is not a name of its own.")
        named[name] = one
    return named


def _gates(options: AgentOptions) -> tuple[Gate, ...]:
    """The gate of the caller's own, and the one that hooks and guardrails stand behind, as far as there are any."""
    own = _gate(options.get("gate"))
    policies = [
        *hook_policies(options.get("hooks") or ()),
        *guardrail_policies("input", options.get("input_guardrails") or ()),
        *guardrail_policies("tool", options.get("tool_guardrails") or ()),
        *guardrail_policies("output", options.get("output_guardrails") or ()),
    ]
    return (*(() if own is None else (own,)), *((Pipeline(policies),) if policies else ()))


def _gate(gate: Gate | None) -> Gate | None:
    """The gate, with what the loop reads of it at every step."""
    if _port(gate, "gate", "review", "hold") is None or gate is None:
        return None
    phases: object = getattr(gate, "phases", None)
    if not isinstance(phases, (frozenset, set)) or not phases <= set(PHASES):
        raise ConfigurationError("gate: its phases must be a frozenset of phases.", guidance="See PHASES.")
    policies: object = getattr(gate, "policies", None)
    if not isinstance(policies, tuple) or not all(isinstance(name, str) for name in policies):
        raise ConfigurationError("gate: its policies must be a tuple of names.", guidance="An empty one will do.")
    return gate


def _budget(options: AgentOptions) -> ContextBudget | None:
    """The budget, with the counter and the store that it leaves open."""
    budget = options.get("context_budget")
    if budget is None:
        return None
    if options.get("compactor") is not None:
        raise ConfigurationError(
            "LightAgent: context_budget and compactor both shorten the conversation.", guidance="Leave one of them out."
        )
    if budget.model is not None and not _is_model(budget.model):
        raise ConfigurationError("context_budget: its model must have name, stream and aclose.", guidance="")
    from lightagent.adapters.tokens.estimate import EstimatedTokens  # It loads pydantic, which most agents do not need.

    counter = _port(budget.counter, "context_budget: counter", "count") or EstimatedTokens()
    store = journal_port(budget.store or options.get("session_store"), "context_budget: store")
    if budget.spills and store is None:
        raise ConfigurationError(
            f"context_budget: the strategy {budget.strategy!r} puts results of tools aside, and there is no store.",
            guidance="Pass store= to the ContextBudget, or session_store= to the agent.",
        )
    return replace(budget, counter=counter, store=store)


def _budget_tools(budget: ContextBudget | None, prompts: Prompts) -> tuple[Tool[object], ...]:
    """The tool with which the model reads back what was put aside."""
    if budget is None or not budget.spills or budget.store is None:
        return ()
    return (ReadToolResult(budget.store, prompts.read_result, budget.page_chars),)


def _compactor(compactor: Compactor | None) -> Compactor | None:
    name: object = getattr(compactor, "name", None)
    if _port(compactor, "compactor", "is_due", "compact") is not None and not isinstance(name, str):
        raise ConfigurationError(f"compactor: its name must be text, got {name!r:.80}.", guidance="")
    return compactor


def _each(given: Sequence[PortT], option: str, *methods: str) -> Sequence[PortT]:
    for one in given:
        if one is None or _port(one, option, *methods) is None:
            raise ConfigurationError(f"{option}: expected objects with {' and '.join(methods)}, got None.")
    return given


def _handoffs(agents: Sequence[HandoffTarget]) -> tuple[Means[DepsT], ...]:
    found: list[object] = [getattr(agent, "means", None) for agent in agents]
    if not all(isinstance(means, Means) for means in found):
        raise ConfigurationError("handoffs: expected agents.", guidance="Pass a list of LightAgent objects.")
    return tuple(means for means in found if isinstance(means, Means))


def _model(options: AgentOptions) -> ChatModel:
    model = options.get("model")
    if model is not None and not isinstance(model, str):
        if not _is_model(model):
            raise ConfigurationError(
                f"model: expected a name or an object with name, stream and aclose, got {type(model).__name__}."
            )
        name: object = model.name
        if not isinstance(name, str):
            raise ConfigurationError(f"model: its name must be text, got {name!r:.80}.", guidance="")
        return model
    return open_model(
        model or os.environ.get("OPENAI_MODEL") or DEFAULT_MODEL,
        options.get("provider") or "openai",
        options.get("api_key"),
        options.get("base_url"),
    )


def open_model(name: str, provider: str, api_key: str | None, base_url: str | None) -> ChatModel:
    """The model of that name at a provider; nothing is connected before the first request.

    Raises:
        ConfigurationError: no such provider, or it refuses an option.
        MissingExtraError: its package is not installed.
    """
    if provider == "scripted":  # In a settings file its replies stand beside its kind.
        raise ConfigurationError(
            "provider: a scripted model cannot be opened by name, since it needs its replies.",
            guidance="Pass the model itself, model=ScriptedModel([...]) from lightagent.testing; "
            'or use provider="offline", a stand-in that follows rules.',
        )
    given: dict[str, object] = {"api_key": api_key, "base_url": base_url}
    chosen = {key: value for key, value in given.items() if value is not None and provider != "offline"}
    model = open_adapter("chat", provider, chosen if provider == "offline" else {"model": name, **chosen}, at="model")
    if not _is_model(model):
        raise ConfigurationError(f"provider: {provider!r} is no chat model.")
    return model


def _port(value: PortT | None, option: str, *methods: str) -> PortT | None:
    if value is not None and not all(callable(getattr(value, method, None)) for method in methods):
        wanted = " and ".join(methods)
        raise ConfigurationError(f"{option}: expected an object with {wanted}, got {type(value).__name__}.")
    return value


def _is_model(value: object) -> TypeIs[ChatModel]:
    """Whether it has what the port asks for; `isinstance` with a protocol would cost as much as the whole agent."""
    return hasattr(value, "name") and callable(getattr(value, "stream", None)) and hasattr(value, "aclose")
