"""``lightagent flow``: run a flow and resume its runs. Commands that show runs are in `flow_record_commands`."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from lightagent.adapters.system import RandomIds
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.watch_flow import FlowGlimpse
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import err, show_error, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, flow_exit_code, guarded
from lightagent.entrypoints.cli.flow.files import (
    Accept,
    Flow,
    RunId,
    Step,
    models_of,
    open_flow,
    typed_command,
    with_flow,
)
from lightagent.entrypoints.cli.flow.texts import waiting_lines
from lightagent.entrypoints.cli.flow.view import flow_view, shown_run
from lightagent.entrypoints.cli.notices import announce_stand_ins
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Strict, Tenant, TrustConfig, User
from lightagent.flow import LightFlow
from lightagent.settings.origins import printable

flow_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@flow_app.command()
@guarded
def run(
    flow: Flow,
    query: Annotated[str, typer.Argument(metavar="INPUT", help="The input of the flow; - reads standard input.")],
    run_id: Annotated[str, typer.Option("--run-id", metavar="RUN", help="The id of the run. Default: a new one.")] = "",
    tenant: Tenant = "",
    user: User = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Run a flow. The output goes to standard output, the progress of its steps to standard error.

    On a terminal the graph of the steps is updated live, elsewhere each change is a line. Exit code: 0 if the run
    succeeded, 1 if it failed or was cancelled, 2 if the options or settings are wrong, 3 if it waits, 130 on Ctrl-C,
    which interrupts the run; `flow resume` continues it.

    **Examples**

    `lightagent flow run report.py "Analyze this company."`

    `lightagent flow run flows.py:letters - --run-id letter-7 < letter.txt`

    `lightagent flow run my_package.flows:orders "order 12" --user ann --json | jq .status`
    """
    asked = sys.stdin.read() if query == "-" else query
    if not asked.strip():
        raise ConfigurationError("INPUT must not be empty.", guidance='Type: lightagent flow run FLOW "…"')
    opened = _opened(flow, config, profile, trust_config, strict=strict, in_memory=True)
    name = run_id or RandomIds().new()
    return _carried(
        flow,
        opened,
        name,
        lambda: opened.arun(asked, run_id=name, user_id=user, tenant=tenant),
        (user, tenant),
        as_json=as_json,
        is_new=bool(run_id),
    )


@flow_app.command()
@guarded
def resume(
    flow: Flow,
    run: RunId,
    accept: Accept = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Resume a run: completed steps keep their results, failed steps are retried, interrupted steps continue.

    If a completed step was changed in the flow since, the command is refused; the error names the step and the change.
    `--accept STEP` keeps its result nevertheless. Exit codes are those of `flow run`.

    **Examples**

    `lightagent flow resume report.py report-001`

    `lightagent flow resume report.py report-001 --accept research`
    """
    opened = _opened(flow, config, profile, trust_config, strict=strict)
    return _carried(
        flow,
        opened,
        run,
        lambda: opened.aresume(run, user_id=user, tenant=tenant, accept=accept),
        (user, tenant),
        as_json=as_json,
    )


@flow_app.command()
@guarded
def rerun(
    flow: Flow,
    run: RunId,
    step: Step,
    accept: Accept = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Run a step again with all that depend on it, with new idempotency keys. Exit codes are those of `flow run`.

    **Examples**

    `lightagent flow rerun report.py report-001 research`
    """
    opened = _opened(flow, config, profile, trust_config, strict=strict)
    return _carried(
        flow,
        opened,
        run,
        lambda: opened.arerun_step(run, step, user_id=user, tenant=tenant, accept=accept),
        (user, tenant),
        as_json=as_json,
    )


@flow_app.command()
@guarded
def fork(
    flow: Flow,
    run: RunId,
    from_event: Annotated[
        int | None,
        typer.Option("--from-event", metavar="NUMBER", help="The last event to copy; `flow show --events` lists them."),
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="STEP", help="Copy what happened before this step started.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--input", metavar="INPUT", help="A new input, for the steps that have not started.")
    ] = None,
    run_id: Annotated[
        str, typer.Option("--run-id", metavar="RUN", help="The id of the fork. Default: a new one.")
    ] = "",
    accept: Accept = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Start a new run with a copy of the events of this one, up to a point, and continue it with the current flow.

    The original run is not changed. Without --step or --from-event all events are copied. Exit codes are those of
    `flow run`.

    **Examples**

    `lightagent flow fork report.py report-001 --step write`

    `lightagent flow show report.py report-001 --events`, then
    `lightagent flow fork report.py report-001 --from-event 3 --input "Analyze that company."`
    """
    opened = _opened(flow, config, profile, trust_config, strict=strict)
    name = run_id or RandomIds().new()

    def carry_on() -> Awaitable[LightFlowResult]:
        return opened.afork(
            run, input=query, from_event=from_event, step=step, new_run_id=name, user_id=user, tenant=tenant,
            accept=accept,
        )  # fmt: skip

    return _carried(flow, opened, name, carry_on, (user, tenant), as_json=as_json)


def _opened(
    spec: str, config: Path | None, profile: str | None, trust: bool, *, strict: bool, in_memory: bool = False
) -> LightFlow:
    """Open the flow, and announce or refuse agents that use the offline stand-in."""
    flow = open_flow(spec, config, profile, trust, in_memory=in_memory)
    announce_stand_ins(f"FLOW {spec}", models_of(flow), strict=strict)
    return flow


def _carried(
    spec: str,
    flow: LightFlow,
    run: str,
    carry_on: Callable[[], Awaitable[LightFlowResult]],
    owner: tuple[str, str],
    *,
    as_json: bool,
    is_new: bool = False,
) -> ExitCode:
    """Execute a run while its progress is shown, and print the result.

    Args:
        owner: the user and the tenant.
        is_new: the run is started with an id that an earlier run may have had; events of that run are not shown.
    """
    user, tenant = owner

    async def watch(former: JsonObject) -> AsyncIterator[FlowGlimpse]:
        async for glimpse in flow.awatch(run, user_id=user, tenant=tenant):
            if glimpse.record.trace_id != former.get("trace_id"):
                yield glimpse

    async def work() -> tuple[LightFlowResult, list[JsonObject]]:
        former = await flow.aget_run(run, user_id=user, tenant=tenant) if is_new else None
        result = await shown_run(flow_view(err()), lambda: watch(former or {}), carry_on)
        waits = result.status == "waiting_approval"
        return result, await flow.awaiting_steps(run, user_id=user, tenant=tenant) if waits else []

    result, waiting = with_flow(flow, work)
    _print_result(result, as_json=as_json)
    for one in waiting:
        for line in waiting_lines(one):
            err().print(printable(line), markup=False)
    if waiting:
        step = str(waiting[0]["step"])
        hint = (
            typed_command("approve", spec, run, step, user=user, tenant=tenant)
            if flow.keeps_runs
            else "nothing: the flow has its runs in memory only. Give it a store."
        )
        err().print(printable(f"→ Decide with: {hint}"), style="yellow", markup=False)
    return flow_exit_code(result.status)


def _print_result(result: LightFlowResult, *, as_json: bool) -> None:
    if as_json:
        write_answer(json.dumps(result.to_dict(), ensure_ascii=False, indent=2) + "\n")
    elif result.success:
        write_answer(f"{result.content}\n")
    if result.success:
        return
    err().print(printable(f"{result.run_id} · {result.status}"), markup=False)
    if result.error is not None and result.status != "waiting_approval":
        show_error(result.error)
