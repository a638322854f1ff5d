"""``lightagent review``: what waits for a human in the store, and decisions about it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Literal, TypeAlias

import typer

from lightagent.application.remembered import RememberedDecision
from lightagent.application.reviews import Reviews
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_log import Review
from lightagent.entrypoints.cli.console import ExitCode, guarded, out, write_answer
from lightagent.entrypoints.cli.decisions import edited
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig
from lightagent.entrypoints.cli.review_texts import print_remembered, print_review, print_reviews
from lightagent.entrypoints.cli.stores import with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

review_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

RequestId: TypeAlias = Annotated[str, typer.Argument(help="The id of the request.", metavar="REQUEST")]
Owner: TypeAlias = Annotated[
    str | None, typer.Option("--user", "-u", help="Only what is about runs of this user; otherwise of anybody.")
]
Actor: TypeAlias = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who decides; otherwise the name of your account.")
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; it is kept on record.")]
Remember: TypeAlias = Annotated[
    Literal["session", "user"] | None,
    typer.Option(
        "--remember",
        help="Decide so about later calls of this tool with these arguments too: in this session, or for this user.",
    ),
]


@review_app.command("list")
@guarded
def list_reviews(
    user: Owner = None,
    status: Annotated[
        str, typer.Option("--status", help="Such as waiting, decided, used, expired; all for every one of them.")
    ] = "waiting",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the requests that wait for a decision, the newest first.

    **Examples**

    `lightagent review list`

    `lightagent review list --status all --json | jq -r '.[].request.request_id'`
    """

    async def read(store: JournalStore) -> list[Review]:
        return [one async for one in Reviews(store).list(user, status=None if status == "all" else status)]

    print_reviews(with_store(read, config, profile, trust_config), as_json=as_json)
    return ExitCode.COMPLETED


@review_app.command()
@guarded
def show(
    request: RequestId,
    user: Owner = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print a request with every argument in full, and what was decided about it.

    Characters that cannot be seen are written out.

    **Examples**

    `lightagent review show 3bf919507e517040fac65b50c4ca974a`
    """
    found = with_store(lambda store: Reviews(store).show(request, user), config, profile, trust_config)
    if as_json:
        write_answer(json.dumps(asdict(found), ensure_ascii=False, indent=2) + "\n")
    else:
        print_review(found)
    return ExitCode.COMPLETED


@review_app.command()
@guarded
def approve(
    request: RequestId,
    reason: Reason = "",
    actor: Actor = None,
    remember: Remember = None,
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Let the call run as it is, once, when its run is resumed.

    **Examples**

    `lightagent review approve 3bf919507e517040fac65b50c4ca974a`

    `lightagent review approve 3bf919507e517040fac65b50c4ca974a --remember user`
    """
    decision = ApprovalDecision.approve(reason, actor=_actor(actor))
    return _decide(_deciding(request, decision, user, remember), config, profile, trust_config)


@review_app.command()
@guarded
def reject(
    request: RequestId,
    reason: Annotated[str, typer.Argument(help="Why; the model is told.", metavar="REASON")] = "",
    actor: Actor = None,
    remember: Remember = None,
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Do not let the call run.

    **Examples**

    `lightagent review reject 3bf919507e517040fac65b50c4ca974a "Too expensive."`
    """
    decision = ApprovalDecision.reject(reason, actor=_actor(actor))
    return _decide(_deciding(request, decision, user, remember), config, profile, trust_config)


@review_app.command()
@guarded
def edit(
    request: RequestId,
    arguments: Annotated[str, typer.Argument(help="What the call runs with, a JSON object.", metavar="JSON")],
    reason: Reason = "",
    actor: Actor = None,
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Let the call run with other arguments.

    **Examples**

    `lightagent review edit 3bf919507e517040fac65b50c4ca974a '{"amount": 5}'`
    """
    decision = ApprovalDecision.edit(edited(arguments, "JSON"), reason, actor=_actor(actor))
    return _decide(_deciding(request, decision, user), config, profile, trust_config)


@review_app.command()
@guarded
def respond(
    request: RequestId,
    text: Annotated[str, typer.Argument(help="What the model gets in place of the tool's answer.", metavar="TEXT")],
    reason: Reason = "",
    actor: Actor = None,
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Do not let the call run, and answer in the tool's place.

    **Examples**

    `lightagent review respond 3bf919507e517040fac65b50c4ca974a "I have paid it in cash."`
    """
    decision = ApprovalDecision.respond(text, reason, actor=_actor(actor))
    return _decide(_deciding(request, decision, user), config, profile, trust_config)


@review_app.command()
@guarded
def revoke(
    request: RequestId,
    reason: Reason = "",
    actor: Actor = None,
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Take back a decision that no run has taken yet.

    **Examples**

    `lightagent review revoke 3bf919507e517040fac65b50c4ca974a`
    """

    async def change(reviews: Reviews) -> Review:
        return await reviews.revoke(request, user, actor=_actor(actor), reason=reason)

    return _decide(change, config, profile, trust_config)


@review_app.command()
@guarded
def remembered(
    user: Owner = None,
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="ID", help="Let this one of them hold no longer.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the decisions that hold for later calls too, or let one hold no longer.

    **Examples**

    `lightagent review remembered --user ann`

    `lightagent review remembered --forget 5d41402abc4b2a76b9719d911017c592`
    """

    async def read(store: JournalStore) -> list[RememberedDecision]:
        known = Reviews(store).remembered
        found = [one async for one in known.list(user) if forget in (None, one.remembered_id)]
        if forget is not None and not found:
            raise ConfigurationError(f"No decision {printable(forget)!r:.100} is remembered.", guidance="")
        for one in found if forget is not None else ():
            await known.revoke(one.remembered_id, one.user_id, one.session_id, actor=_actor(actor))
        return found

    found = with_store(read, config, profile, trust_config)
    print_remembered(found, as_json=as_json, forgotten=forget is not None)
    return ExitCode.COMPLETED


def _actor(name: str | None) -> str:
    if name is not None:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # In some containers the account has no name.


def _deciding(
    request: str, decision: ApprovalDecision, user: str | None, remember: Literal["session", "user"] | None = None
) -> Callable[[Reviews], Awaitable[Review]]:
    async def change(reviews: Reviews) -> Review:
        return await reviews.decide(request, decision, user, remember=remember)

    return change


def _decide(
    change: Callable[[Reviews], Awaitable[Review]], config: Config, profile: Profile, trust_config: bool
) -> ExitCode:
    async def decide(store: JournalStore) -> Review:
        return await change(Reviews(store))

    found = with_store(decide, config, profile, trust_config)
    action = found.status if found.decision is None else found.decision.action
    out().print(printable(f"{found.request.request_id} · {action} · {found.request.tool_name}"), markup=False)
    return ExitCode.COMPLETED
