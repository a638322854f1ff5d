"""The options of an agent and of a run, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Never, TypeAlias

from typing_extensions import TypedDict

from lightagent.application.prompts import Prompts
from lightagent.domain.events import Limits
from lightagent.domain.json_types import JsonValue
from lightagent.ports.models import ChatModel
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.tools import Tool

ToolLike: TypeAlias = Callable[..., object] | Tool[Never]
"""What can be a tool: a typed function, a function with `tool_info`, or an object that satisfies the tool port."""


class AgentOptions(TypedDict, total=False):
    """The options of `LightAgent` besides `output_type` and `deps_type`.

    Attributes:
        name: shown in traces; a unique one by default.
        instructions: the system prompt; role: what the agent is, put before the instructions.
        model: a model's name, or an object that satisfies the model port; by default OPENAI_MODEL, else ``gpt-4.1``.
        api_key, base_url: for a model given by name; by default OPENAI_API_KEY and OPENAI_BASE_URL.
        provider: which adapter serves a model given by name: ``openai`` (default), ``litellm``, ``offline``.
        tools: what the model may call.
        metadata: request parameters (temperature, max_tokens …) of every run; a run's own come on top.
        limits: how far a run may go, unless the run says otherwise.
        prompts: the sentences spoken to the model.
        capture_content: keep messages, arguments and outputs in traces; they may be private.
        debug, log_level, log_file: readable logs of the logger ``lightagent``, which a process's agents share;
            silent by default.
        clock, ids: time and identity, for tests.
    """

    name: str
    instructions: str
    role: str
    model: str | ChatModel
    api_key: str | None
    base_url: str | None
    provider: str
    tools: Sequence[ToolLike]
    metadata: Mapping[str, JsonValue]
    limits: Limits
    prompts: Prompts
    capture_content: bool
    debug: bool
    log_level: str
    log_file: str | None
    clock: Clock
    ids: IdSource


class RunOptions(TypedDict, total=False):
    """The options of one run.

    Attributes:
        tools: tools of this run only, besides the agent's.
        history: OpenAI-form messages before the query.
        metadata: request parameters (temperature, max_tokens …); may not set messages, model, tools or stream.
        user_id: whose run it is.
        max_tool_iterations: rounds of tool calls; by default `max_retry`, 10.
        max_retry: attempts at one model request.
        timeout: seconds for the whole run.
        trace: keep the trace: in the result, and for `export_trace()`.
        trace_id, parent_trace_id, run_group_id: where the run belongs in a larger trace.
    """

    tools: Sequence[ToolLike]
    history: Sequence[Mapping[str, JsonValue]]
    metadata: Mapping[str, JsonValue]
    user_id: str
    max_tool_iterations: int
    max_retry: int
    timeout: float | None
    trace: bool
    trace_id: str
    parent_trace_id: str
    run_group_id: str


class ResumeOptions(TypedDict, total=False):
    """The options of going on with a run; whose run it is and how far it may go is in its journal.

    Attributes:
        tools: those that were given to the run besides the agent's; a journal holds only their names.
        trace: keep the trace.
    """

    tools: Sequence[ToolLike]
    trace: bool
