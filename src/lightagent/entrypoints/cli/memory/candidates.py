"""``lightagent memory candidates``: list, show and decide about what agents have learned."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypeAlias

import typer

from lightagent.adapters.system import SystemClock
from lightagent.application.feedback.lesson_log import LessonLog
from lightagent.application.memory.candidates import MemoryCandidates
from lightagent.application.memory.decide_candidates import CandidateDesk
from lightagent.compose.memory import compose_desk
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing
from lightagent.domain.memory.candidates import CandidateState
from lightagent.domain.memory.memories import MemoryPromotionDecision
from lightagent.domain.text.characters import written_out
from lightagent.entrypoints.cli.ask_decisions import Actor, actor_name
from lightagent.entrypoints.cli.console import write_visible_json
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.memory.candidate_texts import Candidate, candidate_line, candidate_lines, lessons_text
from lightagent.entrypoints.cli.memory.stores import Agent, Namespace, print_line, require_memory
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, settings_for
from lightagent.entrypoints.cli.stores import Listing, gather_listing, in_store, print_lines, with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

candidates_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

CandidateId: TypeAlias = Annotated[str, typer.Argument(help="The id of the candidate.", metavar="CANDIDATE")]
Owner: TypeAlias = Annotated[
    str | None,
    typer.Option("--user", "-u", help='Only from runs of this user, "" for runs without a user. Default: all users.'),
]

_OPEN = "open"
_ALL = "all"
_STATUSES = (_OPEN, _ALL, "candidate", "kept", "blocked", "rejected", "promoted", "expired")


@candidates_app.command("list")
@guarded
def list_candidates(
    tenant: Tenant = "",
    user: Owner = None,
    agent: Agent = None,
    namespace: Namespace = None,
    status: Annotated[
        str, typer.Option("--status", help=f"{_OPEN}: those that can be decided. Or one of {', '.join(_STATUSES[1:])}.")
    ] = _OPEN,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the lessons that agents have learned and that could become memories, oldest first.

    **Examples**

    `lightagent memory candidates list --tenant acme --user ann`

    `lightagent memory candidates list --status promoted --json | jq '.[] | [.candidate_id, .uses.helped]'`
    """
    if status not in _STATUSES:
        raise ConfigurationError(
            f"--status: unknown status {status!r:.50}.", guidance=f"Use one of {', '.join(_STATUSES)}."
        )

    async def read(store: JournalStore) -> Listing[Candidate]:
        candidates, log = _everywhere(store, agent, namespace)
        listing = await gather_listing(_each_counted(log, candidates.list(user, tenant)))
        meant = [
            one for one in listing.found if status in (_ALL, one.status) or (status == _OPEN and one.state.is_open)
        ]
        return Listing(meant, listing.error)

    found = with_store(read, config, profile, trust_config)
    if not as_json:
        print_lines(found, candidate_line, "No candidates found.")
        return ExitCode.COMPLETED
    write_visible_json([one.to_dict() for one in found.found])
    if found.error is not None:
        raise found.error
    return ExitCode.COMPLETED


@candidates_app.command()
@guarded
def show(
    candidate: CandidateId,
    tenant: Tenant = "",
    user: Owner = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show one candidate in full: the users it is for, the decision with its rule, and how often it was used.

    Invisible characters are escaped.

    **Examples**

    `lightagent memory candidates show 5d41402abc4b2a76b9719d911017c592:lessons:1`
    """

    async def read(store: JournalStore) -> Candidate:
        candidates, log = _everywhere(store)
        _, state = await candidates.find(candidate, tenant, user)
        return await _counted(log, state)

    found = with_store(read, config, profile, trust_config)
    if as_json:
        write_visible_json(found.to_dict())
    else:
        for line in candidate_lines(found):
            print_line(written_out(line))
    return ExitCode.COMPLETED


@candidates_app.command()
@guarded
def promote(
    candidate: CandidateId,
    text: Annotated[
        str | None, typer.Option("--text", help="Remember this text instead, such as one without personal names.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="The reason, which is recorded.")] = "",
    actor: Actor = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Make a candidate a memory that later runs recall. The first decision is final.

    A candidate for all users is refused if it names the user of its run or repeats their words: pass another --text.
    Hooks and patterns that a program configures for its agent do not apply here.

    **Examples**

    `lightagent memory candidates promote 5d41402abc4b2a76b9719d911017c592:lessons:1`

    `lightagent memory candidates promote 5d41402abc4b2a76b9719d911017c592:lessons:2 --text "Ask for the currency."`
    """
    if text is not None and not text.strip():
        raise ConfigurationError(
            "--text must not be empty.", guidance="Leave it out to keep the text of the candidate."
        )
    if text is None:
        decision = MemoryPromotionDecision.approve(reason=reason or None)
    else:
        decision = MemoryPromotionDecision.rewrite(text, reason=reason or None)
    settings = settings_for(config, profile, False, trust_config)
    print_line(_decided(candidate, decision, settings, tenant, user, actor))
    return ExitCode.COMPLETED


@candidates_app.command()
@guarded
def reject(
    candidate: CandidateId,
    reason: Annotated[str, typer.Argument(help="The reason, which is recorded.", metavar="REASON")] = "",
    actor: Actor = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Reject a candidate, so that it never becomes a memory. The first decision is final.

    **Examples**

    `lightagent memory candidates reject 5d41402abc4b2a76b9719d911017c592:lessons:1 "It is private."`
    """
    settings = settings_for(config, profile, False, trust_config)
    print_line(_decided(candidate, MemoryPromotionDecision.reject(reason or None), settings, tenant, user, actor))
    return ExitCode.COMPLETED


@candidates_app.command()
@guarded
def expire(
    agent: Annotated[str | None, typer.Option("--agent", help="The agent. Default: the one of the settings.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", help="The namespace of its memory policy.")] = "",
    tenant: Tenant = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be removed.")] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Remove the lessons of an agent that are stale by the rules of [default.self_learning].

    Runs remove the stale lessons that they recall; this command also removes those that no run recalls. The rules apply
    with `enabled = false` as well. Without rules nothing is removed.

    **Examples**

    `lightagent memory candidates expire --tenant acme --dry-run`
    """
    settings = settings_for(config, profile, False, trust_config)
    name = settings.agent.name if agent is None else agent
    if not name:
        raise ConfigurationError("No agent is named.", guidance="Pass --agent NAME.")
    if not settings.self_learning.says_rules:
        raise ConfigurationError(
            "No rules say when lessons are stale.",
            guidance="Add [default.self_learning] with a rule, such as expires_after = 2_592_000 (seconds); 0 "
            "means never. enabled = false does not matter.",
        )

    async def end(store: JournalStore) -> ExitCode:
        async with _desk(store, settings, namespace, name) as desk:
            ended = await gather_listing(desk.tracker.expire(tenant, dry_run=dry_run))
        for one in ended.found:
            print_line(f"{one.lesson_id} · {one.why}")
        print_line(f"{'Would have expired' if dry_run else 'Expired'}: {lessons_text(len(ended.found))}")
        if ended.error is not None:
            raise ended.error
        return ExitCode.COMPLETED

    return in_store(end, settings)


def _decided(
    candidate: str,
    decision: MemoryPromotionDecision,
    settings: Settings,
    tenant: str,
    user: str | None,
    actor: str | None,
) -> str:
    """Apply the decision and return a line about its result."""

    async def decide(store: JournalStore) -> str:
        candidates, log = _everywhere(store)
        _, state = await candidates.find(candidate, tenant, user)
        async with _desk(store, settings, state.owner.namespace, state.owner.agent) as desk:
            await desk.decide(candidate, decision, tenant, actor_name(actor))
        _, after = await candidates.find(candidate, tenant, user)
        return candidate_line(await _counted(log, after))

    return in_store(decide, settings)


@asynccontextmanager
async def _desk(store: JournalStore, settings: Settings, namespace: str, agent: str) -> AsyncGenerator[CandidateDesk]:
    """Open the `CandidateDesk` of an agent, and close its memory store afterwards."""
    memory = require_memory(settings)
    try:
        # Programs may turn on learning even if the settings do not, so the rules of the table apply in any case.
        yield compose_desk(store, memory, namespace, agent, settings.self_learning.options(), SystemClock())
    finally:
        await memory.aclose()


def _everywhere(
    store: JournalStore, agent: str | None = None, namespace: str | None = None
) -> tuple[MemoryCandidates, LessonLog]:
    clock = SystemClock()
    return MemoryCandidates(store, clock, agent, namespace), LessonLog(store, clock.now)


async def _counted(log: LessonLog, state: CandidateState) -> Candidate:
    promoted = state.candidate.status == "promoted"
    return Candidate(state, await log.tally(state.owner, state.candidate.candidate_id) if promoted else None)


async def _each_counted(log: LessonLog, states: AsyncIterator[CandidateState]) -> AsyncIterator[Candidate]:
    """Yield each candidate with its usage counts. Those that cannot be read are left out, and reported at the end."""
    unreadable = list[str]()
    try:
        async for state in states:
            try:
                yield await _counted(log, state)
            except (DamagedStream, ConfigurationError) as error:
                unreadable.append(f"Uses of {state.candidate.candidate_id:.100}: {error.message}")
                yield Candidate(state, None)
    except IncompleteListing as error:
        unreadable += error.unreadable
    if unreadable:
        raise IncompleteListing(tuple(unreadable))
