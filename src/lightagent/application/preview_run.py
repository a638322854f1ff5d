"""Gives the first request of a run without sending it: the run goes on as ever, and ends where it would ask a model.

What comes before is carried out, since the request depends on it: hooks and guardrails see the query, memories are
searched, sources are read and listed. Nothing is written: no store, session, budget, trace or telemetry knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Final, Never

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.services import Keeper
from lightagent.application.projections.request_preview import AddedBy, RequestPart, RequestPreview
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.sessions.keep import TurnPlace, beginning_of, room_for, sessions_of
from lightagent.application.sessions.load import load_session, session_key
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.messages import ContextMessage, Message, SystemMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.agents import UNKNOWN_ENDPOINT, AgentHead
from lightagent.domain.runs.events import Event
from lightagent.domain.runs.state import Beginning
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.session import advance_session
from lightagent.domain.tools.spec import OWN_PROVIDER
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel, ChatRequest, ServedModel, WritingModel
from lightagent.ports.system import Clock
from lightagent.ports.telemetry import SideRequest

_ANSWER: Final = "answer"


async def preview_run(live: ActiveRun[DepsT], place: TurnPlace) -> RequestPreview:
    """The first request of a run that was made and not begun; it does not go on from there.

    Args:
        place: where the run belongs in its session, if it has one.

    Raises:
        ConfigurationError: the run belongs to a session, and the agent keeps none.
        LightAgentError: the run would end without asking a model, such as where a guardrail blocks the query.
    """
    live.watchers, live.spending, live.keeper, live.record.halt = None, None, None, _halt
    scope, interrupted = live.run.started.scope, live.means.prompts.call_interrupted
    if scope.session:
        store = sessions_of(live.means, scope)
        means, head = live.means, live.run.started.head
        live.keeper = SeenSession(
            store,
            scope,
            live.clock,
            place,
            interrupted=interrupted,
            goes_on=lambda name: means.acting_member(name, head),
        )
    try:
        await run_agent(live)
    except _ModelReached as asked:
        return _preview(live, asked.request, asked.aside)
    live.record.text()
    raise ConfigurationError("preview: the run ends without asking a model.", guidance="")


class _ModelReached(BaseException):
    """A model would be asked now. No failure, so that nothing on the way treats it as one."""

    def __init__(self, request: ChatRequest, aside: SideRequest | None) -> None:
        super().__init__()
        self.request, self.aside = request, aside


def _halt(request: ChatRequest, aside: SideRequest | None) -> Never:
    raise _ModelReached(request, aside)


class SeenSession(Keeper):
    """Gives the conversation that a turn would begin from, and writes nothing. Arguments as for `SessionKeeper`."""

    def __init__(
        self,
        store: JournalStore,
        scope: Scope,
        clock: Clock,
        place: TurnPlace,
        *,
        interrupted: str,
        goes_on: Callable[[str], AgentHead | None],
    ) -> None:
        self._store, self._scope, self._clock, self._place = store, scope, clock, place
        self._interrupted, self._goes_on = interrupted, goes_on

    async def open(self, events: list[Event], known: int) -> Beginning:
        key = session_key(self._scope)
        session = (await load_session(self._store, key)).session
        closing, before = room_for(session, self._place, key.id, self._interrupted, self._clock.now())
        session = reduce(advance_session, (*closing, *before), session)
        acting = self._goes_on(session.transcript.agent) if session.transcript.agent else None
        events[0], beginning = beginning_of(session, events[0], key.id, acting)
        return beginning

    async def write(self, events: Sequence[Event]) -> None:
        """Nothing is written."""

    async def close(self, events: Sequence[Event]) -> None:
        """Nothing is open."""


def _preview(live: ActiveRun[DepsT], request: ChatRequest, aside: SideRequest | None) -> RequestPreview:
    model = _model_for(live, aside)
    body = model.body(request) if isinstance(model, WritingModel) else _plain_body(model, request)
    return RequestPreview(
        model.name, _ANSWER if aside is None else aside.name, body, tuple(_parts(live, request, aside, body))
    )


def _model_for(live: ActiveRun[DepsT], aside: SideRequest | None) -> ChatModel:
    means = live.acting
    if aside is None:
        return means.model
    planner = None if means.planning is None else means.planning.model
    summarizer = None if means.budget is None else means.budget.model
    return next((one for one in (planner, summarizer) if one is not None and _serves(one, aside)), means.model)


def _serves(model: ChatModel, aside: SideRequest) -> bool:
    endpoint = model.endpoint if isinstance(model, ServedModel) else UNKNOWN_ENDPOINT
    return model.name == aside.model and endpoint == aside.endpoint


def _plain_body(model: ChatModel, request: ChatRequest) -> JsonObject:
    """A request in OpenAI's form, of a model that writes its requests in a form of its own."""
    body: JsonObject = {"model": model.name, "messages": [message.to_openai() for message in request.messages]}
    if request.tools:
        body["tools"] = [tool.to_openai() for tool in request.tools]
    if request.output_schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": request.output_schema}}
    return body | request.params | ({"stream": True} if request.stream else {})


def _parts(
    live: ActiveRun[DepsT], request: ChatRequest, aside: SideRequest | None, body: JsonObject
) -> Iterator[RequestPart]:
    for key, value in body.items():
        match key, value:
            case "messages", list():
                yield from _message_parts(live, request.messages, aside, value)
            case "tools", list():
                for tool, sent in zip(request.tools, value, strict=True):
                    yield RequestPart(
                        "framework" if tool.provider == OWN_PROVIDER else "caller", "tool", tool.name, sent
                    )
            case "model", _:
                yield RequestPart("caller", "model", "model", value)
            case "stream", _:
                yield RequestPart("caller", "parameter", "stream", value)
            case _:
                given = key in request.params
                name = f"metadata.{key}" if given else key
                yield RequestPart("caller" if given else "framework", "parameter", name, value)


def _message_parts(
    live: ActiveRun[DepsT], messages: Sequence[Message], aside: SideRequest | None, sent: Sequence[JsonValue]
) -> Iterator[RequestPart]:
    if aside is not None or len(sent) != len(messages):
        name = "messages" if aside is None else aside.name
        yield from (RequestPart("framework", "message", f"{name}[{place}]", one) for place, one in enumerate(sent))
        return
    last = max((place for place, one in enumerate(messages) if isinstance(one, UserMessage)), default=-1)
    kind, before = ("session", 0) if live.run.started.scope.session else ("history", 0)
    for place, (message, one) in enumerate(zip(messages, sent, strict=True)):
        match message:
            case SystemMessage():
                yield from _system_parts(live, message.content, one)
            case ContextMessage(source=source):
                yield RequestPart(_added_by(live, source), "message", source, one)
            case _ if place == last:
                yield RequestPart("caller", "message", "query", one)
            case _:
                yield RequestPart("caller", "message", f"{kind}[{before}]", one)
                before += 1


def _system_parts(live: ActiveRun[DepsT], content: str, sent: JsonValue) -> Iterator[RequestPart]:
    """The system message by its pieces; one that a hook has changed is the caller's as a whole."""
    pieces = live.acting.instruction_pieces(live.run.head.output_schema)
    if "\n\n".join(text for _, text in pieces) != content:
        yield RequestPart("caller", "message", "system", sent)
        return
    for name, text in pieces:
        yield RequestPart("framework" if name.startswith("prompts.") else "caller", "instructions", name, text)


def _added_by(live: ActiveRun[DepsT], source: str) -> AddedBy:
    """A source of context of the application's own is its caller's; others, and what stands for messages, are ours."""
    own = live.acting.sources.get(source)
    return "caller" if own is not None and not type(own).__module__.startswith("lightagent.") else "framework"
