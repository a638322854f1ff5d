"""Runs as tasks: who listens and does not read is told no more, and the run goes on."""

from __future__ import annotations

import asyncio

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.serving.callers import NOBODY
from lightagent.domain.conversation.deltas import ReplyEnd, TextDelta
from lightagent.entrypoints.serving.state import Serving
from lightagent.entrypoints.serving.task_runs import MOST_REMEMBERED, MOST_UNREAD
from lightagent.options import RunOptions

LONG: list[TextDelta | ReplyEnd] = [*[TextDelta("a")] * (MOST_UNREAD + 100), ReplyEnd("stop")]


async def test_who_does_not_read_is_told_no_more_and_the_run_goes_on() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel([LONG]))
    serving: Serving = serve(agent).state.serving
    run = serving.begin(NOBODY, agent, "hi", RunOptions(), stream=True)
    going = serving.tasks.begin(run, A2aTask(run.id, "c"), NOBODY.owner, "helper")
    listener = going.listen()
    await going.done.wait()
    told = 0
    while await listener.get() is not None:
        told += 1
    assert told == MOST_UNREAD + 1
    assert len(going.task.text) == MOST_UNREAD + 100
    assert await going.listen().get() is None


async def test_the_oldest_of_the_tasks_that_are_in_no_store_give_way() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(lambda request: "Hi.", record=False))
    serving: Serving = serve(agent).state.serving
    ids = list[str]()
    for _ in range(MOST_REMEMBERED + 2):
        run = serving.begin(NOBODY, agent, "hi", RunOptions(), stream=False)
        going = serving.tasks.begin(run, A2aTask(run.id, "c"), NOBODY.owner, "helper")
        ids.append(run.id)
        await going.done.wait()
    known = [serving.tasks.find(one, NOBODY.owner, "helper") is not None for one in ids]
    assert known == [False, False, *[True] * MOST_REMEMBERED]
    assert len(serving.active) == serving.slots.active == 0
    assert not [one for one in asyncio.all_tasks() if "_play" in str(one.get_coro())]
