"""``lightagent review``: list and show requests that wait for a human, and decide about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, TypeAlias

import typer

from lightagent.application.reviews.remembered_decisions import RememberedDecision, RememberFor
from lightagent.application.reviews.reviews import Reviews
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, review_status
from lightagent.entrypoints.cli.ask_decisions import Actor, actor_name, edited
from lightagent.entrypoints.cli.console import write_visible_json
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig
from lightagent.entrypoints.cli.review_texts import print_change, print_review, remembered_line, review_line
from lightagent.entrypoints.cli.stores import Listing, gather_listing, print_listing, with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

review_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

RequestId: TypeAlias = Annotated[str, typer.Argument(help="The id of the request.", metavar="REQUEST")]
Owner: TypeAlias = Annotated[
    str | None, typer.Option("--user", "-u", help="Only requests of this user. Default: all users.")
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="The reason, which is recorded.")]
Remember: TypeAlias = Annotated[
    RememberFor | None,
    typer.Option(
        "--remember",
        help="Apply it to later calls of this tool with the same arguments: in this session, or of this user.",
    ),
]


@review_app.command("list")
@guarded
def list_reviews(
    tenant: Tenant = "",
    user: Owner = None,
    status: Annotated[
        str, typer.Option("--status", help="Such as waiting, decided, used or expired; all for all of them.")
    ] = "waiting",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List approval requests that wait for a decision, newest first.

    **Examples**

    `lightagent review list`

    `lightagent review list --status all --json | jq -r '.[].request.request_id'`
    """

    async def read(store: JournalStore) -> Listing[Review]:
        return await gather_listing(
            Reviews(store, tenant=tenant).list(user, status=None if status == "all" else review_status(status))
        )

    found = with_store(read, config, profile, trust_config)
    print_listing(found, review_line, "No requests found.", as_json=as_json)
    return ExitCode.COMPLETED


@review_app.command()
@guarded
def show(
    request: RequestId,
    tenant: Tenant = "",
    user: Owner = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show an approval request with all arguments in full, and the decision.

    Invisible characters are escaped.

    **Examples**

    `lightagent review show 3bf919507e517040fac65b50c4ca974a`
    """
    found = with_store(lambda store: Reviews(store, tenant=tenant).show(request, user), config, profile, trust_config)
    if as_json:
        write_visible_json(asdict(found))
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
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Approve a call: it runs once, when its run is resumed.

    **Examples**

    `lightagent review approve 3bf919507e517040fac65b50c4ca974a`

    `lightagent review approve 3bf919507e517040fac65b50c4ca974a --remember user`
    """
    decision = ApprovalDecision.approve(reason, actor=actor_name(actor))
    return _change(
        lambda reviews: reviews.decide(request, decision, user, remember=remember),
        tenant,
        config,
        profile,
        trust_config,
    )


@review_app.command()
@guarded
def reject(
    request: RequestId,
    reason: Annotated[str, typer.Argument(help="The reason, which the model reads.", metavar="REASON")] = "",
    actor: Actor = None,
    remember: Remember = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Reject a call: it does not run.

    **Examples**

    `lightagent review reject 3bf919507e517040fac65b50c4ca974a "Too expensive."`
    """
    decision = ApprovalDecision.reject(reason, actor=actor_name(actor))
    return _change(
        lambda reviews: reviews.decide(request, decision, user, remember=remember),
        tenant,
        config,
        profile,
        trust_config,
    )


@review_app.command()
@guarded
def edit(
    request: RequestId,
    arguments: Annotated[str, typer.Argument(help="The new arguments, a JSON object.", metavar="JSON")],
    reason: Reason = "",
    actor: Actor = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Approve a call with different arguments.

    **Examples**

    `lightagent review edit 3bf919507e517040fac65b50c4ca974a '{"amount": 5}'`
    """
    decision = ApprovalDecision.edit(edited(arguments, "JSON"), reason, actor=actor_name(actor))
    return _change(lambda reviews: reviews.decide(request, decision, user), tenant, config, profile, trust_config)


@review_app.command()
@guarded
def respond(
    request: RequestId,
    text: Annotated[
        str, typer.Argument(help="The text that the model reads instead of the tool's result.", metavar="TEXT")
    ],
    reason: Reason = "",
    actor: Actor = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Reject a call, and give the model a result in its place.

    **Examples**

    `lightagent review respond 3bf919507e517040fac65b50c4ca974a "I have paid it in cash."`
    """
    decision = ApprovalDecision.respond(text, reason, actor=actor_name(actor))
    return _change(lambda reviews: reviews.decide(request, decision, user), tenant, config, profile, trust_config)


@review_app.command()
@guarded
def revoke(
    request: RequestId,
    reason: Reason = "",
    actor: Actor = None,
    tenant: Tenant = "",
    user: Owner = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Revoke a decision that no run has used yet.

    **Examples**

    `lightagent review revoke 3bf919507e517040fac65b50c4ca974a`
    """
    by = actor_name(actor)
    return _change(
        lambda reviews: reviews.revoke(request, user, actor=by, reason=reason), tenant, config, profile, trust_config
    )


@review_app.command()
@guarded
def remembered(
    tenant: Tenant = "",
    user: Owner = None,
    forget: Annotated[str | None, typer.Option("--forget", metavar="ID", help="Revoke this one.")] = None,
    actor: Actor = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the decisions that apply to later calls as well, or revoke one.

    **Examples**

    `lightagent review remembered --user ann`

    `lightagent review remembered --forget 5d41402abc4b2a76b9719d911017c592`
    """

    async def read(store: JournalStore) -> Listing[RememberedDecision]:
        known = Reviews(store, tenant=tenant).remembered
        listing = await gather_listing(known.list(user))
        if forget is None:
            return listing
        found = [one for one in listing.found if one.remembered_id == forget]
        if not found and listing.error is None:
            raise ConfigurationError(f"The remembered decision {printable(forget)!r:.100} does not exist.", guidance="")
        for one in found:
            await known.revoke(one.remembered_id, one.user_id, one.session_id, actor=actor_name(actor))
        return Listing(found, None if found else listing.error)

    found = with_store(read, config, profile, trust_config)
    line = partial(remembered_line, forgotten=forget is not None)
    print_listing(found, line, "No decisions are remembered.", as_json=as_json)
    return ExitCode.COMPLETED


def _change(
    change: Callable[[Reviews], Awaitable[Review]], tenant: str, config: Config, profile: Profile, trust_config: bool
) -> ExitCode:
    print_change(with_store(lambda store: change(Reviews(store, tenant=tenant)), config, profile, trust_config))
    return ExitCode.COMPLETED
