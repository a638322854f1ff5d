"""``lightagent flow approve``: show what waits for a person in a run of a flow, and record the decision."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.entrypoints.cli.ask_decisions import Actor, actor_name, edited
from lightagent.entrypoints.cli.console import err, write_visible_json
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.flow.files import Flow, RunId, open_flow, typed_command, with_flow
from lightagent.entrypoints.cli.flow.texts import print_lines, waiting_lines
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, User
from lightagent.settings.origins import printable


@guarded
def approve(
    flow: Flow,
    run: RunId,
    step: Annotated[str, typer.Argument(metavar="[STEP]", help="The step, if several wait, such as outer/inner.")] = "",
    reject: Annotated[str | None, typer.Option("--reject", metavar="REASON", help="Reject the step.")] = None,
    edit: Annotated[
        str | None,
        typer.Option(
            "--edit", metavar="TEXT", help="Run it with this query; for a tool call, with these JSON arguments."
        ),
    ] = None,
    respond: Annotated[
        str | None, typer.Option("--respond", metavar="TEXT", help="Do not run it; use this text as its output.")
    ] = None,
    actor: Actor = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Approve or reject a step of a run that waits for a person. Then `flow resume` continues the run.

    The step is shown in full: who asks, its query, and for a tool call its arguments. On a terminal you are asked
    before it is approved. The first decision is final.

    **Examples**

    `lightagent flow approve letters.py letter-7`

    `lightagent flow approve letters.py letter-7 send --edit "Dear Ann, hello."`

    `lightagent flow approve letters.py letter-7 send --reject "Not to her." --as bob`
    """
    by = actor_name(actor)
    decided = _decision(reject, edit, respond, by)
    opened = open_flow(flow, config, profile, trust_config)

    async def decide() -> tuple[JsonObject, ApprovalDecision | None]:
        waiting = await opened.awaiting_steps(run, user_id=user, tenant=tenant)
        one = _waiting_step(waiting, step, run, typed_command("show", flow, run, user=user, tenant=tenant))
        if not as_json:
            whose = f", user {user}" if user else ""
            print_lines([f"run        {run} of flow {opened.name}{whose}", *waiting_lines(one)])
        made = decided or _ask_decision(by)
        if made is not None:
            made = _fitting(made, one)
            await opened.aapprove(run, str(one["step"]), made, user_id=user, tenant=tenant)
        return one, made

    one, made = with_flow(opened, decide)
    if made is None:
        err().print("No decision was made.", style="yellow")
        return ExitCode.SUSPENDED
    if as_json:
        write_visible_json({**one, "decision": made.action, "actor": made.actor, "reason": made.reason})
    else:
        print_lines([f"decision   {made.action} by {made.actor or 'an unnamed person'}. {made.reason}".rstrip()])
        hint = typed_command("resume", flow, run, user=user, tenant=tenant)
        err().print(printable(f"→ Continue with: {hint}"), style="dim", markup=False)
    return ExitCode.COMPLETED


def _decision(reject: str | None, edit: str | None, respond: str | None, by: str) -> ApprovalDecision | None:
    made = [
        *([ApprovalDecision.reject(reject, actor=by)] if reject is not None else []),
        *([ApprovalDecision.edit({"query": edit}, actor=by)] if edit is not None else []),
        *([ApprovalDecision.respond(respond, actor=by)] if respond is not None else []),
    ]
    if len(made) > 1:
        raise ConfigurationError(
            "Several decisions about one step were given.", guidance="Give one of --reject, --edit, --respond, or none."
        )
    return made[0] if made else None


def _waiting_step(waiting: list[JsonObject], step: str, run: str, show: str) -> JsonObject:
    """Return the waiting step that the command is about.

    Args:
        step: its name; empty if only one waits.
        show: the command that shows the run, for the error message.

    Raises:
        ConfigurationError: the step does not wait, or several do and none was named.
    """
    names = ", ".join(str(one["step"]) for one in waiting)
    if not waiting:
        raise ConfigurationError(
            f"No step of the run {printable(run)!r:.100} waits for a person.",
            guidance=f"Show the run with: {show}",
        )
    found = [one for one in waiting if step in ("", one["step"])]
    if len(found) == 1:
        return found[0]
    raise ConfigurationError(
        f"The step {printable(step)!r:.100} does not wait." if step else f"{len(found)} steps wait.",
        guidance=f"Name one of the waiting steps: {names}.",
    )


def _fitting(made: ApprovalDecision, one: JsonObject) -> ApprovalDecision:
    """Return the decision. An edit of a tool call is parsed as its JSON arguments, that of a step is its query."""
    if made.action != "edit" or not one["tool"]:
        return made

    return ApprovalDecision.edit(
        edited(str(made.arguments["query"]) if made.arguments else "", "--edit"), actor=made.actor
    )


def _ask_decision(by: str) -> ApprovalDecision | None:
    """Ask the person at the terminal. Without a terminal the step is approved, as the command itself says."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ApprovalDecision.approve(actor=by)
    while True:
        try:
            word, _, reason = input("Run it? y, or n REASON: ").strip().partition(" ")
        except EOFError:
            return None
        match word.lower(), reason:
            case (("y" | "yes"), ""):
                return ApprovalDecision.approve(actor=by)
            case (("n" | "no"), _):
                return ApprovalDecision.reject(reason.strip(), actor=by)
            case _:
                continue
