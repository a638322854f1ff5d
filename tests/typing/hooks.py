"""Hooks: a decorator keeps the payload of its phase."""

from typing import assert_type

from lightagent import CallPayload, HookDecision, LightAgent, OutputPayload, Subject, before_tool_call, on_output
from lightagent.application.policies.typed_hooks import TypedHook


@before_tool_call
def check(call: CallPayload, subject: Subject) -> CallPayload | HookDecision | None:
    return None


@on_output(timeout=1.0, failure_mode="continue")
async def sign(output: OutputPayload, subject: Subject) -> OutputPayload:
    return output


assert_type(check, TypedHook[CallPayload])
assert_type(sign, TypedHook[OutputPayload])
assert_type(check.kind, type[CallPayload])
LightAgent(hooks=[check, sign], tool_guardrails=[lambda call, context: True])
