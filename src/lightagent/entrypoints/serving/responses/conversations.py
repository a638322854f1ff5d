"""Conversations of the responses protocol, which are the stored sessions of an owner, with any id."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.types import ASGIApp

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.ids import ResponseId
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import RunFinished
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.endpoint import json_response
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.state import Serving
from lightagent.ports.journals import JournalStore


def session_stores(serving: Serving) -> Sequence[JournalStore]:
    """Return the stores that may hold conversations: the session stores of the agents, and the store of the server."""
    found: dict[int, JournalStore] = {}
    for served in serving.catalogue:
        store = served.agent.means.sessions if isinstance(served.agent, LightAgent) else None
        if store is not None:
            found[id(store)] = store
    if serving.kept.lasts:
        found[id(serving.kept.store)] = serving.kept.store
    return [*found.values()]


def conversing(serving: Serving, served: Served) -> Served:
    """Return the model with a session store: its agent's own or, if it has none, that of the server.

    Raises:
        RequestRefused: the model is a flow, or neither the agent nor the server has a store.
    """
    if not isinstance(served.agent, LightAgent):
        raise RequestRefused(400, "conversation: not supported for flows.", "Leave it out.", param="conversation")
    if served.agent.means.sessions is not None:
        return served
    if not serving.kept.lasts:
        raise RequestRefused(
            400,
            "conversation: the server does not store conversations.",
            "Give it a store: serve(store=), [default.journals] in its settings, or session_store= of the agent.",
            param="conversation",
        )
    means = served.agent.means
    with_store = means.changed_to(replace(means, sessions=serving.kept.store))  # In a swarm, others hand back to it.
    return replace(served, agent=served.agent.made_of(with_store))


async def in_conversation(
    request: ServedRequest, served: Served, chat: ChatInput, conversation: str, *, decides: bool
) -> tuple[ServedRequest, ChatInput]:
    """Return the request and its chat as a turn of a stored conversation.

    If the request answers what the last turn waits for, the returned request has that turn.

    Args:
        decides: the request contains decisions of a person.

    Raises:
        RequestRefused: earlier messages were sent as well, the last turn waits for an answer and a new question was
            sent, or an answer was sent and the conversation has no turns.
    """
    asks = chat.query is not None and not decides
    if asks and chat.history:
        raise RequestRefused(
            400,
            "input: the conversation has the earlier messages already.",
            "Send the new message alone.",
            param="input",
        )
    store = served.agent.means.sessions if isinstance(served.agent, LightAgent) else None
    owner = request.caller.owner
    sessions = Sessions(store or request.serving.kept.store, tenant=owner.tenant)
    turn = await sessions.journal(conversation, owner.user)
    if asks and turn is not None and _waits(turn):
        raise RequestRefused(
            409,
            "conversation: its last turn waits for an answer.",
            "Answer what it waits for with the same conversation, or ask without it.",
            param="conversation",
        )
    if asks:
        return request, replace(chat, session=conversation)
    if turn is None:
        raise RequestRefused(
            404, "Nothing in this conversation waits for an answer.", "It was answered before.", param="conversation"
        )
    return replace(request, turn=turn), replace(chat, session=conversation)


def _waits(turn: Journal) -> bool:
    last = turn.events[-1]
    return isinstance(last, RunFinished) and isinstance(last.outcome, Suspended)


async def turn_of(serving: Serving, response_id: ResponseId, owner: Scope) -> Journal | None:
    """Return the turn of a conversation that produced a response; None if this owner does not have it."""
    for store in session_stores(serving):
        sessions = Sessions(store, tenant=owner.tenant)
        last = await sessions.last_turn(response_id.session, owner.user)
        if last is not None and last.run_id == response_id.run_id:
            return last.journal
        if last is not None:
            async for turn in sessions.replay(response_id.session, owner.user):
                if turn.run_id == response_id.run_id:
                    return turn.journal
    return None


async def create_conversation(request: ServedRequest) -> ASGIApp:
    """Return an id for a new conversation. Nothing is stored before its first turn."""
    if request.body.get("items"):
        raise RequestRefused(400, "items: a conversation is created empty.", "Send the items as input.", param="items")
    if not session_stores(request.serving):
        raise RequestRefused(400, "The server does not store conversations.", "Give it a store: serve(store=).")
    metadata = request.body.get("metadata")
    return json_response(
        {
            "id": f"conv_{uuid.uuid4().hex}",
            "object": "conversation",
            "created_at": int(request.serving.clock()),
            "metadata": metadata if isinstance(metadata, dict) else {},
        },
        request.headers,
    )


async def delete_conversation(request: ServedRequest) -> ASGIApp:
    """Delete a conversation of the caller with all its turns."""
    name, owner = str(request.http.path_params["conversation_id"]), request.caller.owner
    were_there = [
        await Sessions(store, tenant=owner.tenant).forget(name, owner.user) for store in session_stores(request.serving)
    ]
    if not any(were_there):
        raise RequestRefused(404, "The conversation does not exist.", "It was deleted, or has no turn yet.")
    return json_response({"id": name, "object": "conversation.deleted", "deleted": True}, request.headers)


CONVERSATION_ROUTES: Final = (
    ServedRoute("/v1/conversations", "POST", create_conversation, takes_body=True),
    ServedRoute("/v1/conversations/{conversation_id:path}", "DELETE", delete_conversation),
)
