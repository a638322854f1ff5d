"""Delivers messages of other agents to the acting agent, before its next request to the model."""

from __future__ import annotations

import asyncio
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.run_loop.finish_answer import finish
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import Blocked, outcome_error
from lightagent.domain.policy.phases import ContextPayload, Stopped
from lightagent.domain.runs.events import Noted
from lightagent.domain.swarm.agent_messages import MAIL_SOURCE, AgentMessage, MessagesDelivered
from lightagent.ports.mail import MailRoom

MAIL_PROBLEM: Final = "mail_problem"
"""The kind of note that tells why messages were not delivered now; they keep waiting."""


async def deliver_mail(live: ActiveRun[DepsT]) -> bool:
    """Put `MessagesDelivered` on record if messages wait. Returns whether the run goes on: a policy may end it.

    A run takes the messages before it records them, so that no other run of the same agent takes them as well. Messages
    that it could not record wait again; after a crash they are recorded when the run goes on.
    """
    room = live.mail
    if room is None or live.acting.mail is None:
        return True
    run_id = live.run.started.run_id
    try:
        messages = await _taken(live, room)
    except FAILURES as raised:
        await _tell_problem(live, raised)
        return True
    if not messages:
        return True
    try:
        made = await _reviewed(live, messages, (await room.look()).expired.count(live.run.head.name))
    except (Exception, asyncio.CancelledError):
        await _give_back(room, messages, run_id)
        raise
    if isinstance(made, Stopped):
        await _give_back(room, messages, run_id)
        await finish(live, made.outcome, made.decisions)
        return False
    await live.tell(made)
    return True


async def restore_mail(live: ActiveRun[DepsT]) -> None:
    """Restore the mailbox from the record of a run, if the run goes on in another process."""
    if live.mail is None or live.nesting is not None or not live.known:
        return
    try:
        await live.mail.look()
    except FAILURES as raised:
        await _tell_problem(live, raised)


async def _tell_problem(live: ActiveRun[DepsT], raised: BaseException) -> None:
    """Put on record that the store failed, which may be foreign code: the messages wait, and the run goes on."""
    code = classify_exception(failure(raised)).code
    if live.run.outcome is None:
        await live.tell(Noted(MAIL_PROBLEM, {"code": code}, live.clock.now()))


async def _taken(live: ActiveRun[DepsT], room: MailRoom) -> tuple[AgentMessage, ...]:
    """The messages that belong to this run from now on, and that it has not recorded yet."""
    run = live.run
    name, run_id = run.head.name, run.started.run_id
    waiting = (await room.look()).waiting(name, run_id, run.mail)
    if not waiting:
        return ()
    try:
        await to_the_end(room.take([message.id for message in waiting], run_id))
        box = await room.look()
    except (Exception, asyncio.CancelledError):
        await _give_back(room, waiting, run_id)
        raise
    mine = {slot.message.id for slot in box.slots if slot.taken_by == run_id}
    return tuple(message for message in waiting if message.id in mine)


async def _reviewed(
    live: ActiveRun[DepsT], messages: tuple[AgentMessage, ...], expired: int
) -> MessagesDelivered | Stopped:
    """The messages after the policies of context; what they block is not delivered, and the run goes on."""
    told, reviewer = tuple(message.as_context() for message in messages), live.reviewer
    if reviewer is None or not reviewer.reviews("context"):
        return MessagesDelivered(messages, told, expired, at=live.clock.now())
    verdict = await reviewer.review("context", live.subject(MAIL_SOURCE), ContextPayload(told))
    if not isinstance(verdict, Stopped):
        return MessagesDelivered(messages, verdict.payload.messages, expired, None, verdict.decisions, live.clock.now())
    if not isinstance(verdict.outcome, Blocked):
        return verdict
    error = outcome_error(verdict.outcome)
    return MessagesDelivered(messages, (), expired, error, verdict.decisions, live.clock.now())


async def _give_back(room: MailRoom, messages: tuple[AgentMessage, ...], run_id: str) -> None:
    """Return messages that this run took; if the store fails, they are recorded when the run goes on."""
    try:
        await to_the_end(room.take([message.id for message in messages], run_id, back=True))
    except FAILURES as raised:
        failure(raised)
