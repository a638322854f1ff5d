"""Typed hooks: a decorator for each boundary, whose function gets the boundary's own payload and may give one back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, Literal, TypeAlias, get_args, overload

from lightagent.application.policies.handler import Handler, name_of
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.flow_payloads import (
    FlowRerunPayload,
    FlowResultPayload,
    FlowResumePayload,
    FlowStepPayload,
)
from lightagent.domain.policy.hooks import HookDecision
from lightagent.domain.policy.memory_payloads import (
    MemoriesPayload,
    MemoryPromotedPayload,
    MemoryPromotionPayload,
    MemoryQueryPayload,
    MemoryWritePayload,
    MemoryWrittenPayload,
)
from lightagent.domain.policy.phases import (
    ApprovalPayload,
    CallPayload,
    ConclusionPayload,
    ContextPayload,
    EndPayload,
    HandoffPayload,
    OutputPayload,
    PayloadT,
    Phase,
    QueryPayload,
    ReplyPayload,
    RequestPayload,
    ResultPayload,
    Subject,
)

FailureMode: TypeAlias = Literal["block", "continue"]
"""What follows if a hook raises, takes too long or returns an invalid answer."""


def check_naming(failure_mode: object, name: object, what: str) -> None:
    """Raise unless these are a failure mode, and the name of a hook or None.

    Raises:
        ConfigurationError: they are not.
    """
    if failure_mode not in get_args(FailureMode):
        raise ConfigurationError(f"{what}: failure_mode must be 'block' or 'continue'.", guidance="")
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(f"{what}: name must be text, not {type(name).__name__}.", guidance="")


Answer: TypeAlias = PayloadT | HookDecision | None
"""None goes on, a payload replaces the given one, and a decision is carried out."""

TypedFunction: TypeAlias = Callable[[PayloadT, Subject], Answer[PayloadT] | Awaitable[Answer[PayloadT]]]


class TypedHook(Generic[PayloadT]):
    """A function as a hook of one phase; made by the phase's decorator. Calling it calls the function.

    Attributes:
        phase: the decorator's name.
        boundary: where in a run it is called.
        kind: the class of the payload.
        failure_mode: block (the default), or continue.
        name: what it is known by.
    """

    __slots__ = ("boundary", "failure_mode", "function", "handler", "kind", "name", "phase")

    def __init__(
        self,
        function: TypedFunction[PayloadT],
        decorator: HookDecorator[PayloadT],
        timeout: float | None,
        failure_mode: FailureMode,
        name: str | None,
    ) -> None:
        check_naming(failure_mode, name, f"@{decorator.phase}")
        self.function: TypedFunction[PayloadT] = function
        self.phase: str = decorator.phase
        self.boundary: Phase = decorator.boundary
        self.kind: type[PayloadT] = decorator.kind
        self.failure_mode: FailureMode = failure_mode
        self.name: str = name or name_of(function)
        self.handler: Handler = Handler(function, f"@{self.phase}", ("payload", "subject"), timeout)

    def __call__(self, payload: PayloadT, subject: Subject) -> Answer[PayloadT] | Awaitable[Answer[PayloadT]]:
        """What the function answers."""
        return self.function(payload, subject)


class HookDecorator(Generic[PayloadT]):
    """Makes typed hooks of one phase: ``@before_tool_call``, or ``@before_tool_call(timeout=2.0)``."""

    __slots__ = ("boundary", "kind", "phase")

    def __init__(self, phase: str, boundary: Phase, kind: type[PayloadT]) -> None:
        self.phase: str = phase
        self.boundary: Phase = boundary
        self.kind: type[PayloadT] = kind

    @overload
    def __call__(self, function: TypedFunction[PayloadT], /) -> TypedHook[PayloadT]: ...
    @overload
    def __call__(
        self,
        function: None = ...,
        /,
        *,
        timeout: float | None = ...,
        failure_mode: FailureMode = ...,
        name: str | None = ...,
    ) -> Callable[[TypedFunction[PayloadT]], TypedHook[PayloadT]]: ...
    def __call__(
        self,
        function: TypedFunction[PayloadT] | None = None,
        /,
        *,
        timeout: float | None = None,
        failure_mode: FailureMode = "block",
        name: str | None = None,
    ) -> TypedHook[PayloadT] | Callable[[TypedFunction[PayloadT]], TypedHook[PayloadT]]:
        """Make a hook of a function.

        Args:
            function: takes the payload and the subject, and answers None (go on), another payload, or a
                `HookDecision`. A synchronous one runs in a worker thread.
            timeout: seconds for one call; None for as long as the run may take.
            failure_mode: whether the run is blocked, or goes on, where the hook raises, takes too long or answers
                nonsense.
            name: what the hook is known by in journals and traces; by default the function's name.

        Raises:
            ConfigurationError: the function cannot be called with these arguments, the timeout is not a number of
                seconds above 0, or the failure mode or the name is none.
        """

        def make(given: TypedFunction[PayloadT]) -> TypedHook[PayloadT]:
            return TypedHook(given, self, timeout, failure_mode, name)

        return make if function is None else make(function)


before_run: Final = HookDecorator("before_run", "admission", QueryPayload)
"""The query, before anything is on record."""
before_memory_retrieve: Final = HookDecorator("before_memory_retrieve", "memory_retrieve", MemoryQueryPayload)
"""What memories are looked for."""
after_memory_retrieve: Final = HookDecorator("after_memory_retrieve", "memory_found", MemoriesPayload)
"""What a store of memories found, before the memory policy judges it."""
on_context: Final = HookDecorator("on_context", "context", ContextPayload)
"""What a context source adds to the conversation."""
before_model_request: Final = HookDecorator("before_model_request", "model_request", RequestPayload)
"""The conversation, the parameters and the tools of a request."""
after_model_response: Final = HookDecorator("after_model_response", "model_reply", ReplyPayload)
"""One whole answer of the model."""
before_tool_call: Final = HookDecorator("before_tool_call", "tool_call", CallPayload)
"""The checked arguments of a call; `subject.name` is the tool."""
on_approval_required: Final = HookDecorator("on_approval_required", "approval", ApprovalPayload)
"""What a human reviewer will be shown, of a call or of a step of a flow; `subject.name` is the tool or the step."""
after_tool_result: Final = HookDecorator("after_tool_result", "tool_result", ResultPayload)
"""What a tool answered; `subject.name` is the tool."""
on_handoff: Final = HookDecorator("on_handoff", "handoff", HandoffPayload)
"""The run would go on as another agent."""
on_output: Final = HookDecorator("on_output", "output", OutputPayload)
"""The final text."""
before_memory_write: Final = HookDecorator("before_memory_write", "memory_write", MemoryWritePayload)
"""A text that would be remembered."""
on_conclusion: Final = HookDecorator("on_conclusion", "conclusion", ConclusionPayload)
"""What would be done after success, such as a memory to be written."""
before_memory_promote: Final = HookDecorator("before_memory_promote", "memory_promote", MemoryPromotionPayload)
"""A candidate, before it is decided whether it becomes a memory."""
after_memory_promote: Final = HookDecorator("after_memory_promote", "memory_promoted", MemoryPromotedPayload)
"""A candidate that became a memory."""
after_memory_write: Final = HookDecorator("after_memory_write", "memory_written", MemoryWrittenPayload)
"""A text that was remembered."""
on_error: Final = HookDecorator("on_error", "end", EndPayload)
"""A run ends otherwise than it should."""
after_run: Final = HookDecorator("after_run", "end", EndPayload)
"""A run ends."""
before_flow_step: Final = HookDecorator("before_flow_step", "flow_step", FlowStepPayload)
"""What a step of a flow would be asked; `subject.name` is the path of the step."""
after_flow_step: Final = HookDecorator("after_flow_step", "flow_step_result", FlowResultPayload)
"""What came of a step of a flow."""
on_resume: Final = HookDecorator("on_resume", "flow_resume", FlowResumePayload)
"""A run of a flow would go on."""
on_rerun: Final = HookDecorator("on_rerun", "flow_rerun", FlowRerunPayload)
"""A step of a flow would be done again."""
