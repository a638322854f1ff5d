"""A run as a stream of typed response events; the last one contains the whole response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lightagent.application.projections.partial_text import LiveText, withholds_content
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.chat.answers import ending_of
from lightagent.application.serving.projections import StreamProjection
from lightagent.application.serving.responses.calls import OwnCalls, approval_item, function_item
from lightagent.application.serving.responses.items import REQUEST_PREFIX
from lightagent.application.serving.responses.objects import ResponseHead, ResponseStatus, response_object
from lightagent.application.serving.responses.output import ResponseOutput
from lightagent.application.serving.responses.recorded_text import RecordedText
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import TextDelta, is_delta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Cancelled, Completed
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.events import (
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Nested,
    RunFinished,
)
from lightagent.domain.usage import Usage


class ResponseStream(StreamProjection):
    """Writes the events of one response.

    Args:
        waiting: the calls that wait, or waited before the run resumed.
        live: whether the steps come from a running run. Recorded events produce the same numbers every time.
        after: the number of the last event that the client has; events up to this one are not sent.
    """

    def __init__(
        self,
        head: ResponseHead,
        view: ChatView,
        waiting: WaitingSteps | None = None,
        *,
        live: bool = True,
        after: int = -1,
    ) -> None:
        self._head = head
        self._view = view
        self._waiting = WaitingSteps() if waiting is None else waiting
        self._live = live
        self._text = LiveText()
        self._recorded = RecordedText()
        self._own = OwnCalls(self._waiting)
        self._output = ResponseOutput(head.stem, after)
        self._usage = Usage()
        self._finish = "stop"
        self._body: JsonObject | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the response has ended."""
        return self._body is not None

    @property
    def body(self) -> JsonObject:
        """The response in its current state."""
        return self._body or response_object(self._head, "in_progress", self._output.items)

    def begin(self) -> bytes:
        return self._output.frame("response.created", response=self.body) + self._output.frame(
            "response.in_progress", response=self.body
        )

    def feed(self, step: Step) -> bytes:
        pieces = self._text.feed(step) if self._live else self._recorded.feed(step)
        frames = b"".join(map(self._piece, pieces))
        return frames if is_delta(step) else frames + b"".join(self._happened(step))

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        return self._end("failed", error=info)

    def _happened(self, step: Step) -> Iterator[bytes]:
        self._waiting.feed(step)
        if isinstance(step, (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned, Nested)):
            self._usage += total_usage((step,))
        if isinstance(step, ModelReplied):
            self._finish = step.finish_reason or "stop"
        if isinstance(step, RunFinished):
            yield from self._finished(step)
        elif _ends_turn(step):
            yield from self._turn_ended(step)
        if self._view.tools != "hidden":
            for item in self._own.feed(step):
                yield self._output.add(item)

    def _turn_ended(self, step: Step) -> Iterator[bytes]:
        if not self._live and isinstance(step, ModelFailed) and step.partial:
            yield self._output.say("message", step.partial)  # Readers of the live stream have seen it.
        yield self._output.close()

    def _finished(self, step: RunFinished) -> Iterator[bytes]:
        ending = ending_of(step, self._waiting, self._finish, self._view)
        if isinstance(step.outcome, Completed):
            yield from self._last_words(step.outcome.content)
        yield self._output.close("incomplete" if ending.error or ending.finish_reason in _CUT else "completed")
        if withholds_content(step):
            self._output.items.clear()
        if ending.error is not None:
            cancelled = isinstance(step.outcome, Cancelled)
            yield self._end("cancelled" if cancelled else "failed", error=ending.error)
            return
        for call in self._waiting.external if ending.calls else ():
            yield self._output.add(function_item(self._waiting.run_id, call))
        for review in self._waiting.reviews if ending.sentence else ():
            yield self._output.add(approval_item(review), f"{REQUEST_PREFIX}{review.request_id}")
        cut = ending.finish_reason if ending.finish_reason in _CUT else ""
        yield self._end("incomplete" if cut else "completed", cut=cut)

    def _last_words(self, content: str) -> Iterator[bytes]:
        """Complete the message with the recorded answer: policies may have changed it, or nothing was streamed."""
        if not self._output.speaks and content:
            yield self._output.say("message", content)
        yield self._output.close(said=content)

    def _end(self, status: ResponseStatus, *, error: LightAgentErrorInfo | None = None, cut: str = "") -> bytes:
        self._body = response_object(self._head, status, self._output.items, self._usage, error=error, cut=cut)
        event = "response.failed" if error is not None else f"response.{status}"
        return self._output.frame(event, response=self._body)

    def _piece(self, piece: object) -> bytes:
        text = str(getattr(piece, "text", ""))
        if isinstance(piece, TextDelta):
            return self._output.say("message", text)
        return self._output.say("reasoning", text) if self._view.reasoning != "none" else b""


_CUT: Final = ("length", "content_filter")


def _ends_turn(step: Step) -> bool:
    """Whether the model's text is complete. A reply that may be the answer stays open: policies may still change it."""
    if isinstance(step, ModelReplied):
        return bool(step.message.tool_calls)
    return isinstance(step, (ModelRequested, ModelFailed))


def response_of(
    head: ResponseHead, events: Sequence[Event], view: ChatView, waiting: WaitingSteps | None = None
) -> JsonObject:
    """Return the response that these recorded events amount to.

    Args:
        events: the run's events since the request.
        waiting: what waited before them.
    """
    projection = ResponseStream(head, view, waiting, live=False)
    for event in events:
        projection.feed(event)
    return projection.body
