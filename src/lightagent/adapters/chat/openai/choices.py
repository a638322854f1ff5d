"""Completions and chunks of completions, as deltas. A message and a delta have the same fields, so one reader does."""

from __future__ import annotations

from lightagent.adapters._endpoints.faults import calls_missing, malformed, no_choices, says_nothing, truncated
from lightagent.adapters._endpoints.reported_errors import reported_error, withholds
from lightagent.adapters.chat.openai.endings import told_beside
from lightagent.adapters.chat.openai.finish_reasons import Ending, worse
from lightagent.adapters.chat.openai.joined_calls import JoinedCalls
from lightagent.adapters.chat.openai.plain_chunks import plain_text
from lightagent.adapters.chat.openai.provider_fields import ProviderFieldPieces
from lightagent.adapters.chat.openai.usage_reports import UsageReports
from lightagent.adapters.chat.openai.voices import Voice
from lightagent.domain.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.provider_fields import UNKNOWN_MODEL, ModelOrigin

_MOST_CHOICES = 128
"""As many as OpenAI gives."""


class ChoiceReader:
    """Reads the objects of one answer and remembers how it ends.

    Choice 0 is the answer, and its texts are told as they come. Where it is empty, the first other choice that says
    something is the answer. The calls of every further choice that holds nothing but calls are its own, since some
    gateways give every block of a message a choice of its own. A further choice with a text is an alternative (`n`
    above 1) and is left out.

    Args:
        origin: the model that is asked.
    """

    __slots__ = ("_ending", "_field_size", "_first", "_id", "_model", "_others", "_provider_fields", "_usage")

    def __init__(self, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._provider_fields = ProviderFieldPieces(origin)
        self._field_size = 0
        self._first = Voice()
        self._others: dict[int, tuple[Voice, list[Delta]]] = {}
        self._ending: Ending | None = None  # as told beside the choices
        self._usage = UsageReports()
        self._model: str | None = None
        self._id: str | None = None

    @property
    def size(self) -> int:
        """Characters told so far, those of calls and of other choices included."""
        told = self._field_size + self._first.size + self._first.calls.size
        if not self._others:
            return told
        return told + sum(voice.size + voice.calls.size for voice, _ in self._others.values())

    @property
    def finished(self) -> bool:
        """Whether the model has said that it is done; what may follow is the usage."""
        others = [voice for voice, _ in self._others.values()]
        if any(len(voice.calls) and voice.ending is None for voice in others):
            return False
        return self._first.ending is not None or (not self._first.spoke and any(voice.ending for voice in others))

    @property
    def whole(self) -> bool:
        """Whether the model is done and has said something, so that nothing that follows can make it a failure."""
        return self.finished and any(voice.says_something for voice in self._speakers())

    def read(self, answer: object) -> list[Delta]:
        """The deltas in a completion or a chunk of one."""
        if not isinstance(answer, dict):
            raise malformed("an answer that is no object", answer)
        if self._model is not None and (text := plain_text(answer)) is not None:
            self._first.hear(text)
            return [TextDelta(text)]
        if (fault := reported_error(answer)) is not None:
            if self.whole and not answer.get("choices") and not withholds(fault):
                return []
            raise fault
        if self._model is None:
            self._begin(answer)
        self._usage.read(answer)
        self._ending = worse(self._ending, told_beside(answer))
        choices = answer.get("choices")
        if not choices:
            return []  # an event for the usage or a content filter; that no choice ever came is seen at the end
        deltas: list[Delta] = []
        for place, choice in enumerate(self._listed(choices)):
            self._choice(choice, place, deltas)
        return deltas

    def end(self, *, complete: bool) -> list[Delta]:
        """The rest, and how the answer ended; `complete`: nothing more was to come even if the model did not say so.

        Raises:
            ProviderError: it is not whole, or says nothing.
        """
        speakers = self._speakers()
        ending, says_something, calls = self._ending, False, 0
        for voice in speakers:
            if voice.ending is None and not complete:
                raise truncated()
            ending = worse(ending, voice.ending)
            says_something = says_something or voice.says_something
            calls += len(voice.calls)
        if not says_something and ending not in ("length", "content_filter"):
            if not any(voice.spoke for voice in speakers):
                raise no_choices()
            raise calls_missing() if ending == "tool_calls" else says_nothing()
        if ending == "tool_calls" and not calls:
            raise calls_missing()
        deltas = self._rest(speakers)
        return [*deltas, ReplyEnd(ending, self._usage.usage, self._model, self._id, self._provider_fields.whole())]

    def _speakers(self) -> list[Voice]:
        """The choices that are the answer: one, and those that hold nothing but further calls."""
        if not self._others:
            return [self._first]
        others = [self._others[number][0] for number in sorted(self._others)]
        answer = next((voice for voice in (self._first, *others) if voice.says_something), self._first)
        return [answer, *(voice for voice in others if voice is not answer and len(voice.calls) and not voice.has_text)]

    def _rest(self, speakers: list[Voice]) -> list[Delta]:
        """What is told only at the end: all of other choices, and what the calls say."""
        deltas: list[Delta] = []
        if not self._others:
            return [*self._first.calls.whole()]
        calls = JoinedCalls()
        held = {id(voice): held for voice, held in self._others.values()}
        for voice in speakers:
            told = held.get(id(voice), [])
            if voice is speakers[0]:
                deltas += [delta for delta in told if not isinstance(delta, ToolCallDelta)]
            deltas += calls.join(voice.calls, [delta for delta in told if isinstance(delta, ToolCallDelta)])
        return deltas

    def _listed(self, choices: object) -> list[object]:
        """The choices; what cannot be read does not matter after a whole answer, and null never does."""
        if not isinstance(choices, list):
            if self.whole:
                return []
            raise malformed("choices that are no list", choices)
        return [None if not isinstance(choice, dict) and self.whole else choice for choice in choices]

    def _begin(self, answer: dict[object, object]) -> None:
        model, response_id = answer.get("model"), answer.get("id")
        self._model = model if isinstance(model, str) else None
        self._id = response_id if isinstance(response_id, str) else self._id

    def _choice(self, choice: object, place: int, deltas: list[Delta]) -> None:
        if choice is None:
            return
        if not isinstance(choice, dict):
            raise malformed("a choice that is no object", choice)
        self._usage.read_choice(choice)
        index = choice.get("index")
        number = index if isinstance(index, int) else place
        if not number:
            part = choice.get("message") or choice.get("delta")
            if isinstance(part, dict):
                self._field_size += self._provider_fields.read(part)
            deltas.extend(self._first.read(choice))
        elif number in self._others or len(self._others) < _MOST_CHOICES:
            voice, held = self._others.setdefault(number, (Voice(), []))
            held.extend(voice.read(choice))
