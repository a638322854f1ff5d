"""Which sequences of messages a provider accepts: every call is answered at once, and nothing answers no call."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.domain.conversation.messages import AssistantMessage, Message, SystemMessage, ToolMessage
from lightagent.domain.errors import ConfigurationError


def check_conversation(messages: Sequence[Message], at: str) -> None:
    """Raise unless a provider accepts these messages after the instructions.

    Raises:
        ConfigurationError: a call has no answer, an answer has no call, two calls of one message share an id, or a
            system message stands among them; the text names the place, which begins with `at`.
    """
    open_calls: set[str] = set()
    for place, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise ConfigurationError(f"{at}[{place}]: no call {message.tool_call_id!r} waits for this answer.")
            open_calls.remove(message.tool_call_id)
        elif open_calls:
            break
        elif isinstance(message, AssistantMessage):
            open_calls = {call.id for call in message.tool_calls}
            if len(open_calls) != len(message.tool_calls):
                raise ConfigurationError(f"{at}[{place}].tool_calls: two calls have the same id.")
        elif isinstance(message, SystemMessage):
            raise ConfigurationError(f"{at}[{place}]: a system message belongs to the agent's instructions.")
    if open_calls:
        raise ConfigurationError(f"{at}: the call {min(open_calls)!r} has no answer (a message with role tool).")


def splits_a_call(messages: Sequence[Message], place: int) -> bool:
    """Whether a cut before `messages[place]` parts a call from its result."""
    return place < len(messages) and isinstance(messages[place], ToolMessage)
