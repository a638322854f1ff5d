"""Resume a stored run or turn, for ``resume``, ``runs resume`` and ``sessions resume``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import RunResult
from lightagent.application.reviews.reviews import Reviews
from lightagent.application.run_loop.reviewing.ask_for_review import ask
from lightagent.bootstrap import App, open_app
from lightagent.compose.configured.backends import open_journals
from lightagent.domain.errors import IncompleteListing, LightAgentError
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.entrypoints.cli.ask_decisions import about, actor_name
from lightagent.entrypoints.cli.exit_codes import ExitCode, exit_code
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.notices import announce_stand_in, show_destination, show_losses
from lightagent.entrypoints.cli.run_command import agent_options, show_result
from lightagent.entrypoints.cli.stores import require_store
from lightagent.entrypoints.cli.swarm_files import OpenedSwarm, refuse_beside_a_swarm
from lightagent.entrypoints.cli.tools.files import load_tools
from lightagent.human_review import HumanApprovalHook
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

Find = Callable[[JournalStore], Awaitable[Journal]]


@dataclass(frozen=True, slots=True)
class Resuming:
    """How a command resumes a run, apart from the decision.

    Attributes:
        tools, instructions: options of the agent, as for `agent_options`.
        swarm: the swarm that the run was started with, instead of the agent of the settings.
        strict: refuse the offline stand-in.
        as_json, trace: what is printed of the result.
    """

    tools: list[str] | None = None
    instructions: str | None = None
    swarm: str | None = None
    strict: bool = False
    as_json: bool = False
    trace: bool = False


def resume_with(
    find: Find,
    decision: ApprovalDecision | None,
    call: str | None,
    settings: Callable[[], Settings],
    how: Resuming,
    *,
    kept: JournalStore | None = None,
) -> ExitCode:
    """Resume the run that `find` returns from the store, and print the result.

    Args:
        decision, call: the decision and the call that it is about; without a decision, those in the store are used.
        settings: loads the settings.
        kept: the store of the run; by default the store of the settings, or the session store of the swarm.

    Raises:
        LightAgentError: the run cannot be resumed.
    """
    opened, store = opened_for(settings, how, kept)

    async def go_on() -> RunResult:
        async with opened:
            journal = await find(store)
            found = decision is None and await is_decided(store, journal)
            decided = None if found else about(journal, decision, call)
            agent = _agent(opened, how, store, journal)
            known = {} if decided is None else await _untaken(store, journal)
            try:
                result = await agent.aresume(journal, decided, store=store, trace=True)
            except LightAgentError:
                if decided is not None and known is not None:
                    await _take_back(store, journal, known)
                raise
            show_result(result, as_json=how.as_json, trace=how.trace)  # Before closing, which may wait for a collector.
        return result

    result = asyncio.run(go_on())
    if isinstance(opened, App):
        show_losses(opened)
    return exit_code(result.outcome)


def opened_for(
    settings: Callable[[], Settings], how: Resuming, kept: JournalStore | None = None
) -> tuple[App | OpenedSwarm, JournalStore]:
    """Open the app or the swarm that the agent belongs to, and the store of the run.

    Args:
        settings: loads the settings; not called for a swarm with a store of its own.
        kept: the store of the run, if it is not one of these.

    Raises:
        ConfigurationError: no store is configured, the swarm cannot be loaded, or only the stand-in could answer
            and `how.strict` is set.
    """
    if how.swarm is None:
        loaded = settings()
        announce_stand_in(loaded, strict=how.strict)
        app = open_app(loaded, logins=app_logins(loaded))
        show_destination(app.model)
        if kept is not None:
            app.on_close(kept.aclose)
        return app, kept or require_store(app.journals)
    refuse_beside_a_swarm({"--tools": how.tools, "--instructions": how.instructions})
    swarm = OpenedSwarm(how.swarm, strict=how.strict)
    show_destination(*swarm.models)
    store = kept or swarm.journals
    if store is None:
        store = kept = require_store(open_journals(settings()))
    if kept is not None:
        swarm.on_close(kept.aclose)
    return swarm, store


def _agent(opened: App | OpenedSwarm, how: Resuming, store: JournalStore, journal: Journal) -> LightAgent:
    if isinstance(opened, OpenedSwarm):
        return opened.beginner(journal)
    options = agent_options(load_tools(how.tools), how.instructions)
    options["hooks"] = [desk_of(store, journal)]
    return opened.agent(**options)


async def is_decided(store: JournalStore, journal: Journal) -> bool:
    """Return whether the store has a reviewer's decision about a waiting call of the run."""
    started = journal.started
    try:
        async for review in Reviews(store, tenant=started.scope.tenant).list(
            started.scope.user, status=None, run_id=started.run_id
        ):
            if review.status in ("decided", "taken"):
                return True
    except IncompleteListing:
        return True  # An unreadable review may belong to the run; resuming the run reports it.
    return False


async def _untaken(store: JournalStore, journal: Journal) -> dict[str, ApprovalRequest] | None:
    """Return the run's decided requests that were not used yet, by id; None if some reviews cannot be read."""
    started = journal.started
    reviews = Reviews(store, tenant=started.scope.tenant)
    try:
        listed = reviews.list(started.scope.user, status="decided", run_id=started.run_id)
        return {review.request.request_id: review.request async for review in listed}
    except IncompleteListing:
        return None


async def _take_back(store: JournalStore, journal: Journal, known: Collection[str]) -> None:
    """Revoke the decisions of this command, with which the run could not be resumed, and request new ones.

    Otherwise invalid arguments, or a forgotten ``--tools``, would make the first decision final.

    Args:
        known: the ids of requests that were decided before this command.
    """
    scope = journal.started.scope
    reviews = Reviews(store, tenant=scope.tenant)
    with suppress(LightAgentError):  # The user must see the original error.
        for name, request in (await _untaken(store, journal) or {}).items():
            if name not in known:
                await reviews.revoke(
                    name, scope.user, actor=actor_name(), reason="The run could not be resumed with it."
                )
                await ask(reviews.streams, request)


def desk_of(store: JournalStore, journal: Journal) -> HumanApprovalHook:
    """Return a hook that takes decisions from the store. It asks about later calls if the run was started with it."""
    asks = "hook:human_approval" in journal.started.policies
    return HumanApprovalHook(store=store, tools=None if asks else ())
