"""How agents of a swarm may ask each other, as a pure rule, and what of a conversation the one who is asked is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.conversation.labels import labels_of
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, UserMessage
from lightagent.domain.errors import ConfigurationError

CONSULT_SOURCE: Final = "conversation"
"""The source of the message that quotes to an agent, which is asked, what was said before."""

_LEAST: Final = 40
"""The least number of characters quoted of a message; one without room for that many is not quoted."""

_LONGEST_KIND: Final = 40
"""Characters that are quoted of the kind of a part of a message, such as ``image_url``."""


@dataclass(frozen=True, slots=True)
class ConsultLimits:
    """How far the agents of a swarm may ask each other.

    Attributes:
        max_depth: how many agents may wait for each other: with 1, an agent that was asked cannot ask another one.
        max_history: how many of the last messages of the conversation are quoted to the agent that is asked; with 0
            it gets the question alone.
        max_chars: characters of all quoted messages together; a message that does not fit is cut at its end.

    Raises:
        ConfigurationError: a value is not an integer of at least 1 (depth) or 0 (history), or the depth is above 8.
    """

    max_depth: int = 3
    max_history: int = 20
    max_chars: int = 20_000

    def __post_init__(self) -> None:
        for name, least, most in (("max_depth", 1, 8), ("max_history", 0, 10**6), ("max_chars", 0, 10**8)):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or not least <= count <= most:
                raise ConfigurationError(
                    f"ConsultLimits: {name} must be a whole number from {least} to {most}, got {count!r:.80}.",
                    guidance="",
                )


def refused_consultation(asking: Sequence[str], target: str, limits: ConsultLimits) -> str | None:
    """Return why the acting agent may not ask another one, or None if it may.

    Args:
        asking: the names of the agents that wait for each other, the outermost first; the last one would ask.
        target: whom it would ask.
    """
    if target == asking[-1]:
        return f"You are {target}: no other agent is asked. Answer yourself."
    if target in asking:
        return f"{target} waits for your answer, so it cannot be asked. Answer with what is known."
    if len(asking) > limits.max_depth:
        waiting = " and ".join(asking[:-1])
        return f"{target} was not asked: {waiting} wait for an answer already. Answer with what is known."
    return None


def quoted_conversation(
    conversation: Sequence[Message], agent: str, limits: ConsultLimits
) -> tuple[ContextMessage, ...]:
    """Return the conversation for an agent that is asked: one message that quotes the last ones.

    They are quoted since the agent that is asked did not write them: a line of JSON for each message, so that no text
    can imitate another message. Of parts other than text only the kinds are named. Calls and results are left out: the
    agent may lack their tools, and the agent that asks can state the results.
    """
    lines: list[str] = []
    kept: list[Message] = []
    room = limits.max_chars
    for message in reversed(conversation):
        said = _quote_of(message, agent)
        if said is None:
            continue
        line = said.within(room)
        if len(lines) == limits.max_history or not line:
            break
        lines.append(line)
        kept.append(message)
        room -= len(line)
    if not lines:
        return ()
    return (ContextMessage(CONSULT_SOURCE, "\n".join(reversed(lines)), "untrusted", labels_of(kept[::-1])),)


@dataclass(frozen=True, slots=True)
class _Quote:
    """Return the text of a message, and the kinds of its other parts, which are not quoted."""

    by: str
    text: str
    others: tuple[str, ...] = ()

    def within(self, room: int) -> str:
        """It as a line of JSON of at most so many characters, without the end of its text where it is longer.

        Empty where no more than a few words would be left.
        """
        text, line = self.text, self._line(self.text)
        while len(line) > room and len(text) > _LEAST:
            # A character takes at most six in JSON.
            text = text[: max(0, min(room, len(text) - max(1, (len(line) - room) // 6)))]
            line = self._line(f"{text} …")
        return line if len(line) <= room else ""

    def _line(self, text: str) -> str:
        others: dict[str, object] = {"not_quoted": self.others} if self.others else {}
        return json.dumps({"from": self.by, "text": text, **others}, ensure_ascii=False)


def _quote_of(message: Message, agent: str) -> _Quote | None:
    match message:
        case UserMessage(content=content):
            parts = () if isinstance(content, str) else content
            kinds = dict.fromkeys(str(part.get("type"))[:_LONGEST_KIND] for part in parts)
            return _Quote("user", message.text, tuple(kind for kind in kinds if kind != "text"))
        case AssistantMessage(content=content) if content:
            return _Quote(agent, content)
        case ContextMessage(source=source, content=content, replaces=replaces) if replaces:
            return _Quote(source, content)  # A summary, or a message of another agent.
        case _:
            return None
