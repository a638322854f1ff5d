"""One attempt at a model request: reads the answer, has the policies review it, and records the outcome."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.run_loop.finish_answer import fitted
from lightagent.application.run_loop.handoff_text import settled, waits_for_calls, without_words
from lightagent.application.run_loop.hold_stream import Hold, begin_hold
from lightagent.application.run_loop.limit_model_calls import MODEL_CALLS, within_limit
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.deltas import (
    Delta,
    ModelReply,
    ReplyBuilder,
    ReplyEnd,
    ToolCallDelta,
    message_deltas,
)
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import OutputError, ProviderError
from lightagent.domain.json_copies import copy_json
from lightagent.domain.outcomes import Failed, outcome_error
from lightagent.domain.policy.phases import Decision, OutputPayload, Passed, ReplyPayload, Stopped
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import ModelReplied
from lightagent.ports.models import ChatRequest


async def attempt_request(live: ActiveRun[DepsT]) -> bool | None:
    """Ask the model once.

    Returns:
        None if the answer was recorded, or an event that says what stopped it. Otherwise the attempt has failed, the
        error is in `live.record.cause`, and the result says whether a part of the answer was shown.
    """
    request = await _made_request(live)
    if request is None:
        return None
    reading = _Reading(live)
    clock, began = live.clock, live.clock.monotonic()
    live.record.cause, live.attempt, live.attempt_is_private = None, reading.builder, False
    live.output_is_reviewed = False
    try:
        hold = begin_hold(live)
        if isinstance(hold, Stopped):
            await _tell_stopped(live, hold, ())
            return None
        # Text that is held back may belong to a reply that hands over: the user must not see it, and it may have to
        # stay off the record.
        live.attempt_is_private = (hold is not None and hold.whole) or waits_for_calls(live)
        if (limit := MODEL_CALLS.get()) is None:
            await _read(live, request, reading, hold)
        else:
            await within_limit(limit, partial(_read, live, request, reading, hold), live.deadline)
        if not reading.ended and reading.stopped is None:
            raise _no_end()
    except FAILURES as raised:  # A model is foreign code: its exceptions end this attempt, not the process.
        error = failure(raised)
        if live.deadline is not None:
            live.deadline.check()  # If the time is up, that is the error to report, and not the model's.
        live.record.cause = error
        return reading.shown
    await _after_reply(live, reading, hold, clock.monotonic() - began)
    return None


async def _read(live: ActiveRun[DepsT], request: ChatRequest, reading: _Reading, hold: Hold | None) -> None:
    """Read the answer to its end, or until a policy stops it."""
    request, asked = live.asking(request)
    clock = live.clock
    began = clock.monotonic()
    try:
        deltas = live.acting.model.stream(request)
        try:
            async for delta in deltas:
                if reading.first is None:
                    reading.first = clock.monotonic() - began
                    if asked is not None:
                        asked.answered()  # Deltas are passed on without the request's span as the current one.
                if hold is None:
                    await reading.take(delta)
                else:
                    await reading.take_held(delta, hold)
                if reading.stopped is not None:
                    break
        finally:
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()
    finally:
        if asked is not None:
            asked.answered()


class _Reading:
    """The parts of one answer that have been received.

    Attributes:
        builder: collects the deltas that the policies have passed; only these can be recorded.
        ended: whether the model reported the end of its answer.
        first: the time until the first delta, in seconds; None before it.
        shown: whether text of the answer was shown to the consumer of the stream.
        stopped: the verdict of a policy that ends the run; None without one.
        waiting: deltas that are held back until it is known whether the reply hands over, if the text beside a handoff
            is hidden.
    """

    def __init__(self, live: ActiveRun[DepsT]) -> None:
        self._give = live.give
        self._deadline = live.deadline
        self._stream = live.stream
        self.builder = ReplyBuilder()
        self.ended = False
        self.first: float | None = None
        self.shown = False
        self.stopped: Stopped | None = None
        self._waits = waits_for_calls(live)
        self.waiting: list[Delta] = []

    async def take_held(self, delta: Delta, hold: Hold) -> None:
        """Pass one delta to the policies, and add the deltas that they release."""
        if isinstance(delta, ReplyEnd):
            await self.take(delta, show=False)
        else:
            await self.release(hold.feed(delta), hold)

    async def release(self, deltas: Sequence[Delta] | Stopped, hold: Hold) -> None:
        """Add deltas that the policies release, or store their verdict."""
        if isinstance(deltas, Stopped):
            self.stopped = deltas
            return
        for delta in deltas:
            await self.take(delta, show=not hold.whole)

    async def take(self, delta: Delta, *, show: bool = True) -> None:
        """Add one delta to the answer, and show it if the run is streamed and `show` is true."""
        self.builder.add(delta)
        if isinstance(delta, ReplyEnd):
            self.ended = True
        elif self._stream and show and self._waits:
            self.waiting.append(delta)
        elif self._stream and show:
            # Consumers never see parts of calls, so an attempt that failed within a call can be repeated.
            self.shown = self.shown or not isinstance(delta, ToolCallDelta)
            await self._give(delta)
        # A timer fires only while the task waits, which the model may never do.
        if self._deadline is not None:
            self._deadline.check()


async def _made_request(live: ActiveRun[DepsT]) -> ChatRequest | None:
    """Return the request. If none can be made, record that, which ends the run, and return None."""
    try:
        return await _chat_request(live)
    except FAILURES as raised:  # Foreign code: the declarations of tools are made here.
        error = failure(raised)
    live.attempt, live.attempt_is_private, live.record.cause = ReplyBuilder(), False, error
    info = classify_exception(error)
    failed = live.failed_attempt(info, Failed(info))
    if failed is not None:
        await live.tell(failed)
    return None


async def _chat_request(live: ActiveRun[DepsT]) -> ChatRequest:
    """Make the request as the recorded events of the run determine it."""
    run = live.run
    specs = await live.specs(run.offered or ())
    requested = run.request
    params, parts = run.head.params, (run.history, run.added)
    if requested is not None:
        params = params if requested.params is None else requested.params
        parts = parts if requested.messages is None else (requested.messages, ())
    return ChatRequest(
        tuple(chain(_instructions(run.head), *parts)),
        specs,
        copy_json(params),
        run.head.output_schema,
        live.stream,
        live.origin(),
    )


def _instructions(head: AgentHead) -> tuple[SystemMessage, ...]:
    """Return the system message, or nothing if it is empty: providers refuse an empty one."""
    return () if head.silent else (head.instructions,)


async def _after_reply(live: ActiveRun[DepsT], reading: _Reading, hold: Hold | None, latency: float) -> None:
    decisions: tuple[Decision, ...] = ()
    if hold is not None and reading.stopped is None:
        verdict = await hold.end()
        if isinstance(verdict, Stopped):
            reading.stopped = verdict
        else:
            decisions = verdict.decisions
            await reading.release(verdict.payload, hold)
    reply = reading.builder.reply()
    if reading.stopped is None:
        reviewed = await _reviewed(live, reply)
        if isinstance(reviewed, Passed):
            decisions += reviewed.decisions
            reply = ModelReply(reviewed.payload.message, reply.end)
        else:
            reading.stopped, live.attempt_is_private = reviewed, True
    if reading.stopped is not None:
        await _tell_stopped(live, reading.stopped, decisions)
        return
    message, settling, is_shown = settled(live, _with_distinct_ids(reply.message, live.run.turn + 1))
    decisions += settling
    live.output_is_held = hold is not None and hold.whole and not hold.may_show(reply)
    shown: Sequence[Delta] = reading.waiting
    if hold is not None and hold.whole and not live.output_is_held:
        shown = message_deltas(message)
    for delta in shown if is_shown else without_words(shown):
        await live.show(delta)
    live.attempt = None
    end = reply.end
    turn = live.run.turn + 1
    await live.tell(
        ModelReplied(
            turn,
            message,
            end.finish_reason,
            end.usage,
            end.model,
            end.response_id,
            decisions,
            latency,
            reading.first,
            live.clock.now(),
        )
    )


async def _reviewed(live: ActiveRun[DepsT], reply: ModelReply) -> Passed[ReplyPayload] | Stopped:
    payload = ReplyPayload(reply.message, reply.end.finish_reason, reply.end.usage)
    reviewer, decisions = live.reviewer, tuple[Decision, ...]()
    if reviewer is None:
        return Passed(payload)
    if reviewer.reviews("model_reply"):
        verdict = await reviewer.review("model_reply", live.subject(), payload)
        if isinstance(verdict, Stopped):
            return verdict
        payload, decisions = verdict.payload, verdict.decisions
    content = _given(live, payload) if reviewer.reviews("output") else None
    if content is None:
        return Passed(payload, decisions)
    answer = await reviewer.review("output", live.subject(), OutputPayload(content))
    decisions += answer.decisions
    if isinstance(answer, Stopped):
        return Stopped(answer.outcome, decisions)
    live.output_is_reviewed = True
    made = answer.payload.content
    if made != content:
        # The reasoning and the fields of the provider may repeat what a policy removed from the content.
        rewritten = replace(payload.message, content=made, reasoning=None, provider_fields=None)
        payload = replace(payload, message=rewritten)
    return Passed(payload, decisions)


def _given(live: ActiveRun[DepsT], payload: ReplyPayload) -> str | None:
    """The text of a reply that its caller would get, which is reviewed before any of it is on record.

    That is an answer, or the part of an interrupted one. An answer that does not fit the output type is not passed on:
    it goes back to the model.
    """
    message = payload.message
    if payload.finish_reason == "length":
        return message.content or None
    if message.tool_calls or message.refusal or payload.finish_reason == "content_filter":
        return None
    try:
        return fitted(live, message.content or "")
    except OutputError:
        return None


async def _tell_stopped(live: ActiveRun[DepsT], stopped: Stopped, decisions: tuple[Decision, ...]) -> None:
    """Record that a policy stopped the answer. Of a stream that is held back, only the released part is recorded."""
    error = outcome_error(stopped.outcome) or _ended_by_policy()
    failed = live.failed_attempt(error, stopped.outcome)
    if failed is not None:
        await live.tell(replace(failed, decisions=(*decisions, *stopped.decisions)))


def _ended_by_policy() -> LightAgentErrorInfo:
    return LightAgentErrorInfo("LA-UNKNOWN", "A policy ended the run.")


def _no_end() -> ProviderError:
    return ProviderError(
        "The model's stream ended without ReplyEnd: the answer is cut off.",
        code="LA-500",
        guidance="Try again; a model of your own ends its stream with ReplyEnd.",
    )


def _with_distinct_ids(message: AssistantMessage, turn: int) -> AssistantMessage:
    """Give the calls new ids if a server left some out or repeated one; a result must find its call."""
    if not message.tool_calls:
        return message
    ids = [call.id for call in message.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return message
    calls = tuple(replace(call, id=f"call_{turn}_{place}") for place, call in enumerate(message.tool_calls))
    return replace(message, tool_calls=calls)
