"""Guardrails as policies: those that a program lists as `input_guardrails=` and the like, and their rulings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from lightagent.application.policies.check_payload import check_payload, is_same_payload
from lightagent.application.policies.guarded_texts import guarded, texts_of
from lightagent.application.policies.handler import Fault, Handler, OwnNames, name_of
from lightagent.application.policies.pipeline import Policy
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.application.policies.text_guardrails import QUICK, TextGuard, is_quick
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.guardrails import GuardrailDecision, Stage, read_guardrail_answer
from lightagent.domain.policy.phases import CallPayload, OutputPayload, Phase, QueryPayload, Subject
from lightagent.domain.policy.rulings import ALLOW, Forbid, Rewrite, Ruling

PayloadT = TypeVar("PayloadT")

STAGES: Final[Mapping[Stage, Phase]] = {"input": "admission", "tool": "tool_call", "output": "output"}
"""The boundary of a run at which guardrails of each stage stand."""

_TAKES: Final[Mapping[Stage, str]] = {"input": "query", "tool": "tool_call", "output": "text"}


class GuardrailPolicy(FunctionPolicy):
    """One guardrail at its stage."""

    __slots__ = ("_is_quick", "_stage", "handler", "name", "phases")

    def __init__(self, name: str, stage: Stage, handler: Handler) -> None:
        self.name: str = name
        self.phases: frozenset[Phase] = frozenset({STAGES[stage]})
        self.handler: Handler = handler
        self._stage: Stage = stage
        self._is_quick = is_quick(handler.function)

    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        value = _value(subject, payload)
        shown = copy_json(value) if isinstance(value, dict) else value
        quick = self._is_quick and isinstance(value, str) and len(value) <= QUICK
        arguments = shown, _context(subject)
        return Question(arguments, lambda answer: self._read(subject, payload, value, answer), quick)

    def _read(self, subject: Subject, payload: PayloadT, value: str | JsonObject, answer: object) -> Ruling[PayloadT]:
        """The ruling for an answer; `value` is what the guardrail checked, an object in a copy."""
        read = answer if isinstance(answer, Fault) else read_guardrail_answer(answer)
        if not isinstance(read, GuardrailDecision):
            return _failed(self.name, self._stage, read.problem)
        if not read.allowed:
            text = read.reason or f"The {self._stage} guardrail {self.name.partition(':')[2]} blocked this."
            return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", text, ""), read.reason or "")
        if read.value is None or read.value is value:
            return ALLOW
        try:
            made = _with_value(subject, payload, read.value)
            check_payload(made)
        except ConfigurationError as error:
            return _failed(self.name, self._stage, f"Its value cannot be used: {error.message}")
        return ALLOW if is_same_payload(made, payload) else Rewrite(made, read.reason or "")


class TextGuardPolicy(FunctionPolicy):
    """A guardrail that checks all texts of replies: answers, words beside tool calls, reasoning and refusals."""

    __slots__ = ("_guard", "_is_quick", "handler", "name", "phases")

    def __init__(self, name: str, guard: TextGuard) -> None:
        self.name: str = name
        self.phases: frozenset[Phase] = frozenset({STAGES["output"], "model_reply"})
        self.handler: Handler = Handler(partial(guarded, guard), "output_guardrails", ("payload", "structured"))
        self._guard = guard
        self._is_quick = is_quick(guard)

    @property
    def guard(self) -> TextGuard | None:
        return self._guard if self._guard.hold("text") is not None else None

    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        quick = self._is_quick and sum(map(len, texts_of(payload))) <= QUICK
        return Question((payload, subject.facts.structured), lambda made: self._read(payload, made), quick)

    def _read(self, payload: PayloadT, made: object) -> Ruling[PayloadT]:
        """The ruling on a reply or an answer; `made` is what the guardrail left of it."""
        if isinstance(made, Fault):
            return _failed(self.name, "output", made.problem)
        if not isinstance(made, type(payload)):
            return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", self._guard.reason, ""), self._guard.reason)
        return ALLOW if made == payload else Rewrite(made)


def _failed(name: str, stage: Stage, problem: str) -> Forbid:
    text = f"The {stage} guardrail {name.partition(':')[2]} failed, which blocks. {problem}"
    return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", text, "See the guardrail's own logs."), problem, failed=True)


def guardrail_policies(stage: Stage, guardrails: Iterable[object]) -> list[Policy]:
    """The policies for these guardrails, in their order.

    Raises:
        ConfigurationError: one cannot be called with the value that it checks and a context.
    """
    names, what = OwnNames(f"{stage}_guardrail"), f"{stage}_guardrails"
    policies: list[Policy] = []
    for guardrail in guardrails:
        if not callable(guardrail):
            raise ConfigurationError(f"{what}: expected functions, got {type(guardrail).__name__}.", guidance="")
        handler = Handler(guardrail, what, (_TAKES[stage], "context"))
        name = names.own(name_of(guardrail))
        if stage == "output" and isinstance(guardrail, TextGuard):
            policies.append(TextGuardPolicy(name, guardrail))
        else:
            policies.append(GuardrailPolicy(name, stage, handler))
    return policies


def _value(subject: Subject, payload: object) -> str | JsonObject:
    """The value that the guardrail checks."""
    match payload:
        case QueryPayload(content=content):
            return content if isinstance(content, str) else UserMessage(content).text
        case CallPayload(arguments=arguments):
            return {"tool_name": subject.name, "arguments": arguments}
        case OutputPayload(content=content):
            return content
        case _:
            raise AssertionError(f"no guardrail looks at {type(payload).__name__}")


def _with_value(subject: Subject, payload: PayloadT, value: object) -> PayloadT:
    """The payload with a guardrail's replacement.

    Raises:
        ConfigurationError: it does not fit there; the text quotes nothing.
    """
    old: object = payload
    made = old
    match old:
        case QueryPayload(content=content):
            made = QueryPayload(_query(content, _text(value)))
        case CallPayload():
            call = to_json_object(value, "value")
            if not same_json(call.get("tool_name", subject.name), subject.name):
                raise ConfigurationError("a guardrail cannot have another tool called.")
            made = CallPayload(to_json_object(call.get("arguments"), "value.arguments"))
        case OutputPayload():
            made = replace(old, content=_text(value))
        case _:
            pass
    return made if isinstance(made, type(payload)) else payload


def _query(content: str | tuple[JsonObject, ...], text: str) -> str | tuple[JsonObject, ...]:
    """The query with another text; the parts of it that are not text stay as they are."""
    if isinstance(content, str):
        return text
    texts = [place for place, part in enumerate(content) if part.get("type") == "text"]
    if text == UserMessage(content).text or not texts:
        return content
    first = texts[0]
    parts = [part for place, part in enumerate(content) if place == first or place not in texts]
    return tuple({"type": "text", "text": text} if part is content[first] else part for part in parts)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"text is expected, not {type(value).__name__}.")
    return value


def _context(subject: Subject) -> JsonObject:
    """The guardrail's view of the run; a new object for each call."""
    origin = subject.origin
    return {
        "agent_name": origin.agent_name,
        "tenant": origin.scope.tenant,
        "user_id": origin.scope.user,
        "session_id": origin.scope.session,
        "run_id": origin.run_id,
        "trace_id": origin.trace_id,
        "parent_trace_id": origin.parent_trace_id,
        "run_group_id": origin.run_group_id,
        "turn": origin.turn,
        "call_id": subject.call_id,
        "path": list(origin.path),
    }
