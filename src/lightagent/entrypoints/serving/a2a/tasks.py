"""Start, resume, cancel and look up A2A tasks; a caller sees only its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from lightagent.application.journals.journal import Journal
from lightagent.application.serving.a2a.errors import (
    INVALID_PARAMS,
    TASK_NOT_CANCELABLE,
    TASK_NOT_FOUND,
    UNSUPPORTED_OPERATION,
    A2aRefused,
)
from lightagent.application.serving.a2a.requests import MessageInput
from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.serving.approvals import PersonAnswer, answers_by_request, read_chat_decision
from lightagent.application.serving.client_tools import client_names
from lightagent.application.serving.waiting import WaitingSteps, open_functions, waiting_in
from lightagent.application.stored_runs import Runs
from lightagent.domain.outcomes import Cancelled
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.images import with_images_by_url
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.task_conversations import conversation, new_task
from lightagent.entrypoints.serving.task_runs import RememberedTask, TaskRun
from lightagent.options import ResumeOptions, RunOptions

_CANCELLED: Final = "The client cancelled the task."


async def begun(request: ServedRequest, served: Served, asked: MessageInput) -> TaskRun:
    """Start a new task.

    Raises:
        RequestRefused: the request is invalid, or too many runs are active.
    """
    serving = request.serving
    chat = await with_images_by_url(asked.chat, serving.settings)
    context_id = asked.context_id or uuid.uuid4().hex
    before = await conversation(request, served, context_id) if asked.context_id else []
    options = RunOptions(history=before, run_group_id=context_id, trace_id=request.trace_id or None)
    run = serving.begin(request.caller, served.agent, chat.query or "", options, stream=True)
    task = new_task(request, served, run.id, context_id)
    return serving.tasks.begin(run, task, request.caller.owner, served.name)


async def answered(request: ServedRequest, served: Served, asked: MessageInput) -> TaskRun:
    """Resume a waiting task with a person's answer.

    Raises:
        RequestRefused: the task does not exist or is not waiting, or the message does not contain an answer.
        PolicyError: the person may not make this decision.
    """
    found = await found_task(request, served, asked.task_id)
    if asked.context_id and asked.context_id != found.task.context_id:
        raise A2aRefused(
            INVALID_PARAMS, "message.contextId: the task belongs to another context.", param="message.contextId"
        )
    if found.task.state != "TASK_STATE_INPUT_REQUIRED":
        raise A2aRefused(
            UNSUPPORTED_OPERATION,
            f"The task cannot take a message in the state {found.task.state}.",
            "To continue its conversation, send a message with its contextId and without taskId.",
        )
    journal = await _waiting_journal(request, found)
    waiting = waiting_in(journal.events, client_names(journal.events))
    person = request.caller.person
    decisions = dict(_decisions(_answers_in(request, asked), waiting, person))
    return _go_on(request, served, found, journal, decisions)


async def cancelled(request: ServedRequest, served: Served, task_id: str) -> A2aTask:
    """Cancel a task and return it; calls that were waiting are never executed.

    Raises:
        A2aRefused: the task does not exist, has ended, or cannot be cancelled by this caller.
    """
    found = await found_task(request, served, task_id)
    if found.task.ended:
        raise A2aRefused(TASK_NOT_CANCELABLE, f"The task has ended with the state {found.task.state}.")
    task_run = found.active
    if task_run is None and not found.interrupted and await _ended_without_functions(request, found):
        return found.task
    if task_run is None:
        task_run = await _ending(request, served, found)
    else:
        task_run.run.cancel(_CANCELLED)
    await task_run.done.wait()
    if task_run.error is not None:
        raise A2aRefused(TASK_NOT_CANCELABLE, "The task cannot be cancelled by this caller.")
    return task_run.task


async def _ended_without_functions(request: ServedRequest, found: RememberedTask) -> bool:
    """End a run that waits for the client's own functions, if it does, and return whether it did.

    Such a run cannot be resumed without these functions, not even to be cancelled, so its end is recorded directly.
    """
    journal = await _waiting_journal(request, found)
    if not open_functions(journal.events):
        return False
    waiting = waiting_in(journal.events, client_names(journal.events))
    own = [step.id for step in (*waiting.external, *waiting.reviews) if len(step.path) == 1]
    await request.serving.kept.end(journal, own, _CANCELLED)
    found.task.feed(RunFinished(Cancelled(_CANCELLED), at=request.serving.clock()))
    return True


async def _ending(request: ServedRequest, served: Served, found: RememberedTask) -> TaskRun:
    """Resume a run only to cancel it; calls that wait for approval are rejected."""
    if found.interrupted and found.journal is not None:
        return _go_on(request, served, found, found.journal, {}, ends=_CANCELLED)
    journal = await _waiting_journal(request, found)
    no = ApprovalDecision.reject(_CANCELLED, actor=request.caller.person)
    decisions = {step.id: no for step in waiting_in(journal.events, frozenset()).reviews}
    return _go_on(request, served, found, journal, decisions, ends=_CANCELLED)


async def found_task(request: ServedRequest, served: Served, task_id: str) -> RememberedTask:
    """Return the caller's task with this id.

    Raises:
        A2aRefused: the caller has no such task.
    """
    owner = request.caller.owner
    found = request.serving.tasks.find(task_id, owner, served.name)
    if found is not None:
        return found
    kept = await Runs(request.serving.kept.store, tenant=owner.tenant).find(task_id, owner.user)
    if kept is None or kept.journal.started.head.name != served.agent.name:
        raise A2aRefused(TASK_NOT_FOUND, "The task does not exist.")
    task = new_task(request, served, task_id, kept.journal.started.run_group_id or task_id)
    task.replay(kept.journal.events)
    interrupted = kept.info.status == "interrupted"
    if interrupted:
        task.interrupted()
    return RememberedTask(owner, served.name, task, kept.journal, interrupted=interrupted)


async def followed_task(request: ServedRequest, served: Served, task_id: str) -> TaskRun:
    """Return the active run of the caller's task; a run that was interrupted is resumed.

    Raises:
        A2aRefused: the caller has no such task, or the task is not running.
    """
    found = await found_task(request, served, task_id)
    if found.active is not None:
        return found.active
    if found.interrupted and found.journal is not None:
        return _go_on(request, served, found, found.journal, {})
    raise A2aRefused(
        UNSUPPORTED_OPERATION, f"The task is not running: its state is {found.task.state}.", "Get the task instead."
    )


async def _waiting_journal(request: ServedRequest, found: RememberedTask) -> Journal:
    """Return the stored journal of a waiting run.

    Raises:
        RequestRefused: the run is not waiting any more, or belongs to a flow, which is resumed through the flow itself.
    """
    if found.journal is None:
        raise A2aRefused(
            UNSUPPORTED_OPERATION, "Tasks of flows cannot be answered here.", "Decide with `lightagent flow approve`."
        )
    return await request.serving.kept.waiting(found.task.id, request.caller.owner)


def _go_on(
    request: ServedRequest,
    served: Served,
    found: RememberedTask,
    journal: Journal,
    decisions: dict[str, ApprovalDecision],
    *,
    ends: str = "",
) -> TaskRun:
    options: ResumeOptions = {}
    run = request.serving.resume(request.caller, served.agent, journal, decisions, options, stream=True)
    task = new_task(request, served, found.task.id, found.task.context_id)
    task.replay(journal.events)
    return request.serving.tasks.begin(run, task, request.caller.owner, served.name, ends)


def _answers_in(request: ServedRequest, asked: MessageInput) -> tuple[PersonAnswer, ...]:
    """Return the answers in a message: structured data, or plain words if the setting `chat_approvals` allows them.

    Raises:
        A2aRefused: the message does not contain an answer.
    """
    if asked.answers:
        return asked.answers
    words = read_chat_decision(asked.chat.query) if request.serving.settings.chat_approvals else None
    if words is None:
        raise A2aRefused(
            INVALID_PARAMS,
            "message.parts: the task waits for a decision, in the form of its response schema.",
            'Send a part with data: {"requestId": ID, "approved": true}.',
            param="message.parts",
        )
    return (words,)


def _decisions(
    answers: tuple[PersonAnswer, ...], waiting: WaitingSteps, person: str
) -> Iterator[tuple[str, ApprovalDecision]]:
    steps = {step.request_id: step for step in waiting.reviews}
    for request_id, (_, answer) in answers_by_request(answers, "message.parts").items():
        if request_id not in steps:
            raise A2aRefused(
                INVALID_PARAMS,
                f"No call of the task waits for a decision about {request_id!r:.100}.",
                "Get the task: its status lists the calls that wait.",
                param="message.parts",
            )
        yield steps[request_id].id, answer.decision(person)
