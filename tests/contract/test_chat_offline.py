"""The certificate of chat/offline."""

from collections.abc import Mapping

from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing.contracts.chat_model import ChatModelContract


class TestOffline(ChatModelContract):
    kind = "offline"
    tells = False

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        return {}
