"""What a tool is to a run: its declaration, its call, its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from typing_extensions import TypeVar

from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope

DepsT_co = TypeVar("DepsT_co", covariant=True, default=None)
"""What the application hands to its tools at each run."""

DEFAULT_OUTPUT_LIMIT = 64 * 1024
"""Characters of a tool's answer that reach the model unless the tool says otherwise."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the model is told of a tool, and how the run treats it.

    Attributes:
        name: as the model calls it.
        description: what it is for; the model chooses by it.
        parameters: JSON Schema of the arguments, an object.
        title: for people.
        timeout: seconds until a call is cancelled; None: no limit of its own.
        output_limit: characters of the answer that are kept.
        idempotent: running a call twice does what running it once does; then an interrupted call may be repeated.
        requires_approval: a human decides before each call.
    """

    name: str
    description: str
    parameters: JsonObject
    title: str = ""
    timeout: float | None = None
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    idempotent: bool = False
    requires_approval: bool = False

    def to_openai(self) -> JsonObject:
        """The tool as a chat-completions request offers it; a copy that may be changed."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": copy_json(self.parameters)},
        }


@dataclass(frozen=True, slots=True)
class RunContext(Generic[DepsT_co]):
    """What a tool may know of the call it serves: one value a call, never shared between runs.

    Attributes:
        deps: what the application passed to this run.
        agent_name: the agent that runs.
        run_id, trace_id: of this run.
        scope: whose run it is.
        call_id: of this call within its turn.
        idempotency_key: the same for a call and its repetition after a crash: hand it to what has the effect.
        approved: a human approved exactly this call.
        report: put a progress note on the run's record; who watches the run sees it at once.
        is_cancelled: whether the call was given up (timeout, cancelled run); a long synchronous tool should ask it.
    """

    deps: DepsT_co
    agent_name: str
    run_id: str
    trace_id: str
    scope: Scope
    call_id: str
    idempotency_key: str
    approved: bool
    report: Callable[[str], None]
    is_cancelled: Callable[[], bool]

    @property
    def user_id(self) -> str:
        """The user the run serves; empty if none was named."""
        return self.scope.user
