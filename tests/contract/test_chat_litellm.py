"""The certificate of chat/litellm, against the server that certifies chat/openai."""

from collections.abc import Mapping
from queue import SimpleQueue

import pytest

from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing.contracts.chat_model import ChatModelContract
from tests.contract.test_chat_openai import ToldServer, told_server

__all__ = ["TestLiteLLM", "told_server"]


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
class TestLiteLLM(ChatModelContract):
    kind = "litellm"

    @pytest.fixture(autouse=True)
    def backend(self, told_server: ToldServer) -> None:
        told_server.replies = SimpleQueue()
        self.told = told_server

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        self.told.tell(*replies)
        return {"model": "openai/told", "api_key": "none", "api_base": self.told.base_url}
