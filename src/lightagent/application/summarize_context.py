"""Asks a model for a summary of what is going to be left out of a conversation: once, and never again for the same."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from lightagent.application.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.hold_stream import Hold, begin_hold
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.context_labels import tool_names
from lightagent.domain.deltas import Delta, ReplyBuilder, ReplyEnd
from lightagent.domain.errors import ProviderError
from lightagent.domain.events import Noted
from lightagent.domain.messages import AssistantMessage, ContextMessage, Message, SystemMessage, UserMessage
from lightagent.domain.policy import Decision, ReplyPayload, RequestPayload, Stopped
from lightagent.domain.spending import SUMMARY_REQUESTED
from lightagent.domain.token_estimate import estimate_tokens
from lightagent.domain.usage import Usage
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.models import ChatModel, ChatRequest

SUBJECT = "summary"
"""What a review of the request for a summary, and of the answer, is about."""

_MOST_SHOWN = 4_000
"""Characters of one message that the model is shown; what is longer is cut in its middle."""


@dataclass(slots=True)
class Summary:
    """What came of asking.

    Attributes:
        text: the summary; empty where there is none.
        usage: the tokens that were reported.
        error: why there is none.
        decisions: of the policies that passed it.
        stopped: the verdict of a policy that ends the run.
    """

    text: str = ""
    usage: Usage | None = None
    error: Exception | None = None
    decisions: tuple[Decision, ...] = ()
    stopped: Stopped | None = None


async def summarize(live: ActiveRun[DepsT], budget: ContextBudget, messages: Sequence[Message]) -> Summary:
    """Ask the model once. A failure is returned as `Summary.error`, and does not end the run."""
    summary = Summary()
    text = transcript(messages, budget.max_tokens - budget.most_summary)
    payload = RequestPayload((UserMessage(text),), {}, ())
    reviewer = live.reviewer
    if reviewer is not None and reviewer.reviews("model_request"):
        verdict = await reviewer.review("model_request", live.subject(SUBJECT), payload)
        if isinstance(verdict, Stopped):
            summary.stopped = verdict
            return summary
        summary.decisions += verdict.decisions
        payload = verdict.payload
    if live.spending is not None:
        no_room = await live.spending.reserve_summary(live.run, estimate_tokens(text))
        if no_room is not None:
            summary.stopped = no_room
            return summary
        await live.tell(Noted(SUMMARY_REQUESTED, {}, live.clock.now()))
    words = max(20, budget.most_summary // 2)
    asked = SystemMessage(live.acting.prompts.summarize.format(words=words))
    request = ChatRequest((asked, *payload.messages), params=payload.params, origin=live.full_origin())
    try:
        hold = begin_hold(live)
        if isinstance(hold, Stopped):
            summary.stopped = hold
            return summary
        reading = _read(budget.model or live.acting.model, request, hold, summary)
        await await_foreign(reading, budget.summary_timeout, in_time=live.in_time)
        await _review(live, summary)
    except TimeoutError as raised:
        if live.deadline is not None:
            live.deadline.check()
        summary.error = ProviderError(f"No summary within {budget.summary_timeout:g} s.", code="LA-408")
        summary.error.__cause__ = raised
    except FAILURES as raised:  # A model of anybody's: without a summary, messages are dropped.
        summary.error = failure(raised)
        if live.deadline is not None:
            live.deadline.check()  # The time of the run itself is over.
    return summary


async def _read(model: ChatModel, request: ChatRequest, hold: Hold | None, summary: Summary) -> None:
    builder = ReplyBuilder()
    deltas = model.stream(request)
    try:
        async for delta in deltas:
            if hold is None or isinstance(delta, ReplyEnd):
                builder.add(delta)
            elif not _released(builder, hold.feed(delta), summary):
                return
    finally:
        summary.usage = builder.reply().end.usage
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()
    if hold is not None:
        verdict = await hold.end()
        if not _released(builder, verdict if isinstance(verdict, Stopped) else verdict.payload, summary):
            return
        summary.decisions += verdict.decisions
    summary.text = _said(builder)


def _released(builder: ReplyBuilder, deltas: Sequence[Delta] | Stopped, summary: Summary) -> bool:
    """Take what the policies let pass; whether the run goes on."""
    if isinstance(deltas, Stopped):
        summary.stopped = deltas
        return False
    for delta in deltas:
        builder.add(delta)
    return True


def _said(builder: ReplyBuilder) -> str:
    reply = builder.reply()
    text = (reply.message.content or "").strip()
    if reply.end.finish_reason == "content_filter" or not text:
        raise ProviderError("The model gave no summary.", guidance="Choose another model for summaries.")
    return text


async def _review(live: ActiveRun[DepsT], summary: Summary) -> None:
    """Have the policies review the summary as they review every reply."""
    reviewer = live.reviewer
    if reviewer is None or summary.stopped is not None or not reviewer.reviews("model_reply"):
        return
    payload = ReplyPayload(AssistantMessage(summary.text), "stop", summary.usage)
    verdict = await reviewer.review("model_reply", live.subject(SUBJECT), payload)
    if isinstance(verdict, Stopped):
        summary.stopped = verdict
        return
    summary.decisions += verdict.decisions
    summary.text = verdict.payload.message.content or ""
    if not summary.text.strip():
        raise ProviderError("The policies left nothing of the summary.", guidance="Change the policy.")


def transcript(messages: Sequence[Message], most_tokens: int) -> str:
    """The messages as one text for the model that summarises them.

    One text, since no provider then asks for the declarations of the tools that were called, nor for a certain order.
    What is longer than `most_tokens` loses its middle, so that the request is not above the budget either.
    """
    names = tool_names(messages)
    text = "\n\n".join(_shown(message, names.get(place, "")) for place, message in enumerate(messages))
    return cut_to(text, most_tokens)


def cut_to(text: str, tokens: int) -> str:
    """The text, without its middle where it would take more than so many tokens."""
    estimated = estimate_tokens(text)
    return text if estimated <= tokens else _without_middle(text, max(1, len(text) * tokens // estimated - 10))


def _shown(message: Message, tool: str) -> str:
    match message:
        case AssistantMessage():
            calls = "".join(f"\n[calls {call.name}({call.arguments})]" for call in message.tool_calls)
            return f"assistant: {_without_middle((message.said or '') + calls, _MOST_SHOWN)}"
        case UserMessage():
            return f"user: {_without_middle(message.text, _MOST_SHOWN)}"
        case ContextMessage():
            return _without_middle(message.delimited, _MOST_SHOWN)
        case _:
            return f"result of {tool or 'a tool'}: {_without_middle(message.content, _MOST_SHOWN)}"


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[…]\n{text[len(text) - half :]}"
