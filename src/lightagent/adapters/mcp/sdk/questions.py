"""Questions that a server asks in the middle of a call. They reach the caller of that call and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import mcp_types as types
from mcp.client import ClientRequestContext
from pydantic import TypeAdapter

from lightagent.adapters.mcp.sdk.calls import Call, CallsUnderWay
from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.translate import sampling_request
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import Elicitation, ElicitationAnswer
from lightagent.ports.mcp import Elicitor, Sampler

T = TypeVar("T")

_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)
_FORM: TypeAdapter[dict[str, str | int | float | bool | list[str] | None]] = TypeAdapter(
    dict[str, str | int | float | bool | list[str] | None]
)


@dataclass(frozen=True, slots=True)
class Answerers:
    """The user's code that answers questions; None: servers learn that questions are not supported.

    Attributes:
        roots: the folders that servers are told of, as ``file://`` addresses; None: servers are not told that there
            are any.
    """

    elicitor: Elicitor | None = None
    sampler: Sampler | None = None
    roots: tuple[str, ...] | None = None


class Questions:
    """Answers the questions of one session.

    Args:
        calls: of that session.
        renew: called where no question can be answered in this session any more, with the reason.
    """

    def __init__(
        self, answerers: Answerers, memory: ServerMemory, calls: CallsUnderWay, renew: Callable[[str], None]
    ) -> None:
        self._answerers = answerers
        self._memory = memory
        self._calls = calls
        self._renew = renew

    async def elicit(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        """What the user of the call answers."""
        elicitor, server = self._answerers.elicitor, self._memory.server.name
        if elicitor is None:
            return types.ElicitResult(action="decline")
        if isinstance(params, types.ElicitRequestURLParams):
            question = Elicitation(server, params.message, url=params.url)
        else:
            question = Elicitation(server, params.message, _OBJECT.validate_python(params.requested_schema))

        async def answer_call(call: Call) -> types.ElicitResult:
            answer = await call.ask(lambda: elicitor.elicit(question, call.caller))
            return _elicit_result(answer, form=not question.url)

        return await self._answer("a question for the user", answer_call)

    async def sample(
        self, context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult | types.ErrorData:
        """What a model answers."""
        sampler = self._answerers.sampler
        if sampler is None:
            return types.ErrorData(code=types.INVALID_REQUEST, message="Sampling is not supported.")
        request = sampling_request(self._memory.server.name, params)

        async def answer_call(call: Call) -> types.CreateMessageResult | types.ErrorData:
            answer = await call.ask(lambda: sampler.sample(request, call.caller))
            content = types.TextContent(type="text", text=answer.text)
            return types.CreateMessageResult(
                role="assistant", content=content, model=answer.model, stop_reason=answer.stop_reason
            )

        return await self._answer("a request to a model", answer_call)

    async def roots(self, context: ClientRequestContext) -> types.ListRootsResult:
        """The folders."""
        roots = self._answerers.roots or ()
        return types.ListRootsResult.model_validate({"roots": [{"uri": uri} for uri in roots]})

    async def _answer(self, what: str, answer_call: Callable[[Call], Awaitable[T]]) -> T | types.ErrorData:
        call = self._calls.asking_call()
        if call is None:
            if self._calls.unclear:
                self._renew("it may still be at work on a call that was given up, and asked something")
            text = f"the server sent {what} that cannot be told to belong to one of the calls under way; it was refused"
            self._memory.remark("question", text)
            return types.ErrorData(code=types.INVALID_REQUEST, message="It is not known whom this concerns.")
        try:
            return await answer_call(call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return types.ErrorData(code=types.INTERNAL_ERROR, message="The call was cancelled.")
        except Exception as exc:  # Answerers are the user's code: the server only learns that it failed.
            self._memory.remark("question", f"{what} could not be answered: {type(exc).__name__}: {str(exc)[:300]}")
            return types.ErrorData(code=types.INTERNAL_ERROR, message="It could not be answered.")


def _elicit_result(answer: ElicitationAnswer, *, form: bool) -> types.ElicitResult:
    if answer.action != "accept" or not form:
        return types.ElicitResult(action=answer.action)
    return types.ElicitResult(action="accept", content=_FORM.validate_python(answer.content))
