"""The certificate of chat/fallback: it does what the models behind it do."""

from collections.abc import Mapping

from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing.contracts.chat_model import ChatModelContract
from tests.contract.test_chat_scripted import told


class TestFallback(ChatModelContract):
    kind = "fallback"

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        # The first has nothing to say, which is LA-CONFIG.
        first: object = {"kind": "scripted", "replies": []}
        second: object = {"kind": "scripted", "replies": [told(reply) for reply in replies]}
        return {"models": [first, second], "on": ["LA-CONFIG"]}
