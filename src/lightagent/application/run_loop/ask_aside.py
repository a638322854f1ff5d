"""Asks a model something beside the conversation of a run, under the run's policies and budgets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.run_loop.hold_stream import Hold, begin_hold
from lightagent.application.run_loop.limit_model_calls import MODEL_CALLS, within_limit
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyBuilder, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ProviderError
from lightagent.domain.policy.phases import Decision, ReplyPayload, RequestPayload, Stopped
from lightagent.domain.runs.agents import UNKNOWN_ENDPOINT
from lightagent.domain.runs.events import Noted
from lightagent.domain.usage import Usage
from lightagent.ports.context import Aside
from lightagent.ports.models import ChatRequest, ServedModel
from lightagent.ports.telemetry import SideRequest

MOST_SAID: Final = 1_000_000
"""The maximum of characters of an answer, reasoning included; a longer one counts as a failure."""


@dataclass(slots=True)
class AsideReply:
    """The outcome of asking.

    Attributes:
        text: the answer; empty without one.
        usage: the tokens that were reported.
        error: why the answer is missing.
        decisions: of the policies that passed it.
        stopped: the verdict of a policy that ends the run.
    """

    text: str = ""
    usage: Usage | None = None
    error: Exception | None = None
    decisions: tuple[Decision, ...] = ()
    stopped: Stopped | None = None


async def ask_aside(live: ActiveRun[DepsT], aside: Aside, note: str, *, priced_as: str = "") -> AsideReply:
    """Ask the model once. A failure is returned as `AsideReply.error`, and does not end the run.

    Args:
        note: the kind of the note that the request counts, in runs that have budgets.
        priced_as: the name of the model whose price it has; by default that of the agent.
    """
    reply = AsideReply()
    payload = RequestPayload((UserMessage(aside.text),), {}, ())
    reviewer = live.reviewer
    if reviewer is not None and reviewer.reviews("model_request"):
        verdict = await reviewer.review("model_request", live.subject(aside.name), payload)
        if isinstance(verdict, Stopped):
            reply.stopped = verdict
            return reply
        reply.decisions += verdict.decisions
        payload = verdict.payload
    if live.spending is not None:
        tokens = estimate_tokens(aside.instructions) + estimate_tokens(aside.text)
        no_room = await live.spending.reserve_aside(live.run, tokens, priced_as)
        if no_room is not None:
            reply.stopped = no_room
            return reply
        await live.tell(Noted(note, {}, live.clock.now()))
    request = ChatRequest(
        (SystemMessage(aside.instructions), *payload.messages), params=payload.params, origin=live.origin()
    )
    try:
        hold = begin_hold(live)
        if isinstance(hold, Stopped):
            reply.stopped = hold
            return reply
        await _answer(live, aside, request, hold, reply)
        await _review(live, aside, reply)
    except TimeoutError as raised:
        if live.deadline is not None:
            live.deadline.check()
        reply.error = ProviderError(f"No {aside.name} within {aside.timeout:g} s.", code="LA-408")
        reply.error.__cause__ = raised
    except FAILURES as raised:  # A model is foreign code: the run goes on without its answer.
        reply.error = failure(raised)
        if live.deadline is not None:
            live.deadline.check()  # Raises if the time of the run itself is over.
    return reply


async def _answer(
    live: ActiveRun[DepsT], aside: Aside, request: ChatRequest, hold: Hold | None, reply: AsideReply
) -> None:
    """Read the answer in the time that it may take, which begins once there is a place for the request."""

    def work() -> Coroutine[object, object, None]:
        return await_foreign(_read(live, aside, request, hold, reply), aside.timeout, in_time=live.in_time)

    limit = MODEL_CALLS.get()
    await (work() if limit is None else within_limit(limit, work, live.deadline))


async def _read(
    live: ActiveRun[DepsT], aside: Aside, request: ChatRequest, hold: Hold | None, reply: AsideReply
) -> None:
    builder = ReplyBuilder()
    model = aside.model or live.acting.model
    endpoint = model.endpoint if isinstance(model, ServedModel) else UNKNOWN_ENDPOINT
    request, asked = live.asking(request, SideRequest(aside.name, model.name, endpoint))
    error: LightAgentErrorInfo | None = None
    try:
        deltas = model.stream(request)
        try:
            bound = _Bound(live, aside)
            async for delta in deltas:
                bound.check(delta)
                if hold is None or isinstance(delta, ReplyEnd):
                    builder.add(delta)
                elif not _released(builder, hold.feed(delta), reply):
                    return
        finally:
            reply.usage = builder.reply().end.usage
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()
    except Exception as raised:  # For telemetry only: it is raised again.
        error = classify_exception(raised)
        raise
    finally:
        if asked is not None:
            asked.answered()
            asked.ended(builder.reply().end, error, live.clock.now())
    if hold is not None:
        verdict = await hold.end()
        if not _released(builder, verdict if isinstance(verdict, Stopped) else verdict.payload, reply):
            return
        reply.decisions += verdict.decisions
    reply.text = _reply_text(aside, builder)


class _Bound:
    """How much a model may say and how long it may take; without a pause in its stream, no timer would fire."""

    def __init__(self, live: ActiveRun[DepsT], aside: Aside) -> None:
        self._deadline = live.deadline
        self._monotonic = live.clock.monotonic
        self._until = self._monotonic() + aside.timeout
        self._name = aside.name
        self._reply_text = 0

    def check(self, delta: Delta) -> None:
        """Count a delta.

        Raises:
            TimeoutError: the time is over, its own or that of the run.
            ProviderError: it says too much.
        """
        if self._deadline is not None:
            self._deadline.check()
        if self._monotonic() > self._until:
            raise TimeoutError
        if isinstance(delta, (TextDelta, ReasoningDelta)):
            self._reply_text += len(delta.text)
        if self._reply_text > MOST_SAID:
            raise ProviderError(
                f"The model said more than {MOST_SAID:,} characters, which is no {self._name}.",
                guidance="Choose another model for it.",
            )


def _released(builder: ReplyBuilder, deltas: Sequence[Delta] | Stopped, reply: AsideReply) -> bool:
    """Take what the policies let pass; returns whether the run goes on."""
    if isinstance(deltas, Stopped):
        reply.stopped = deltas
        return False
    for delta in deltas:
        builder.add(delta)
    return True


def _reply_text(aside: Aside, builder: ReplyBuilder) -> str:
    said = builder.reply()
    text = (said.message.content or "").strip()
    if said.end.finish_reason == "content_filter" or not text:
        raise ProviderError(f"The model gave no {aside.name}.", guidance="Choose another model for it.")
    return text


async def _review(live: ActiveRun[DepsT], aside: Aside, reply: AsideReply) -> None:
    """Have the policies review the answer as they review every reply."""
    reviewer = live.reviewer
    if reviewer is None or reply.stopped is not None or not reviewer.reviews("model_reply"):
        return
    payload = ReplyPayload(AssistantMessage(reply.text), "stop", reply.usage)
    verdict = await reviewer.review("model_reply", live.subject(aside.name), payload)
    if isinstance(verdict, Stopped):
        reply.stopped = verdict
        return
    reply.decisions += verdict.decisions
    reply.text = verdict.payload.message.content or ""
    if not reply.text.strip():
        raise ProviderError(f"The policies left nothing of the {aside.name}.", guidance="Change the policy.")
