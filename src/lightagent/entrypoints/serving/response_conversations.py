"""Conversations of the responses protocol: the stored sessions of an owner, by whatever id they have."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.types import ASGIApp

from lightagent.agent import LightAgent
from lightagent.application.journal import Journal
from lightagent.application.serving.chat_requests import ChatAsked
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.serving.response_ids import ResponseId
from lightagent.application.sessions import Sessions
from lightagent.domain.events import RunFinished
from lightagent.domain.outcomes import Suspended
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.door import json_response
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute
from lightagent.entrypoints.serving.state import Serving
from lightagent.ports.journals import JournalStore


def session_stores(serving: Serving) -> Sequence[JournalStore]:
    """Where conversations may be: the stores of the agents that have one for sessions, and that of the server."""
    found: dict[int, JournalStore] = {}
    for served in serving.catalogue:
        store = served.agent.means.sessions if isinstance(served.agent, LightAgent) else None
        if store is not None:
            found[id(store)] = store
    if serving.kept.lasts:
        found[id(serving.kept.store)] = serving.kept.store
    return [*found.values()]


def conversing(serving: Serving, served: Served) -> Served:
    """The same model with a store for sessions: its agent's own, else that of the server.

    Raises:
        RequestRefused: it can have none.
    """
    if not isinstance(served.agent, LightAgent):
        raise RequestRefused(400, "conversation: flows have none.", "Ask without.", param="conversation")
    if served.agent.means.sessions is not None:
        return served
    if not serving.kept.lasts:
        raise RequestRefused(
            400,
            "conversation: the server keeps none.",
            "Give it a store: serve(store=), [default.journals] in its settings, or session_store= of the agent.",
            param="conversation",
        )
    means = served.agent.means
    with_store = means.changed_to(replace(means, sessions=serving.kept.store))  # In a swarm others hand back to it.
    return replace(served, agent=served.agent.made_of(with_store))


async def in_conversation(
    request: ServedRequest, served: Served, chat: ChatAsked, conversation: str, *, decides: bool
) -> tuple[ServedRequest, ChatAsked]:
    """The request as a turn of a stored session; where it answers what the last turn waits for, with that turn.

    Args:
        decides: it holds decisions of a person.

    Raises:
        RequestRefused: messages before the last one are sent as well, its last turn waits for something else, or
            nothing waits.
    """
    asks = chat.query is not None and not decides
    if asks and chat.history:
        raise RequestRefused(
            400, "input: a conversation has what was before.", "Send the new message alone.", param="input"
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
            404, "Nothing of this conversation waits for an answer.", "It was given before.", param="conversation"
        )
    return replace(request, turn=turn), replace(chat, session=conversation)


def _waits(turn: Journal) -> bool:
    last = turn.events[-1]
    return isinstance(last, RunFinished) and isinstance(last.outcome, Suspended)


async def turn_of(serving: Serving, response_id: ResponseId, owner: Scope) -> Journal | None:
    """The turn of a conversation that an answer is; None where this owner has none such."""
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
    """A name for a new conversation. It comes to be with its first turn, so nothing is kept before."""
    if request.body.get("items"):
        raise RequestRefused(400, "items: a conversation begins empty.", "Send them as input.", param="items")
    if not session_stores(request.serving):
        raise RequestRefused(400, "The server keeps no conversations.", "Give it a store: serve(store=).")
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
    """Remove a conversation of the caller's, with all its turns."""
    name, owner = str(request.http.path_params["conversation_id"]), request.caller.owner
    were_there = [
        await Sessions(store, tenant=owner.tenant).forget(name, owner.user) for store in session_stores(request.serving)
    ]
    if not any(were_there):
        raise RequestRefused(404, "There is no such conversation.", "It was deleted, or has no turn yet.")
    return json_response({"id": name, "object": "conversation.deleted", "deleted": True}, request.headers)


CONVERSATION_ROUTES: Final = (
    ServedRoute("/v1/conversations", "POST", create_conversation, takes_body=True),
    ServedRoute("/v1/conversations/{conversation_id:path}", "DELETE", delete_conversation),
)
