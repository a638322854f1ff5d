"""Calls one hook at one phase, and makes a ruling of its answer, or of its failure."""

from __future__ import annotations

from typing import Final, TypeVar

from lightagent.application.policies.check_payload import check_payload, copy_payload, is_same_payload
from lightagent.application.policies.handler import Fault, Handler
from lightagent.application.policies.hook_memories import with_plain_decision
from lightagent.application.policies.hook_payloads import hook_payload, replaced_payload
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.application.policies.typed_hooks import FailureMode, TypedHook
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Suspended, outcome_error
from lightagent.domain.policy.hooks import BOUNDARIES, HookContext, HookDecision, HookPhase, read_hook_answer
from lightagent.domain.policy.phases import EndPayload, Phase, Subject
from lightagent.domain.policy.rulings import ALLOW, Allow, Ask, Forbid, Rewrite, Ruling, Unreadable

PayloadT = TypeVar("PayloadT")
KindT = TypeVar("KindT")

_MOST_METADATA: Final = 2_000
"""Characters of a decision's metadata that are kept on record."""


class HookPolicy(FunctionPolicy):
    """A hook that gets a `HookContext`, at one phase.

    Args:
        name: what it is known by on record.
        failure_mode: what follows if it fails; None for a hook that only observes, whose answer does not count.
    """

    __slots__ = ("_failure_mode", "_phase", "handler", "name", "phases")

    def __init__(self, name: str, phase: HookPhase, handler: Handler, failure_mode: FailureMode | None) -> None:
        self.name: str = name
        self.phases: frozenset[Phase] = frozenset({BOUNDARIES[phase]})
        self._phase: HookPhase = phase
        self.handler: Handler = handler
        self._failure_mode: FailureMode | None = failure_mode

    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        if not _is_met(self._phase, payload):
            return ALLOW
        context = _context(self._phase, subject, hook_payload(self._phase, subject, payload))
        return Question((context,), lambda answer: self._read(subject, payload, answer))

    def _read(self, subject: Subject, payload: PayloadT, answer: object) -> Ruling[PayloadT]:
        """The ruling for an answer of the hook."""
        if self._failure_mode is None:
            return Allow(f"{answer.problem} It only observes.") if isinstance(answer, Fault) else ALLOW
        read = answer if isinstance(answer, Fault) else read_hook_answer(answer)
        if not isinstance(read, HookDecision):
            return failed(self.name, self._phase, read, self._failure_mode)
        if read.action != "replace" or read.payload is None:
            return decided(self.name, self._phase, read)
        try:
            given = to_json_object(with_plain_decision(read.payload), "payload")
            made = replaced_payload(self._phase, subject, payload, given)
            check_payload(made)
        except ConfigurationError as error:
            # The hook intended a change, so going on without it would be wrong in either failure mode.
            return _fault(self.name, self._phase, f"Its replacement cannot be used: {error.message}")
        return ALLOW if is_same_payload(made, payload) else Rewrite(made, _reason(read))


class TypedHookPolicy(FunctionPolicy):
    """A typed hook, which gets the payload itself and the subject."""

    __slots__ = ("_hook", "handler", "name", "phases")

    def __init__(self, name: str, hook: TypedHook[KindT]) -> None:
        self.name: str = name
        self.phases: frozenset[Phase] = frozenset({hook.boundary})
        self.handler: Handler = hook.handler
        self._hook = hook

    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        hook = self._hook
        if not _is_met(hook.phase, payload):
            return ALLOW
        return Question((copy_payload(payload), subject), lambda answer: self._read(payload, answer))

    def _read(self, payload: PayloadT, answer: object) -> Ruling[PayloadT]:
        """The ruling for an answer of the hook."""
        hook = self._hook
        if isinstance(answer, type(payload)):
            try:
                check_payload(answer)
            except ConfigurationError as error:
                return _fault(self.name, hook.phase, f"What it made of the payload does not fit: {error.message}")
            return ALLOW if is_same_payload(answer, payload) else Rewrite(answer)
        read = answer if isinstance(answer, Fault) else read_hook_answer(answer)
        if isinstance(read, HookDecision) and read.action == "replace":
            read = Unreadable("A typed hook gives the payload itself to replace it.", is_attempt=True)
        if not isinstance(read, HookDecision):
            return failed(self.name, hook.phase, read, hook.failure_mode)
        return decided(self.name, hook.phase, read)


def decided(name: str, phase: str, decision: HookDecision) -> Ruling[PayloadT]:
    """The ruling of a hook's decision, unless the hook replaced the payload."""
    reason = _reason(decision)
    match decision.action:
        case "block":
            text = decision.reason or f"{name} blocked {phase}."
            return Forbid(LightAgentErrorInfo("LA-HOOK", text, "Ask for something else, or change the hook."), reason)
        case "ask":
            return Ask(decision.reason or f"{name} wants a human to decide.")
        case _:
            return Allow(reason)


def failed(name: str, phase: str, fault: Fault | Unreadable, mode: FailureMode) -> Ruling[PayloadT]:
    """The ruling for a hook without a valid answer."""
    if mode == "continue" and not (isinstance(fault, Unreadable) and fault.is_attempt):
        return Allow(f"{fault.problem} The run goes on without it.")
    return _fault(name, phase, fault.problem)


def _fault(name: str, phase: str, problem: str) -> Forbid:
    text = f"{name} failed closed at {phase}. {problem}"
    return Forbid(LightAgentErrorInfo("LA-HOOK", text, "See the hook's own logs."), problem, failed=True)


def _is_met(phase: str, payload: object) -> bool:
    """Whether the hook is called: a run that waits for a human has not ended, and `on_error` needs an error."""
    if not isinstance(payload, EndPayload):
        return True
    if isinstance(payload.outcome, Suspended):
        return False
    return phase != "on_error" or outcome_error(payload.outcome) is not None


def _context(phase: HookPhase, subject: Subject, payload: JsonObject) -> HookContext:
    origin = subject.origin
    return HookContext(
        phase,
        payload,
        origin.trace_id,
        origin.parent_trace_id,
        origin.run_id,
        origin.run_group_id,
        origin.scope.user,
        origin.agent_name,
        origin.flow_id,
        origin.step,
        metadata={"turn": origin.turn, "call_id": subject.call_id, "path": list(origin.path)},
        tenant=origin.scope.tenant,
    )


def _reason(decision: HookDecision) -> str:
    """The part of a decision for the record: its reason, and its metadata as JSON."""
    if not decision.metadata:
        return decision.reason
    try:
        metadata = encode_json(to_json_object(decision.metadata, "metadata")).decode()[:_MOST_METADATA]
    except ConfigurationError:
        metadata = "(metadata that is not JSON)"
    return f"{decision.reason} {metadata}".strip()
