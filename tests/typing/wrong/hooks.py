"""Hooks that take or give another payload than that of their phase."""

from lightagent import (
    CallPayload,
    HookDecision,
    OutputPayload,
    PolicyHook,
    Subject,
    before_tool_call,
    on_output,
)


@before_tool_call
def right(call: CallPayload, subject: Subject) -> CallPayload | HookDecision | None:
    return call


@before_tool_call  # wrong
def of_another_phase(output: OutputPayload, subject: Subject) -> None: ...


@on_output  # wrong
def gives_another(output: OutputPayload, subject: Subject) -> CallPayload:
    return CallPayload({})


@on_output  # wrong
def knows_no_subject(output: OutputPayload) -> None: ...


PolicyHook(right, failure_mode="perhaps")  # wrong
on_output(timeout="soon")  # wrong
