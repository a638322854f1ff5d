"""The choices of a completion, whole or in chunks, as deltas.

A whole message and a delta of a stream have the same fields, so the same code reads both.
"""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters._endpoints.faults import calls_missing, malformed, no_choices, no_text_or_calls, truncated
from lightagent.adapters._endpoints.reported_errors import reported_error, withholds
from lightagent.adapters.chat.openai.common_forms import read_text_chunk
from lightagent.adapters.chat.openai.content import Content, read_content, says_more_than_reasoning
from lightagent.adapters.chat.openai.finish_reasons import Ending, more_severe, read_finish_reason, read_other_signs
from lightagent.adapters.chat.openai.provider_fields import ProviderFieldPieces
from lightagent.adapters.chat.openai.tool_calls import JoinedCalls, ToolCalls
from lightagent.adapters.chat.openai.usage import UsageReports
from lightagent.domain.conversation.deltas import (
    Delta,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
)
from lightagent.domain.conversation.provider_fields import UNKNOWN_MODEL, ModelOrigin


class Choice:
    """Reads one choice of an answer, piece by piece.

    Attributes:
        calls: its tool calls so far.
        ending: how it ended, or None as long as the server has not said.
        has_message: whether a message or a delta came, even an empty one.
        size: characters of text, reasoning and refusal so far.
    """

    __slots__ = ("_has_old_call", "_in_deltas", "_received", "calls", "ending", "has_message", "size")

    def __init__(self) -> None:
        self.calls: ToolCalls = ToolCalls()
        self.ending: Ending | None = None
        self.has_message: bool = False
        self.size: int = 0
        self._received: tuple[list[str], list[str], list[str]] = ([], [], [])  # reasoning, text, refusal
        self._in_deltas = False  # If deltas came, a message after them only repeats them.
        self._has_old_call = False  # A call came as `function_call`, the form before `tool_calls`.

    @property
    def has_content(self) -> bool:
        """Whether it holds a call, a text or a refusal. Reasoning alone and whitespace do not count."""
        return bool(len(self.calls)) or self.has_text

    @property
    def has_text(self) -> bool:
        """Whether it holds a text or a refusal. Reasoning alone and whitespace do not count."""
        _, text, refusal = self._received
        return says_more_than_reasoning("".join(text)) or any(map(str.strip, refusal))

    def add_text(self, text: str) -> None:
        """Take a delta that holds this text and nothing else."""
        self.has_message = self._in_deltas = True
        self._received[1].append(text)
        self.size += len(text)

    def read(self, choice: dict[object, object]) -> Iterator[Delta]:
        """Yield the deltas in a piece of the choice.

        Raises:
            ProviderError: the choice holds an error, ends with a failure, or has an unexpected form.
        """
        _raise_error(choice)
        delta, message = _object(choice, "delta"), _object(choice, "message")
        if delta is None and message is None and isinstance(text := choice.get("text"), str):
            yield from self._read_part({"content": text}, whole=True)  # The form of the old completions API.
        if delta is not None:
            yield from self._read_part(delta, whole=False)
        if message is not None:
            yield from self._read_part(message, whole=True)
        ending = more_severe(read_finish_reason(choice.get("finish_reason")), read_other_signs(choice))
        self.ending = more_severe(self.ending, ending)

    def _read_part(self, part: dict[object, object], *, whole: bool) -> Iterator[Delta]:
        _raise_error(part)
        self.has_message = True
        repeated = whole and self._in_deltas
        content = read_content(part)
        if content:
            yield from self._read_texts(content, repeated=repeated)
        calls = part.get("tool_calls") or self._old_call(part)
        if calls and not (repeated and len(self.calls)):
            yield from self.calls.read(_call_list(calls), whole=whole)
        if not whole and (calls or content):
            self._in_deltas = True

    def _read_texts(self, content: Content, *, repeated: bool) -> Iterator[Delta]:
        reasoning, text, refusal = self._received
        if new := self._new_part(reasoning, content.reasoning, repeated=repeated):
            yield ReasoningDelta(new)
        if new := self._new_part(text, content.text, repeated=repeated):
            yield TextDelta(new)
        if new := self._new_part(refusal, content.refusal, repeated=repeated):
            yield RefusalDelta(new)

    def _new_part(self, received: list[str], text: str, *, repeated: bool) -> str:
        """Record a text and return what of it is new: a message after deltas repeats all of them."""
        new = text.removeprefix("".join(received)) if repeated and text else text
        if new:
            received.append(new)
            self.size += len(new)
        return new

    def _old_call(self, part: dict[object, object]) -> list[object] | None:
        """Return a call in the form before `tool_calls`: there is only one, without an id and an index."""
        call = part.get("function_call")
        if not call or (len(self.calls) and not self._has_old_call):
            return None  # Some servers send a call in both forms.
        self._has_old_call = True
        return [{"index": 0, "function": call}]


def _raise_error(holder: dict[object, object]) -> None:
    error = holder.get("error")
    if error and (fault := reported_error({"error": error})) is not None:
        raise fault


def _call_list(calls: object) -> list[object]:
    """Return the calls as a list; some servers send a single call without one."""
    if isinstance(calls, dict):
        return [calls]
    if not isinstance(calls, list):
        raise malformed("tool_calls that are not a list", calls)
    return calls


def _object(choice: dict[object, object], name: str) -> dict[object, object] | None:
    """Return a field that holds an object; null and the empty list, which PHP makes of {}, count as absent."""
    value = choice.get(name)
    if not value and not isinstance(value, dict):
        return None
    if not isinstance(value, dict):
        raise malformed("a message that is not an object", value)
    return value


_MOST_CHOICES = 128
"""The most that OpenAI allows for `n`."""


class ChoiceReader:
    """Reads the objects of one answer, and decides which choices are the answer.

    Choice 0 is the answer and is passed on as it arrives. If it is empty, the first other choice with content is the
    answer. Some gateways give every block of a message a choice of its own, so the calls of every further choice that
    holds only calls belong to the answer, too. A further choice with a text is an alternative (`n` above 1) and is
    dropped.

    Args:
        origin: the model that is asked.
    """

    __slots__ = ("_ending", "_field_size", "_first", "_id", "_model", "_others", "_provider_fields", "_usage")

    def __init__(self, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._provider_fields = ProviderFieldPieces(origin)
        self._field_size = 0
        self._first = Choice()
        self._others: dict[int, tuple[Choice, list[Delta]]] = {}  # With the deltas that are held back.
        self._ending: Ending | None = None  # According to fields beside the choices.
        self._usage = UsageReports()
        self._model: str | None = None
        self._id: str | None = None

    @property
    def size(self) -> int:
        """Characters received so far, including calls and other choices."""
        size = self._field_size + self._first.size + self._first.calls.size
        if not self._others:
            return size
        return size + sum(choice.size + choice.calls.size for choice, _ in self._others.values())

    @property
    def finished(self) -> bool:
        """Whether the model has ended its answer; only the usage may still follow."""
        others = [choice for choice, _ in self._others.values()]
        if any(len(choice.calls) and choice.ending is None for choice in others):
            return False
        return self._first.ending is not None or (
            not self._first.has_message and any(choice.ending for choice in others)
        )

    @property
    def whole(self) -> bool:
        """Whether the model has ended an answer with content, so that an error after it can be ignored."""
        return self.finished and any(choice.has_content for choice in self._answer_choices())

    def read(self, answer: object) -> list[Delta]:
        """Return the deltas in a completion or a chunk of one."""
        if not isinstance(answer, dict):
            raise malformed("an answer that is not an object", answer)
        if self._model is not None and (text := read_text_chunk(answer)) is not None:
            self._first.add_text(text)
            return [TextDelta(text)]
        if (fault := reported_error(answer)) is not None:
            if self.whole and not answer.get("choices") and not withholds(fault):
                return []
            raise fault
        if self._model is None:
            self._read_head(answer)
        self._usage.read(answer)
        self._ending = more_severe(self._ending, read_other_signs(answer))
        choices = answer.get("choices")
        if not choices:
            return []  # An event for the usage or a content filter. `end` raises if no choice ever came.
        deltas: list[Delta] = []
        for place, choice in enumerate(self._choice_list(choices)):
            self._read_choice(choice, place, deltas)
        return deltas

    def end(self, *, complete: bool) -> list[Delta]:
        """Return the remaining deltas, the last of which says how the answer ended.

        Args:
            complete: nothing more was to come, so a missing finish reason does not mean that the stream broke off.

        Raises:
            ProviderError: the answer is incomplete or empty.
        """
        choices = self._answer_choices()
        ending, has_content, calls = self._ending, False, 0
        for choice in choices:
            if choice.ending is None and not complete:
                raise truncated()
            ending = more_severe(ending, choice.ending)
            has_content = has_content or choice.has_content
            calls += len(choice.calls)
        if not has_content and ending not in ("length", "content_filter"):
            if not any(choice.has_message for choice in choices):
                raise no_choices()
            raise calls_missing() if ending == "tool_calls" else no_text_or_calls()
        if ending == "tool_calls" and not calls:
            raise calls_missing()
        deltas = self._remaining(choices)
        return [*deltas, ReplyEnd(ending, self._usage.usage, self._model, self._id, self._provider_fields.whole())]

    def _answer_choices(self) -> list[Choice]:
        """Return the choices that make up the answer: one, and the further ones that hold only calls."""
        if not self._others:
            return [self._first]
        others = [self._others[number][0] for number in sorted(self._others)]
        answer = next((choice for choice in (self._first, *others) if choice.has_content), self._first)
        further = (choice for choice in others if choice is not answer and len(choice.calls) and not choice.has_text)
        return [answer, *further]

    def _remaining(self, choices: list[Choice]) -> list[Delta]:
        """Return what is known only at the end: names and arguments of calls, and all of the other choices."""
        deltas: list[Delta] = []
        if not self._others:
            return [*self._first.calls.whole()]
        calls = JoinedCalls()
        held_back = {id(choice): held for choice, held in self._others.values()}
        for choice in choices:
            held = held_back.get(id(choice), [])
            if choice is choices[0]:
                deltas += [delta for delta in held if not isinstance(delta, ToolCallDelta)]
            deltas += calls.join(choice.calls, [delta for delta in held if isinstance(delta, ToolCallDelta)])
        return deltas

    def _choice_list(self, choices: object) -> list[object]:
        """Return the choices as a list. After a whole answer, None replaces each one that cannot be read."""
        if not isinstance(choices, list):
            if self.whole:
                return []
            raise malformed("choices that are not a list", choices)
        return [None if not isinstance(choice, dict) and self.whole else choice for choice in choices]

    def _read_head(self, answer: dict[object, object]) -> None:
        model, response_id = answer.get("model"), answer.get("id")
        self._model = model if isinstance(model, str) else None
        self._id = response_id if isinstance(response_id, str) else self._id

    def _read_choice(self, found: object, place: int, deltas: list[Delta]) -> None:
        if found is None:
            return
        if not isinstance(found, dict):
            raise malformed("a choice that is not an object", found)
        self._usage.read_choice(found)
        index = found.get("index")
        number = index if isinstance(index, int) else place
        if not number:
            part = found.get("message") or found.get("delta")
            if isinstance(part, dict):
                self._field_size += self._provider_fields.read(part)
            deltas.extend(self._first.read(found))
        elif number in self._others or len(self._others) < _MOST_CHOICES:
            choice, held = self._others.setdefault(number, (Choice(), []))
            held.extend(choice.read(found))
