"""Models that give the stored answer at once, as each library has its users write one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from common import STORED_ANSWER

if TYPE_CHECKING:
    import agents

    from lightagent import ChatModel


def lightagent_model() -> ChatModel:
    """For this project."""
    from lightagent import ChatModel, ChatRequest
    from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta

    class Model(ChatModel):
        name = "fixed"

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
            yield TextDelta(STORED_ANSWER)
            yield ReplyEnd("stop")

        async def aclose(self) -> None:
            """Nothing is open."""

    return Model()


def openai_agents_model() -> agents.Model:
    """For openai-agents, whose tracing is switched off."""
    import agents
    from openai.types.responses import ResponseOutputMessage, ResponseOutputText

    agents.set_tracing_disabled(True)

    class Model(agents.Model):
        async def get_response(self, *args: object, **kwargs: object) -> agents.ModelResponse:
            text = ResponseOutputText(text=STORED_ANSWER, type="output_text", annotations=[])
            said = ResponseOutputMessage(id="m", role="assistant", status="completed", type="message", content=[text])
            return agents.ModelResponse([said], agents.Usage(), None)

        def stream_response(self, *args: object, **kwargs: object) -> AsyncGenerator[object, None]:
            raise NotImplementedError("Only whole answers are measured.")

    return Model()
