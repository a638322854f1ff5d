"""From the options a user typed to an engine and a run request, with everything checked."""

from __future__ import annotations

import os
from collections.abc import Iterable

from typing_extensions import TypeIs, TypeVar

from lightagent.adapters.logs import configure_logs
from lightagent.adapters.registry import open_adapter
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.check_options import AGENT_OPTIONS, RESUME_OPTIONS, RUN_OPTIONS, check_options
from lightagent.application.engine import Engine, RunRequest
from lightagent.application.prompts import DEFAULT_PROMPTS
from lightagent.application.start_run import checked_params
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.function_tool import FunctionTool, as_tool, is_tool
from lightagent.application.tools.toolbox import DepsT, Toolbox
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Limits
from lightagent.domain.scopes import Scope
from lightagent.options import AgentOptions, ResumeOptions, RunOptions, ToolLike
from lightagent.ports.models import ChatModel
from lightagent.ports.tools import Tool

PortT = TypeVar("PortT")

DEFAULT_MODEL = "gpt-4.1"


def compose_engine(options: AgentOptions, output: OutputType[object], deps_type: object = None) -> Engine[DepsT]:
    """An agent's engine; `deps_type` is what its runs are given.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool or parameter, an unknown provider.
    """
    check_options(options, AGENT_OPTIONS, "LightAgent")
    if options.get("debug") or "log_level" in options or options.get("log_file"):
        configure_logs(options.get("log_level", "DEBUG"), options.get("log_file"))
    return Engine(
        name=options.get("name") or f"agent-{os.urandom(6).hex()}",
        model=_model(options),
        clock=_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock(),
        ids=_port(options.get("ids"), "ids", "new") or RandomIds(),
        tools=Toolbox(_tools(options.get("tools") or (), deps_type)),
        instructions=options.get("instructions", ""),
        role=options.get("role", ""),
        params=checked_params(dict(options.get("metadata") or {})),
        limits=options.get("limits", Limits()),
        prompts=options.get("prompts", DEFAULT_PROMPTS),
        output=None if output.is_text else output,
        capture_content=options.get("capture_content", False),
    )


def compose_request(options: RunOptions, deps: DepsT, limits: Limits, *, stream: bool) -> RunRequest[DepsT]:
    """One run's request.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool, or dependencies of another type.
    """
    check_options(options, RUN_OPTIONS, "run")
    return RunRequest(
        deps=deps,
        tools=_run_tools(options.get("tools"), deps),
        history=options.get("history") or (),
        params=dict(options.get("metadata") or {}),
        limits=_limits(options, limits),
        scope=Scope(user=options.get("user_id", "")),
        trace=options.get("trace", False),
        trace_id=options.get("trace_id", ""),
        parent_trace_id=options.get("parent_trace_id", ""),
        run_group_id=options.get("run_group_id", ""),
        stream=stream,
    )


def compose_resumption(options: ResumeOptions, deps: DepsT) -> RunRequest[DepsT]:
    """A request to go on.

    Raises:
        ConfigurationError: an option that a journal decides, an unknown one, a wrong type, or a refused tool.
    """
    check_options(options, RESUME_OPTIONS, "resume")
    return RunRequest(deps, _run_tools(options.get("tools"), deps), trace=options.get("trace", False))


def _limits(options: RunOptions, limits: Limits) -> Limits:
    """The agent's limits with the run's own on top; as in the 0.9 line, max_retry bounds the tool loop as well."""
    if not options.keys() & {"max_retry", "max_tool_iterations", "timeout"}:
        return limits
    retry = options.get("max_retry", limits.max_retry)
    rounds = options.get("max_tool_iterations", options.get("max_retry", limits.max_tool_iterations))
    timeout = options.get("timeout", limits.timeout)
    return Limits(rounds, retry, limits.max_output_retries, limits.model_timeout, timeout)


def _run_tools(tools: Iterable[ToolLike] | None, deps: object) -> tuple[Tool[object], ...]:
    return tuple(_tools(tools or (), None if deps is None else deps.__class__))


def _tools(tools: Iterable[ToolLike], deps_type: object) -> Iterable[Tool[object]]:
    for tool in tools:
        made = _tool(tool)
        if isinstance(made, FunctionTool):
            made.refuse_deps(deps_type)
        yield made


def _tool(tool: ToolLike) -> Tool[object]:
    if is_tool(tool):
        return tool
    if callable(tool):
        return as_tool(tool)
    raise ConfigurationError(f"tools: a function or a tool is wanted, not {type(tool).__name__}.")


def _model(options: AgentOptions) -> ChatModel:
    model = options.get("model")
    if model is not None and not isinstance(model, str):
        if not _is_model(model):
            raise ConfigurationError(
                f"model: a name or an object with name, stream and aclose is wanted, not {type(model).__name__}."
            )
        return model
    return open_model(
        model or os.environ.get("OPENAI_MODEL") or DEFAULT_MODEL,
        options.get("provider", "openai"),
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
        raise ConfigurationError(f"{option}: an object with {wanted} is wanted, not {type(value).__name__}.")
    return value


def _is_model(value: object) -> TypeIs[ChatModel]:
    """Whether it has what the port asks for; `isinstance` with a protocol would cost as much as the whole agent."""
    return hasattr(value, "name") and callable(getattr(value, "stream", None)) and hasattr(value, "aclose")
