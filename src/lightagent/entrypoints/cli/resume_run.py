"""Goes on with a stored run or turn: what ``runs resume`` and ``sessions resume`` do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from lightagent.agent import LightAgent
from lightagent.application.journal import Journal
from lightagent.application.projections.result import RunResult
from lightagent.application.reviewing.ask_for_review import ask
from lightagent.application.reviews import Reviews
from lightagent.bootstrap import App, open_app
from lightagent.compose.backends import open_journals
from lightagent.domain.errors import IncompleteListing, LightAgentError
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_requests import ApprovalRequest
from lightagent.entrypoints.cli.console import ExitCode, exit_code
from lightagent.entrypoints.cli.decisions import about, actor_name
from lightagent.entrypoints.cli.destination import show_destination
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.run_command import agent_options, show_result
from lightagent.entrypoints.cli.stand_in import announce_stand_in
from lightagent.entrypoints.cli.stores import require_store
from lightagent.entrypoints.cli.swarm_files import OpenedSwarm, refuse_beside_a_swarm
from lightagent.entrypoints.cli.telemetry_losses import show_losses
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.human_review import HumanApprovalHook
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

Find = Callable[[JournalStore], Awaitable[Journal]]


@dataclass(frozen=True, slots=True)
class Resuming:
    """How a command goes on with a run, besides what was decided.

    Attributes:
        tools, instructions: of the agent, as for `agent_options`.
        swarm: what the run was begun with, where that is no agent of the settings; its agents bring all else.
        strict: take no stand-in.
        as_json, trace: what is shown of the result.
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
    """Go on with what `find` gives of the store, and show the result.

    Args:
        kept: where the run is; by default the store that the settings name, or that the swarm keeps its sessions in.
        decision, call: what was decided, and about which call; without a decision, what is decided in the store.

    Raises:
        LightAgentError: it cannot be gone on with.
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
            show_result(result, as_json=how.as_json, trace=how.trace)  # Closing the app may wait for a collector.
        return result

    result = asyncio.run(go_on())
    if isinstance(opened, App):
        show_losses(opened)
    return exit_code(result.outcome)


def opened_for(
    settings: Callable[[], Settings], how: Resuming, kept: JournalStore | None = None
) -> tuple[App | OpenedSwarm, JournalStore]:
    """What the agent belongs to, and where the run is.

    Args:
        settings: gives the settings; a swarm with a store of its own needs none.
        kept: where the run is, if not in a store of those.

    Raises:
        ConfigurationError: there is no store, the swarm cannot be loaded, or the stand-in is not wanted.
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
    """Whether a reviewer has decided about a call of the run that waits."""
    started = journal.started
    try:
        async for review in Reviews(store, tenant=started.scope.tenant).list(
            started.scope.user, status=None, run_id=started.run_id
        ):
            if review.status in ("decided", "taken"):
                return True
    except IncompleteListing:
        return True  # A review that cannot be read may be one of the run, which tells of it when it goes on.
    return False


async def _untaken(store: JournalStore, journal: Journal) -> dict[str, ApprovalRequest] | None:
    """The requests of the run, by id, whose decision no run has taken yet; None where not all of them can be read."""
    started = journal.started
    reviews = Reviews(store, tenant=started.scope.tenant)
    try:
        listed = reviews.list(started.scope.user, status="decided", run_id=started.run_id)
        return {review.request.request_id: review.request async for review in listed}
    except IncompleteListing:
        return None


async def _take_back(store: JournalStore, journal: Journal, known: Collection[str]) -> None:
    """Take back what this command has decided, since the run could not go on with it, and ask anew.

    Arguments that do not fit, or a forgotten ``--tools``, would otherwise be the one decision that counts.

    Args:
        known: the ids of the requests about which others had decided before.
    """
    scope = journal.started.scope
    reviews = Reviews(store, tenant=scope.tenant)
    with suppress(LightAgentError):  # What kept the run from going on is what the user has to know.
        for name, request in (await _untaken(store, journal) or {}).items():
            if name not in known:
                await reviews.revoke(name, scope.user, actor=actor_name(), reason="The run could not go on with it.")
                await ask(reviews.streams, request)


def desk_of(store: JournalStore, journal: Journal) -> HumanApprovalHook:
    """Takes decisions from the store. If the run was begun with the hook, it asks about every call that follows."""
    asks = "hook:human_approval" in journal.started.policies
    return HumanApprovalHook(store=store, tools=None if asks else ())
