"""Guardrails as policies: what a program lists as `input_guardrails=` and the like, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from lightagent.application.check_payload import check_payload
from lightagent.application.policies.guard_reply import guarded, texts_of
from lightagent.application.policies.handler import Fault, Handler, OwnNames, name_of
from lightagent.application.policies.pipeline import Policy
from lightagent.application.policies.questions import FunctionPolicy, Question
from lightagent.application.policies.text_guardrails import QUICK, TextGuard, is_quick
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.guardrails import GuardrailDecision, Stage, read_guardrail_answer
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import UserMessage
from lightagent.domain.policy import CallPayload, OutputPayload, Phase, QueryPayload, Subject
from lightagent.domain.rulings import ALLOW, Forbid, Rewrite, Ruling

PayloadT = TypeVar("PayloadT")

STAGES: Final[Mapping[Stage, Phase]] = {"input": "admission", "tool": "tool_call", "output": "output"}
"""The boundary of a run at which guardrails of each stage stand."""

_LOOKS: Final = ("payload", "structured")
_TAKES: Final[Mapping[Stage, str]] = {"input": "query", "tool": "tool_call", "output": "text"}


class GuardrailPolicy(FunctionPolicy):
    """One guardrail at its stage.

    Args:
        name: what it is known by on record.
        handler: calls it.
        looks: it looks at all texts of replies, and not only at answers.
    """

    __slots__ = ("_guard", "_handler", "_is_quick", "_looking", "_stage", "name", "phases")

    def __init__(self, name: str, stage: Stage, handler: Handler, looks: TextGuard | None = None) -> None:
        self.name = name
        # Such a guardrail also looks at what the model says beside tool calls, and at its reasoning.
        also: tuple[Phase, ...] = () if looks is None else ("model_reply",)
        self.phases: frozenset[Phase] = frozenset((STAGES[stage], *also))
        self._guard = looks
        self._looking = None if looks is None else Handler(partial(guarded, looks), "output_guardrails", _LOOKS)
        self._stage: Stage = stage
        self._handler = handler
        self._is_quick = is_quick(handler.function)

    @property
    def guard(self) -> TextGuard | None:
        return self._guard if self._guard is not None and self._guard.hold("text") is not None else None

    def ask(self, phase: Phase, subject: Subject, payload: PayloadT) -> Question[PayloadT] | Ruling[PayloadT]:
        guard, looking = self._guard, self._looking
        if guard is not None and looking is not None:
            quick = self._is_quick and sum(map(len, texts_of(payload))) <= QUICK
            arguments = payload, subject.facts.structured
            return Question(looking, arguments, lambda made: self._guarded(guard, payload, made), quick)
        value = _value(subject, payload)
        shown = copy_json(value) if isinstance(value, dict) else value
        quick = self._is_quick and isinstance(value, str) and len(value) <= QUICK
        arguments_of = shown, _context(subject)
        return Question(self._handler, arguments_of, lambda answer: self._read(subject, payload, value, answer), quick)

    def _read(self, subject: Subject, payload: PayloadT, value: str | JsonObject, answer: object) -> Ruling[PayloadT]:
        """What an answer comes to; `value` is what the guardrail looked at, an object in a copy."""
        read = answer if isinstance(answer, Fault) else read_guardrail_answer(answer)
        if not isinstance(read, GuardrailDecision):
            return self._failed(read.problem)
        if not read.allowed:
            text = read.reason or f"The {self._stage} guardrail {self.name.partition(':')[2]} blocked this."
            return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", text, ""), read.reason or "")
        if read.value is None or read.value is value:
            return ALLOW
        try:
            made = _with_value(subject, payload, read.value)
            check_payload(made)
        except ConfigurationError as error:
            return self._failed(f"Its value cannot be used: {error.message}")
        return ALLOW if made == payload else Rewrite(made, read.reason or "")

    def _guarded(self, guard: TextGuard, payload: PayloadT, made: object) -> Ruling[PayloadT]:
        """What becomes of a reply or an answer, all texts of which the guardrail has looked at."""
        if isinstance(made, Fault):
            return self._failed(made.problem)
        if not isinstance(made, type(payload)):
            return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", guard.reason, ""), guard.reason)
        return ALLOW if made == payload else Rewrite(made)

    def _failed(self, problem: str) -> Forbid:
        text = f"The {self._stage} guardrail {self.name.partition(':')[2]} failed, which blocks. {problem}"
        return Forbid(LightAgentErrorInfo("LA-GUARDRAIL", text, "See the guardrail's own logs."), problem, failed=True)


def guardrail_policies(stage: Stage, guardrails: Iterable[object]) -> list[Policy]:
    """The policies that these guardrails are, in their order.

    Raises:
        ConfigurationError: one cannot be called with what it looks at and a context.
    """
    names, what = OwnNames(f"{stage}_guardrail"), f"{stage}_guardrails"
    policies: list[Policy] = []
    for guardrail in guardrails:
        if not callable(guardrail):
            raise ConfigurationError(f"{what}: expected functions, got {type(guardrail).__name__}.", guidance="")
        handler = Handler(guardrail, what, (_TAKES[stage], "context"))
        looks = guardrail if stage == "output" and isinstance(guardrail, TextGuard) else None
        policies.append(GuardrailPolicy(names.own(name_of(guardrail)), stage, handler, looks))
    return policies


def _value(subject: Subject, payload: object) -> str | JsonObject:
    """What the guardrail looks at."""
    match payload:
        case QueryPayload(content=content):
            return UserMessage(content).text
        case CallPayload(arguments=arguments):
            return {"tool_name": subject.name, "arguments": arguments}
        case OutputPayload(content=content):
            return content
        case _:
            raise AssertionError(f"no guardrail looks at {type(payload).__name__}")


def _with_value(subject: Subject, payload: PayloadT, value: object) -> PayloadT:
    """The payload with what a guardrail put in the place of what it looked at.

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
    """What a guardrail gets to know about the run; a new object for each call."""
    origin = subject.origin
    return {
        "agent_name": origin.agent_name,
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
