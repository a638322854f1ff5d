"""The sections ``[default.agent]`` and ``[default.context]``: how agents are, and how much a request may hold."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Annotated, Final

from pydantic import Field

from lightagent.application.agent_options.context_budget import ContextStrategy
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import Limits
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section

_LIMITS: Final = tuple(field.name for field in fields(Limits))


class AgentSettings(Section):
    """Options of agents, unless a program passes others. Those that are not set are left to `LightAgent`."""

    name: Annotated[str | None, SAFE] = Field(default=None, min_length=1, description="The agent's name in traces.")
    instructions: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, description="What the agent is told before the conversation."
    )
    role: Annotated[str | None, NEEDS_TRUST] = Field(default=None, description="Who the agent is, in a few words.")
    max_tool_iterations: Annotated[int | None, SAFE] = Field(
        default=None, ge=0, description="Rounds of tool calls in one run."
    )
    max_retry: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Attempts at one model request, the first included."
    )
    max_output_retries: Annotated[int | None, SAFE] = Field(
        default=None, ge=0, description="How often an answer that does not fit the output type goes back to the model."
    )
    max_calls_per_turn: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Tool calls that one reply of the model may make."
    )
    model_timeout: Annotated[float | None, SAFE] = Field(
        default=None, gt=0, description="Seconds for one model request with all its attempts."
    )
    timeout: Annotated[float | None, SAFE] = Field(default=None, gt=0, description="Seconds for a whole run.")
    capture_content: Annotated[bool | None, NEEDS_TRUST] = Field(
        default=None, description="Keep messages, arguments and outputs in traces; they may be private."
    )
    metadata: Annotated[JsonObject, NEEDS_TRUST] = Field(
        default_factory=dict, description="Parameters of every model request, such as temperature."
    )

    def limits(self) -> Limits:
        """The limits of a run: those that are set, otherwise the built-in ones."""
        chosen = {name: value for name in _LIMITS if (value := getattr(self, name)) is not None}
        return replace(Limits(), **chosen)


class ContextSettings(Section):
    """How much of a conversation a request may hold; see `ContextBudget`."""

    max_tokens: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="Tokens of one request; without it, requests are not limited."
    )
    strategy: Annotated[ContextStrategy, SAFE] = Field(
        default="drop",
        description="drop, summarize, spill or spill_and_summarize: what happens to the oldest messages above that.",
    )
    target_tokens: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, description="What a request above the budget is brought down to; by default half of it."
    )
    counter: Annotated[str, NEEDS_TRUST] = Field(
        default="estimate", description="What counts tokens: estimate or tiktoken."
    )
