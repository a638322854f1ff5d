"""The conversation as the stand-in sees it: the last question, and what was called since."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from lightagent.adapters.chat.offline.words import readable
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

# The id of a call says what the call was for, so that a later request, perhaps in another process, knows it again.
_ID = re.compile(r"call_(\d+)_(\d+)_(\d+)_(\d+)")
_NOTHING = re.compile(
    r"(?:\[\s*\]|\{\s*\}|null|none|no \w+(?: \w+){0,3} (?:found|match\w*)\b.*|nothing(?: .*)?|0 \w+)?\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Done:
    """A call that was made and answered.

    Attributes:
        clause, item, attempt: what it was for; `clause` is -1 if another model made it.
    """

    tool: str
    arguments: JsonObject
    result: str
    clause: int = -1
    item: int = 0
    attempt: int = 0

    @property
    def failed(self) -> bool:
        """Whether the tool failed or the call was refused."""
        return self.result.startswith("[LA-")

    @property
    def refused(self) -> bool:
        """Whether the call was forbidden. Then trying it in another way would be wrong."""
        return self.failed and not self.result.startswith(("[LA-TOOL]", "[LA-JSON]"))

    @property
    def empty(self) -> bool:
        """Whether the result says that nothing was found."""
        return bool(_NOTHING.fullmatch(self.result.strip()))


@dataclass(frozen=True, slots=True)
class Transcript:
    """The last question, the calls made for it, and the calls of earlier turns."""

    question: str
    turn: int
    done: tuple[Done, ...]
    before: tuple[Done, ...]

    def call_id(self, clause: int, item: int, attempt: int) -> str:
        """The id of a call for this question."""
        return f"call_{self.turn}_{clause}_{item}_{attempt}"


def read_transcript(messages: tuple[Message, ...]) -> Transcript:
    """The parts of a conversation that the rules need."""
    question, turn, calls = "", 0, dict[str, ToolCall]()
    done: list[Done] = []
    before: list[Done] = []
    for message in messages:
        match message:
            case UserMessage():
                question, turn = readable(message.text), turn + 1
                before, done = before + done, []
            case AssistantMessage():
                calls.update((call.id, call) for call in message.tool_calls)
            case ToolMessage() if message.tool_call_id in calls:
                done.append(_done(calls[message.tool_call_id], message.content, turn))
            case _:
                pass
    return Transcript(question, turn, tuple(done), tuple(before))


def _done(call: ToolCall, result: str, turn: int) -> Done:
    try:
        parsed = json.loads(call.arguments)
    except ValueError:
        parsed = {}
    arguments: JsonObject = parsed if isinstance(parsed, dict) else {}
    numbers = _ID.fullmatch(call.id)
    if numbers is None or int(numbers.group(1)) != turn:
        return Done(call.name, arguments, result)
    return Done(call.name, arguments, result, *(int(number) for number in numbers.groups()[1:]))
