"""Goes on with a stored run or turn: what ``runs resume`` and ``sessions resume`` do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lightagent.application.journal import Journal
from lightagent.application.projections.result import RunResult
from lightagent.application.reviews import Reviews
from lightagent.bootstrap import App, open_app
from lightagent.domain.errors import IncompleteListing
from lightagent.domain.review import ApprovalDecision
from lightagent.entrypoints.cli.console import ExitCode, exit_code
from lightagent.entrypoints.cli.decisions import about
from lightagent.entrypoints.cli.destination import show_destination
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.run_command import agent_options, show_result
from lightagent.entrypoints.cli.stores import require_store
from lightagent.entrypoints.cli.telemetry_losses import show_losses
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.human_review import HumanApprovalHook
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

Find = Callable[[JournalStore], Awaitable[Journal]]


def resume_with(
    find: Find,
    decision: ApprovalDecision | None,
    call: str | None,
    *,
    settings: Settings,
    tools: list[str] | None,
    instructions: str | None,
    as_json: bool,
    trace: bool,
    kept: JournalStore | None = None,
) -> ExitCode:
    """Go on with what `find` gives of the store, and show the result.

    Args:
        kept: where the run is; by default the store that the settings name.
        decision, call: what was decided, and about which call; without a decision, what is decided in the store.

    Raises:
        LightAgentError: it cannot be gone on with.
    """
    options = agent_options(load_tools(tools), instructions)
    app = open_app(settings, logins=app_logins(settings))
    if kept is not None:
        app.on_close(kept.aclose)
    show_destination(app.model)

    async def go_on(app: App) -> RunResult:
        async with app:
            store = kept or require_store(app.journals)
            journal = await find(store)
            found = decision is None and await _is_decided(store, journal)
            decided = None if found else about(journal, decision, call)
            options["hooks"] = [_desk(store, journal)]
            result = await app.agent(**options).aresume(journal, decided, store=store, trace=True)
            show_result(result, as_json=as_json, trace=trace)  # Closing the app may wait for a collector.
        return result

    result = asyncio.run(go_on(app))
    show_losses(app)
    return exit_code(result.outcome)


async def _is_decided(store: JournalStore, journal: Journal) -> bool:
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


def _desk(store: JournalStore, journal: Journal) -> HumanApprovalHook:
    """Takes decisions from the store. If the run was begun with the hook, it asks about every call that follows."""
    asks = "hook:human_approval" in journal.started.policies
    return HumanApprovalHook(store=store, tools=None if asks else ())
