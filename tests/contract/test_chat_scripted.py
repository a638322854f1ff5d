"""The certificate of chat/scripted."""

from collections.abc import Mapping

from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing.contracts.chat_model import ChatModelContract


class TestScripted(ChatModelContract):
    kind = "scripted"

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        return {"replies": [told(reply) for reply in replies]}


def told(reply: AssistantMessage) -> object:
    """A reply as settings would tell it."""
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in reply.tool_calls]
    return {"content": reply.content, "tool_calls": calls} if calls else reply.content
