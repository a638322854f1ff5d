"""What an agent learns from a run: a model looks back on it, and its lessons become candidates for memories.

The model is shown what the user and the agent said and which tools were called, and nothing that was recalled, read or
answered by tools: what others wrote must not become a lesson. A lesson for all users that repeats words of this one is
kept for this one alone; so is one that repeats what the agent said of this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from lightagent.application.agent_options.self_learning import SelfLearning
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.memory.decide_candidates import CandidateDesk
from lightagent.application.memory.means import MemoryMeans, MemoryPlace, scope_of
from lightagent.application.memory.promote import place_of
from lightagent.application.memory.remember import MEMORY
from lightagent.application.memory.track_lessons import LessonRun
from lightagent.application.memory.write import MemoryWriter, context_of
from lightagent.application.prompts import Prompts
from lightagent.application.run_loop.keep_budget import SOURCE as BUDGET
from lightagent.application.run_loop.serve_run import Alone
from lightagent.application.run_loop.summarize_context import cut_to
from lightagent.application.structured_output import OutputType
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.learning.lesson_privacy import ConversationTexts, tells_user
from lightagent.domain.learning.lessons import MOST_LESSON, Lesson, Lessons
from lightagent.domain.memory.admission import is_internal
from lightagent.domain.memory.candidates import CandidateProposed
from lightagent.domain.memory.memories import MemoryCandidate
from lightagent.domain.memory.trace import MEMORY_IDS, MemoryEvent
from lightagent.domain.policy.phases import Stopped, Subject
from lightagent.ports.context import Aside, Declined, ServedRun, ServingConclusion, SettlingConclusion

LESSONS: Final = "lessons"
"""The name of what is learned on record, and of the label of what is recalled of it."""

REFLECTION: Final = "reflection"
"""What a review of the request to the model that looks back is about."""

_MOST_TOKENS: Final = 8_000
"""Of a run that the model is shown; a longer one loses its middle."""

_OF_USER: Final = frozenset({MEMORY, LESSONS, BUDGET})
"""Sources of context that tell what a user said."""

_REQUIRED: MemoryEvent = "memory_promotion_required"


class Learning(ServingConclusion, SettlingConclusion):
    """Has a model look back on a run, and puts its lessons on record as candidates.

    Attributes:
        desk: where they are decided about.
    """

    def __init__(
        self,
        means: MemoryMeans,
        settings: SelfLearning,
        prompts: Prompts,
        writer: MemoryWriter,
        desk: CandidateDesk,
    ) -> None:
        self._means = means
        self._settings = settings
        self._prompts = prompts
        self._writer = writer
        self.desk = desk

    @property
    def name(self) -> str:
        return LESSONS

    @property
    def is_required(self) -> bool:
        """Never: a run that teaches nothing has succeeded all the same."""
        return False

    @cached_property
    def _output(self) -> OutputType[Lessons]:
        return OutputType(Lessons)

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        """Nothing, where no run goes on for which a model could be asked."""
        return None

    async def propose_for(
        self, run: ServedRun, subject: Subject, messages: Sequence[Message], answer: str
    ) -> JsonObject | Declined | Stopped | None:
        """The lessons of the model, as plain JSON."""
        settings, output = self._settings, self._output
        schema = json.dumps(output.schema, ensure_ascii=False)
        instructions = self._prompts.reflect.format(schema=schema, count=settings.most_lessons)
        text = cut_to("\n\n".join(_conversation_lines(messages, answer)), _MOST_TOKENS)
        answered = await run.ask(Aside(REFLECTION, instructions, text, settings.model, settings.timeout))
        if isinstance(answered, Stopped):
            return answered
        learned = [one.as_seen() for one in output.parse(output.check(answered)).lessons[: settings.most_lessons]]
        lessons = [_plain(one) for one in learned if one.text and len(one.text) <= MOST_LESSON]
        return {"lessons": [*lessons]} if lessons else Declined({"lessons": 0})

    async def settle_for(self, run: ServedRun, subject: Subject, answer: str) -> None:
        """Count the lessons that the run was told of; where that fails, it is put on record."""
        own, all_users = self._means.lesson_place(subject), self._means.lesson_place(subject, for_everybody=True)
        lesson_run, origin = LessonRun(subject.facts.query, own.owner, all_users.owner), subject.origin
        counting = self.desk.tracker.record(_recalled(run), origin.run_id, origin.trace_id, answer, lesson_run)
        try:
            await await_foreign(counting, self._means.policy.write_timeout, in_time=True)
        except FAILURES as raised:
            kind = type(failure(raised)).__name__
            run.note("memory_unavailable", {**own.about, "store": LESSONS, "kind": kind})

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> JsonObject | None:
        """Put the lessons on record, where no run goes on whose policies would review them."""
        await self.carry_out_for(Alone(subject), subject, proposal, idempotency_key)
        return None

    async def carry_out_for(
        self, run: ServedRun, subject: Subject, proposal: JsonObject, idempotency_key: str
    ) -> Stopped | None:
        """Each lesson that may be written becomes a candidate, and the promotion policy decides about it."""
        for number, lesson in enumerate(self._lessons(proposal), 1):
            stopped = await self._learn(run, subject, lesson, f"{idempotency_key}:{number}")
            if stopped is not None:
                return stopped
        return None

    def _lessons(self, proposal: JsonObject) -> tuple[Lesson, ...]:
        return self._output.parse(self._output.check(json.dumps(proposal))).lessons

    async def _learn(self, run: ServedRun, subject: Subject, lesson: Lesson, candidate_id: str) -> Stopped | None:
        scope, said = subject.origin.scope, _conversation_texts(run.messages, subject.facts.query)
        why = tells_user(lesson.text, (scope.user,), said) if lesson.about == "everybody" else None
        everybody = lesson.about == "everybody" and why is None
        place = self._means.lesson_place(subject, for_everybody=everybody)
        admitted = await self._writer.admit(run, subject, place, lesson.text)
        if admitted is None or isinstance(admitted, Stopped):
            return admitted
        text = admitted.text
        if everybody and text != lesson.text and tells_user(text, (scope.user,), said) is not None:
            raise ConfigurationError("lessons: a policy put words of the user into a lesson for all users.")
        metadata = scope_of(subject, place).to_metadata()
        known: JsonObject = {**admitted.metadata, "confidence": lesson.confidence}
        if subject.facts.untrusted:
            known["untrusted"] = [*subject.facts.untrusted]
        if why is not None:
            known["not_for_everybody"] = why
        if not is_internal(self._means.policy, scope_of(subject, place)):
            return await self._writer.write(run, subject, place, text, {**metadata, **known}, candidate_id)
        candidate = _candidate(subject, place, text, candidate_id, known)
        # What was said is kept only as long as it has to be compared with.
        proposed = CandidateProposed(candidate, place.owner, said if everybody else ConversationTexts(""))
        state = await self.desk.candidates.propose(scope, proposed)
        # After a crash the model may have said something else: what was proposed first is what is decided about.
        place = place_of(state)
        run.note(_REQUIRED, {"candidate_id": candidate_id, **place.about, "status": state.candidate.status})
        context = {**context_of(subject, place), "candidate_id": candidate_id}
        return (await self.desk.promoter.decide(run, scope, state, context)).stopped


def _recalled(run: ServedRun) -> list[str]:
    """The lessons that the run was told of and that came from candidates."""
    found: list[str] = []
    for kind, note in run.noted:
        ids = note.get(MEMORY_IDS)
        if kind == "memory_retrieve_filter" and note.get("source") == "reflection" and isinstance(ids, list):
            found += [one for one in ids if isinstance(one, str) and f":{LESSONS}:" in one]
    return [*dict.fromkeys(found)]


def _candidate(
    subject: Subject, place: MemoryPlace, text: str, candidate_id: str, known: JsonObject
) -> MemoryCandidate:
    origin, confidence = subject.origin, known.get("confidence")
    return MemoryCandidate(
        text,
        place.owner.user_id,
        place.original_user_id,
        place.source,
        place.scope,
        origin.agent_name,
        origin.trace_id,
        origin.parent_trace_id or None,
        origin.run_id,
        origin.run_group_id or None,
        confidence if isinstance(confidence, float) else None,
        candidate_id=candidate_id,
        metadata={name: value for name, value in known.items() if name != "confidence"},
    )


def _conversation_texts(messages: Sequence[Message], query: str) -> ConversationTexts:
    """What the user said, what was told of earlier conversations with them, and what the agent made of both."""
    by_user, by_agent = [query], list[str]()
    for message in messages:
        match message:
            case UserMessage() if message.text != query:
                by_user.append(message.text)
            case ContextMessage(source=source, content=content) if source in _OF_USER:
                by_user.append(content)
            case AssistantMessage(content=content) if content:
                by_agent.append(content)
            case _:
                pass
    return ConversationTexts("\n".join(by_user), "\n".join(by_agent))


def _conversation_lines(messages: Sequence[Message], answer: str) -> list[str]:
    """What the user and the agent said, and which tools were called; nothing that others wrote."""
    lines: list[str] = []
    for message in messages:
        match message:
            case UserMessage():
                lines.append(f"user: {message.text}")
            case AssistantMessage():
                calls = [f"[calls {call.name}]" for call in message.tool_calls]
                lines.append(" ".join(("assistant:", message.content or "", *calls)))
            case _:
                pass
    return lines if lines and lines[-1].endswith(answer) else [*lines, f"assistant: {answer}"]


def _plain(lesson: Lesson) -> JsonObject:
    return {"text": lesson.text, "about": lesson.about, "confidence": lesson.confidence}
