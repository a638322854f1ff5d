"""The tokens that streams tell at their end are those of the result: of all that a run asked models for."""

from __future__ import annotations

from lightagent.application.projections.chunks import Chunks
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.usage import total_usage
from lightagent.domain.conversation.messages import SystemMessage, UserMessage
from lightagent.domain.outcomes import Completed
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import Concluded, Event, Nested, RunFinished, RunStarted
from lightagent.domain.usage import Usage

HEAD = AgentHead("helper", "m", SystemMessage(""))
EVENTS: tuple[Event, ...] = (
    Concluded("memory", usage=Usage(1, 2, 3)),
    Nested("call", Concluded("memory", usage=Usage(10, 20, 30))),
    RunFinished(Completed("Done.")),
)


def test_streams_count_what_is_asked_beside_the_conversation() -> None:
    view = StreamEvents("trace")
    *_, done = (shown for event in EVENTS for shown in view.feed(event))
    assert done.type == "done"
    assert done.data["usage"]["total_tokens"] == total_usage(EVENTS).total_tokens == 33
    chunks = Chunks(RunStarted("r", HEAD, (UserMessage("Hi"),)))
    last = [chunk for event in EVENTS for chunk in chunks.feed(event)][-1]
    assert last.usage is not None
    assert last.usage.total_tokens == 33
