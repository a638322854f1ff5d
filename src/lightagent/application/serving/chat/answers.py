"""How a run ends as a chat completion, and whole responses that are not streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.projections.partial_text import reply_text, withholds_content
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.approvals import waiting_words
from lightagent.application.serving.error_statuses import CANCELLED
from lightagent.application.serving.projections import Opening
from lightagent.application.serving.run_view import ChatView, ToolSteps, as_line
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Cancelled, Completed, Suspended, outcome_error
from lightagent.domain.runs.events import Event, ModelReplied, RunFinished
from lightagent.domain.usage import Usage

_CUT: Final = ("length", "content_filter")
"""The finish reasons with which a provider cuts an answer short."""

_REASONS: Final = ("stop", *_CUT)
"""The finish reasons of a model that clients know."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a response ends.

    Attributes:
        finish_reason: one of OpenAI's finish reasons.
        error: the error that replaces an answer.
        calls: the calls of client tools that the client has to run.
        sentence: what the reader is told about calls that wait for people.
    """

    finish_reason: str = "stop"
    error: LightAgentErrorInfo | None = None
    calls: tuple[JsonObject, ...] = ()
    sentence: str = ""


def ending_of(finished: RunFinished, waiting: WaitingSteps, finish_reason: str, view: ChatView) -> Ending:
    """Return how the response to a finished run ends.

    Args:
        finish_reason: the finish reason of the model's last reply.
    """
    outcome = finished.outcome
    if isinstance(outcome, Completed):
        return Ending(finish_reason if finish_reason in _REASONS else "stop")
    if isinstance(outcome, Suspended):
        calls = tuple(_call(waiting.run_id, call) for call in waiting.external)
        return Ending("tool_calls" if calls else "stop", calls=calls, sentence=waiting_words(waiting.reviews, view))
    if isinstance(outcome, Cancelled):
        return Ending(error=CANCELLED)
    error = outcome_error(outcome)
    cut = None if error is None else (error.details or {}).get("finish_reason")
    if isinstance(cut, str) and cut in _CUT:  # Clients handle a partial answer that is marked as one.
        return Ending(cut)
    return Ending(error=error)


def chat_completion(
    opening: Opening, events: Sequence[Event], view: ChatView, waiting: WaitingSteps
) -> JsonObject | LightAgentErrorInfo:
    """Return the whole response to a request that is not streamed, or the error that replaces it.

    Args:
        events: the run's events since the request.
    """
    last, waited = next((event for event in reversed(events) if isinstance(event, ModelReplied)), None), waiting.waiting
    finished = events[-1]
    if not isinstance(finished, RunFinished):
        return CANCELLED
    if isinstance(finished.outcome, Suspended):  # After any other outcome no call waits.
        for event in events:
            waiting.feed(event)
    ending = ending_of(finished, waiting, (last.finish_reason if last is not None else None) or "stop", view)
    if ending.error is not None:
        return ending.error
    said = "" if last is None or withholds_content(finished) else reply_text(last)
    content = finished.outcome.content if isinstance(finished.outcome, Completed) else said
    message: JsonObject = {
        "role": "assistant",
        "content": "\n\n".join(filter(None, (content, ending.sentence))) or None,
    }
    thought = _reasoning(events, view, waited)
    if thought:
        message |= dict.fromkeys(view.reasoning_fields, thought)
    if ending.calls:
        message["tool_calls"] = [*ending.calls]
    body: JsonObject = {
        "id": opening.id,
        "object": "chat.completion",
        "created": opening.created,
        "model": opening.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": ending.finish_reason}],
        "usage": usage_object(total_usage(events)),
    }
    if view.tools == "extension":
        body["lightagent"] = {"steps": _tool_steps(events, waited)}
    return body


def usage_object(usage: Usage) -> JsonObject:
    """Return the token usage of the whole run, summed over all its model requests."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _call(run_id: str, waiting: WaitingStep) -> JsonObject:
    return {
        "id": outer_call_id(run_id, waiting.id),
        "type": "function",
        "function": {"name": waiting.name, "arguments": waiting.raw_arguments},
    }


def _reasoning(events: Sequence[Event], view: ChatView, waited: Sequence[WaitingStep]) -> str:
    """Return the reasoning of all turns, with the lines about tools if they are shown there."""
    tools, found = ToolSteps(waited), list[str]()
    for event in events:
        if isinstance(event, ModelReplied) and event.message.reasoning:
            found.append(event.message.reasoning)
        if view.tools == "reasoning":
            found += map(as_line, tools.feed(event))
    return "".join(found)


def _tool_steps(events: Sequence[Event], waited: Sequence[WaitingStep]) -> list[JsonValue]:
    tools = ToolSteps(waited)
    return [told for event in events for told in tools.feed(event)]
