"""Look up stored responses for their owner, to show them or to continue a conversation from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import history
from lightagent.application.serving.background_runs import BackgroundRun
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.client_tools import client_names
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.background import background_body
from lightagent.application.serving.responses.ids import ResponseId, read_response_id
from lightagent.application.serving.responses.objects import ResponseHead
from lightagent.application.serving.responses.requests import NOT_KEPT
from lightagent.application.serving.responses.stream import response_of
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import waiting_in
from lightagent.application.stored_runs import Runs
from lightagent.domain.conversation.history import LABELS_KEY
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.events import Event
from lightagent.domain.runs.folding import fold
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.responses.conversations import turn_of
from lightagent.entrypoints.serving.run_views import view_of
from lightagent.entrypoints.serving.served_run import ServedRun


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One stored response of the caller.

    Attributes:
        journal: the journal of the whole run, which may span several responses.
        run: the run, if it is active in this process.
        record: the record of a background response.
    """

    id: ResponseId
    journal: Journal
    run: ServedRun | None = None
    record: BackgroundRun | None = None

    @property
    def is_active(self) -> bool:
        """Whether its run has not ended."""
        return self.run is not None or (self.record is not None and self.record.status == "open")

    @property
    def part(self) -> tuple[Event, ...]:
        """The events of the run that belong to this response."""
        return tuple(self.id.part(self.journal.events))

    def body(self, request: ServedRequest) -> JsonObject:
        """Return the response object, as far as the run has come."""
        if self.record is not None:
            queued = self.run is not None and self.run.waits
            return background_body(self.record, self.journal.events, view_of(request.serving.settings), queued=queued)
        part, started = self.part, self.journal.started
        waiting = waiting_in(self.journal.events[: self.id.begins], client_names(self.journal.events))
        told = [tag.partition(":") for tag in started.tags]
        metadata: JsonObject = {name: value for name, _, value in told}
        created = int(part[0].at if part else started.at)
        head = ResponseHead(
            str(self.id), self.id.stem, started.head.name, created, metadata=metadata, conversation=self.id.session
        )
        return response_of(head, part, view_of(request.serving.settings), waiting)


async def find_response(request: ServedRequest, text: str, param: str | None = None) -> StoredResponse:
    """Return the caller's response with this id.

    Raises:
        RequestRefused: the response does not exist, is not the caller's, or is of a model that its key may not use.
    """
    found = await _found(request, text)
    if found is None or not _may_see(request, found):
        raise RequestRefused(404, "The response does not exist.", NOT_KEPT, param=param)
    return found


def _may_see(request: ServedRequest, found: StoredResponse) -> bool:
    if found.record is not None:
        return request.caller.may_use(found.record.model)
    return request.serving.catalogue.began(found.journal.started.head.name, request.caller)


async def _found(request: ServedRequest, text: str) -> StoredResponse | None:
    response_id, owner = read_response_id(text), request.caller.owner
    if response_id is not None:
        run = request.serving.active.find(response_id.run_id, owner)
        journal = None if run is None else run.journal
        if journal is not None and journal.started.scope.session != response_id.session:
            run = journal = None
        if journal is None and response_id.session:
            journal = await turn_of(request.serving, response_id, owner)
        elif journal is None:
            journal = await Runs(request.serving.kept.store, tenant=owner.tenant).journal(
                response_id.run_id, owner.user
            )
        record = await request.serving.background.records.find(str(response_id), owner)
        if record is not None and (journal is not None or record.status != "ended"):
            return StoredResponse(response_id, journal or Journal(()), run, record)
        if journal is not None and (run is not None or response_id.part(journal.events)):
            return StoredResponse(response_id, journal, run)
    return None


async def with_previous(request: ServedRequest, chat: ChatInput, previous: ResponseId | None) -> ChatInput:
    """Return the chat with the conversation up to the previous response, as the journal of its run has it.

    Raises:
        RequestRefused: the caller has no such response, its run has not ended or never started, or it is a turn of
            a conversation.
    """
    if previous is None:
        return chat
    found = await find_response(request, str(previous), "previous_response_id")
    if chat.query is None:  # Results of the client's tools identify their run by themselves.
        return chat
    if found.is_active:
        raise RequestRefused(
            409,
            "The previous response is still running.",
            "Wait for its end, or cancel it.",
            param="previous_response_id",
        )
    if not found.journal.events:
        raise RequestRefused(
            404, "The previous response never started.", "Send the question without it.", param="previous_response_id"
        )
    if previous.session:
        raise RequestRefused(
            400,
            "previous_response_id: the response is a turn of a conversation.",
            "Send its conversation instead.",
            param="previous_response_id",
        )
    events, ends = found.journal.events, previous.ends(found.journal.events)
    before = history(fold(events[:ends]))
    abandoned = (
        (outer_call_id(previous.run_id, ""),) if ends == len(events) else ()
    )  # Every call of the run that waits.
    return replace(chat, history=_joined(before, chat.history), abandoned=(*chat.abandoned, *abandoned))


def _joined(before: list[JsonObject], after: list[JsonObject]) -> list[JsonObject]:
    """Concatenate both; the labels of both are merged into the last message, where readers expect them."""
    if not before or not after:
        return before or after
    labels: list[JsonValue] = []
    for part in (before, after):
        told = part[-1].get(LABELS_KEY)
        labels += [label for label in told if label not in labels] if isinstance(told, list) else []
    plain = [{name: value for name, value in one.items() if name != LABELS_KEY} for one in (*before, *after)]
    return [*plain[:-1], {**plain[-1], LABELS_KEY: labels}] if labels else plain
