"""One choice of an answer while it comes: what it says, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters._endpoints.faults import malformed
from lightagent.adapters._endpoints.reported_errors import reported_error
from lightagent.adapters.chat.openai.contents import Content, read_content, says_more_than_reasoning
from lightagent.adapters.chat.openai.endings import told_beside
from lightagent.adapters.chat.openai.finish_reasons import Ending, read_finish_reason, worse
from lightagent.adapters.chat.openai.tool_calls import ToolCalls
from lightagent.domain.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta


class Voice:
    """Reads the pieces of one choice.

    Attributes:
        calls: its tool calls so far.
        ending: what the server said of its end; None while it said nothing.
        spoke: whether a message came, if only an empty one.
        size: characters so far.
    """

    __slots__ = ("_heard", "_in_deltas", "_old_call", "calls", "ending", "size", "spoke")

    def __init__(self) -> None:
        self.calls: ToolCalls = ToolCalls()
        self.ending: Ending | None = None
        self.spoke: bool = False
        self.size: int = 0
        self._heard: tuple[list[str], list[str], list[str]] = ([], [], [])  # reasoning, text, refusal
        self._in_deltas = False  # the answer comes in deltas, so that a message can only repeat it
        self._old_call = False  # a call came in the form before tools

    @property
    def says_something(self) -> bool:
        """Whether there is an answer in it; reasoning alone is none, and blanks are none."""
        return bool(len(self.calls)) or self.has_text

    @property
    def has_text(self) -> bool:
        """Whether it says more than reasoning and blanks, its calls aside."""
        _, text, refusal = self._heard
        return says_more_than_reasoning("".join(text)) or any(map(str.strip, refusal))

    def hear(self, text: str) -> None:
        """Take a delta that is this text and nothing else."""
        self.spoke = self._in_deltas = True
        self._heard[1].append(text)
        self.size += len(text)

    def read(self, choice: dict[object, object]) -> Iterator[Delta]:
        """The deltas in a piece of the choice.

        Raises:
            ProviderError: the choice holds an error, says that it broke off, or is not what the protocol says.
        """
        _raise_error(choice)
        delta, message = _object(choice, "delta"), _object(choice, "message")
        if delta is None and message is None and isinstance(text := choice.get("text"), str):
            yield from self._part({"content": text}, whole=True)  # as in a completion without a chat
        if delta is not None:
            yield from self._part(delta, whole=False)
        if message is not None:
            yield from self._part(message, whole=True)
        told = worse(read_finish_reason(choice.get("finish_reason")), told_beside(choice))
        self.ending = worse(self.ending, told)

    def _part(self, part: dict[object, object], *, whole: bool) -> Iterator[Delta]:
        _raise_error(part)
        self.spoke = True
        repeated = whole and self._in_deltas
        content = read_content(part)
        if content:
            yield from self._texts(content, repeated=repeated)
        calls = part.get("tool_calls") or self._old_form(part)
        if calls and not (repeated and len(self.calls)):
            yield from self.calls.read(_listed(calls), whole=whole)
        if not whole and (calls or content):
            self._in_deltas = True

    def _texts(self, content: Content, *, repeated: bool) -> Iterator[Delta]:
        reasoning, text, refusal = self._heard
        if fresh := self._fresh(reasoning, content.reasoning, repeated=repeated):
            yield ReasoningDelta(fresh)
        if fresh := self._fresh(text, content.text, repeated=repeated):
            yield TextDelta(fresh)
        if fresh := self._fresh(refusal, content.refusal, repeated=repeated):
            yield RefusalDelta(fresh)

    def _fresh(self, heard: list[str], told: str, *, repeated: bool) -> str:
        """What of the text has not been told yet."""
        fresh = told.removeprefix("".join(heard)) if repeated and told else told
        if fresh:
            heard.append(fresh)
            self.size += len(fresh)
        return fresh

    def _old_form(self, part: dict[object, object]) -> list[object] | None:
        """The call in the form before tools: there is only one, without an id and an index."""
        call = part.get("function_call")
        if not call or (len(self.calls) and not self._old_call):
            return None  # Some servers tell it in both forms.
        self._old_call = True
        return [{"index": 0, "function": call}]


def _raise_error(holder: dict[object, object]) -> None:
    error = holder.get("error")
    if error and (fault := reported_error({"error": error})) is not None:
        raise fault


def _listed(calls: object) -> list[object]:
    """The pieces; a server that sends a single one may leave the list out."""
    if isinstance(calls, dict):
        return [calls]
    if not isinstance(calls, list):
        raise malformed("tool calls that are no list", calls)
    return calls


def _object(choice: dict[object, object], name: str) -> dict[object, object] | None:
    """What stands there; null, and the empty list that PHP makes of an empty object, count as nothing."""
    value = choice.get(name)
    if not value and not isinstance(value, dict):
        return None
    if not isinstance(value, dict):
        raise malformed("a message that is no object", value)
    return value
