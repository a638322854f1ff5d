"""Carries out `AskModel`: one request to the model, tried again where that can help."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import cache
from typing import Generic

from lightagent.application.deadline import Deadline
from lightagent.application.plan import RunPlan
from lightagent.application.steps import Step
from lightagent.application.tools.toolbox import DepsT
from lightagent.domain.deltas import ModelReply, ReplyBuilder, ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ProviderError
from lightagent.domain.events import ModelFailed, ModelReplied, ModelRequested, RunFinished
from lightagent.domain.messages import AssistantMessage, ToolCall
from lightagent.domain.outcomes import Failed
from lightagent.domain.runs import Run
from lightagent.ports.models import ChatRequest

_LONGEST_PAUSE = 30.0


async def ask_model(exchange: Exchange[DepsT]) -> AsyncGenerator[Step, None]:
    """Ends with `ModelReplied`, or with `RunFinished` where the request failed for good."""
    plan = exchange.plan
    yield ModelRequested(exchange.turn, len(exchange.request.messages), plan.clock.now())
    # A request that succeeds at once pays nothing for the retry library, neither its import nor its 50 µs a call.
    async with aclosing(exchange.attempt()) as steps:
        async for step in steps:
            yield step
    if exchange.may_retry:
        async with aclosing(_try_again(exchange)) as steps:
            async for step in steps:
                yield step
    if exchange.failure is not None:
        plan.causes.append(exchange.failure)
        yield RunFinished(Failed(classify_exception(exchange.failure)), plan.clock.now())


class Exchange(Generic[DepsT]):
    """The attempts at one request, which must be over by `deadline`, and what became of them."""

    def __init__(self, run: Run, plan: RunPlan[DepsT], deadline: Deadline) -> None:
        self.plan = plan
        self.deadline = deadline
        self.turn = run.turn + 1
        self.request = ChatRequest(
            run.messages, plan.tools.specs, run.started.params, run.started.output_schema, plan.stream
        )
        self.most_attempts = run.started.limits.max_retry
        self.attempts = 0
        self.delivered = False
        self.failure: Exception | None = None
        self._unfinished: ReplyBuilder | None = None

    @property
    def may_retry(self) -> bool:
        """A failed request may be made again, unless a part of its answer has already been shown."""
        return self.failure is not None and classify_exception(self.failure).retryable and not self.delivered

    def pause(self, error: Exception) -> bool | float:
        """Seconds to wait before the next attempt, True for jittered backoff, False to give up."""
        if error is not self.failure:
            return False  # whoever watched has gone: the library hands us that, too
        asked = self.failure.retry_after if isinstance(self.failure, ProviderError) else None
        # What comes too late helps nobody; the failure says more than a deadline that was waited for.
        if not self.may_retry or (asked or 0) > self.deadline.left():
            return False
        return True if asked is None else asked

    async def attempt(self) -> AsyncGenerator[Step, None]:
        """One request; ends with `ModelReplied` or `ModelFailed`."""
        self.attempts += 1
        self.failure = None
        clock, first = self.plan.clock, None
        builder = self._unfinished = ReplyBuilder()
        began = clock.monotonic()
        deltas = self.plan.model.stream(self.request)
        try:
            async for delta in deltas:
                first = clock.monotonic() - began if first is None else first
                builder.add(delta)
                if self.plan.stream and not isinstance(delta, ReplyEnd):
                    self.delivered = True
                    yield delta
            if not builder.ended:
                raise _no_end()
        except Exception as exc:  # an adapter of anybody's: whatever it raises ends this attempt, not the process
            self.failure = exc
        finally:
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()
        self._unfinished = None
        if self.failure is None:
            yield _replied(self.turn, builder.reply(), clock.monotonic() - began, first, clock.now())
        else:
            yield self._failed(classify_exception(self.failure), builder)

    def cut_off(self, error: LightAgentErrorInfo) -> ModelFailed | None:
        """What became of the attempt that is given up because of `error`; None where none is under way."""
        builder, self._unfinished = self._unfinished, None
        return None if builder is None else self._failed(error, builder)

    def _failed(self, error: LightAgentErrorInfo, builder: ReplyBuilder) -> ModelFailed:
        partial = builder.reply().message.content or ""
        return ModelFailed(self.turn, self.attempts, error, partial, self.plan.clock.now())


async def _try_again(exchange: Exchange[DepsT]) -> AsyncGenerator[Step, None]:
    import stamina

    _keep_quiet()
    try:
        async for retry in stamina.retry_context(
            on=exchange.pause, attempts=exchange.most_attempts, timeout=None, wait_max=_LONGEST_PAUSE
        ):
            with retry:
                if retry.num > 1:  # the first attempt was made before
                    async with aclosing(exchange.attempt()) as steps:
                        async for step in steps:
                            yield step
                if exchange.failure is not None:
                    raise exchange.failure
    except Exception as exc:  # the last failure comes back; ask_model tells it
        if exc is not exchange.failure:
            raise


@cache
def _keep_quiet() -> None:
    """stamina tells of each pause through `logging`; where nobody has set that up, it would end on stderr."""
    logging.getLogger("stamina").addHandler(logging.NullHandler())


def _no_end() -> ProviderError:
    return ProviderError(
        "The model's stream ended without ReplyEnd: the answer is cut off.",
        code="LA-500",
        guidance="Try again; a model of your own ends its stream with ReplyEnd.",
    )


def _replied(turn: int, reply: ModelReply, latency: float, first: float | None, now: float) -> ModelReplied:
    end = reply.end
    message = _with_distinct_ids(reply.message, turn)
    return ModelReplied(turn, message, end.finish_reason, end.usage, end.model, end.response_id, latency, first, now)


def _with_distinct_ids(message: AssistantMessage, turn: int) -> AssistantMessage:
    """Some servers leave the ids of calls out, or use one twice; a result must find its call."""
    ids = [call.id for call in message.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return message
    calls = tuple(
        ToolCall(f"call_{turn}_{place}", call.name, call.arguments) for place, call in enumerate(message.tool_calls)
    )
    return replace(message, tool_calls=calls)
