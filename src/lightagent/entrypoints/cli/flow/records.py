"""``lightagent flow``: list, show, watch, compare and cancel the runs of a flow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, get_args

import typer

from lightagent.application.flow.step_result import FlowStatus
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, flow_exit_code, guarded
from lightagent.entrypoints.cli.flow.files import Flow, RunId, open_flow, typed_command, with_flow
from lightagent.entrypoints.cli.flow.texts import (
    comparison_lines,
    event_line,
    faults_of,
    held_lines,
    print_lines,
    record_lines,
    run_line,
    waiting_lines,
)
from lightagent.entrypoints.cli.flow.view import flow_view
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, User
from lightagent.settings.origins import printable

_STATUSES: Final[tuple[str, ...]] = (*get_args(FlowStatus), "unreadable")


@guarded
def list_runs(
    flow: Flow,
    status: Annotated[
        str | None, typer.Option("--status", help="Only runs with this status, such as failed or waiting_approval.")
    ] = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only those that nobody has although something is to be done.")
    ] = False,
    held: Annotated[
        bool,
        typer.Option(
            "--held", help="Only those that cannot go on, since the flow was changed: why, and what frees them."
        ),
    ] = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the runs of a flow, the newest first, with their status.

    **Examples**

    `lightagent flow list report.py`

    `lightagent flow list report.py --stuck --json | jq -r '.[].run_id' | xargs -n 1 lightagent flow resume report.py`

    `lightagent flow list report.py --held`
    """
    if held and (stuck or status):
        raise ConfigurationError("--held is a listing of its own.", guidance="Leave --stuck and --status out.")
    if status is not None and status not in _STATUSES:
        raise ConfigurationError(
            f"--status: there is no status {printable(status)!r:.50}.", guidance=f"It is one of {', '.join(_STATUSES)}."
        )
    opened = open_flow(flow, config, profile, trust_config)
    if held:
        found = with_flow(opened, lambda: opened.aheld_runs(user_id=user, tenant=tenant))
        lines = [line for one in found for line in (*held_lines(one), *_freeing(flow, one, user=user, tenant=tenant))]
        return _print_all(found, lines, "No run is held back.", as_json=as_json)
    wanted = ("interrupted", "pending") if stuck else (status,)
    records = with_flow(opened, lambda: opened.alist_runs(user_id=user, tenant=tenant))
    # For a run that cannot be read, its flow is unknown.
    own = [one for one in records if one.get("flow", opened.name) == opened.name]
    found = [one for one in own if wanted == (None,) or one["status"] in wanted]
    none = "There are no such runs."
    if stuck:
        none = "No run is stuck. One whose process died is, once its lease has ended, within six seconds."
    return _print_all(found, map(run_line, found), none, as_json=as_json)


@guarded
def show(
    flow: Flow,
    run: RunId,
    events: Annotated[
        bool, typer.Option("--events", help="What happened, each with the number that names it in `flow fork`.")
    ] = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print what became of a run: its steps, what they were asked and gave, and what waits for a person.

    **Examples**

    `lightagent flow show report.py report-001`

    `lightagent flow show report.py report-001 --events`

    `lightagent flow show report.py report-001 --json | jq '.steps[].status'`
    """
    opened = open_flow(flow, config, profile, trust_config)

    async def read() -> tuple[JsonObject, list[JsonObject], list[JsonObject]]:
        record = await opened.aget_run(run, user_id=user, tenant=tenant)
        happened = await opened.aevents(run, user_id=user, tenant=tenant)  # Raises if the run does not exist.
        waiting = await opened.awaiting_steps(run, user_id=user, tenant=tenant)
        return record or {}, happened, waiting

    record, happened, waiting = with_flow(opened, read)
    _say_whose_run(record, opened.name)
    if as_json:
        told = happened if events else {**record, "waiting": [*waiting]}
        write_answer(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    print_lines(map(event_line, happened) if events else record_lines(record))
    for one in () if events else waiting:
        print_lines(["waits for a person", *waiting_lines(one)])
    return ExitCode.COMPLETED


@guarded
def watch(
    flow: Flow,
    run: RunId,
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show a run as it goes on in whatever process, until it is over, waits, or nobody has it any more.

    On a terminal the graph of its steps is shown as it changes, elsewhere a line for each change. A run that has not
    begun is waited for. Ends as `flow run` does.

    **Examples**

    `lightagent flow watch report.py report-001`
    """
    opened = open_flow(flow, config, profile, trust_config)

    async def follow() -> str:
        known = await opened.aget_run(run, user_id=user, tenant=tenant)
        if known is None:
            text = f"The run {run!r:.100} has not started yet; waiting for it."
            err().print(printable(text), style="yellow", markup=False)
        else:
            _say_whose_run(known, opened.name)
        with flow_view(out()) as view:
            async for glimpse in opened.awatch(run, user_id=user, tenant=tenant):
                view.show(glimpse)
                if not glimpse.goes_on:
                    return glimpse.status
        return ""

    status = with_flow(opened, follow)
    out().print(printable(f"{run} · {status}"), markup=False)
    if status in ("interrupted", "pending"):
        hint = typed_command("resume", flow, run, user=user, tenant=tenant)
        why = "Its process is gone." if status == "interrupted" else "Nobody has taken it up yet."
        err().print(printable(f"→ {why} Go on with: {hint}"), style="yellow", markup=False)
    return flow_exit_code(status)


@guarded
def graph(
    flow: Flow,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="The states of the steps in this run.")] = "",
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the flow as a Mermaid chart, which GitHub and many editors draw.

    **Examples**

    `lightagent flow graph report.py > report.mmd`

    `lightagent flow graph report.py report-001`
    """
    opened = open_flow(flow, config, profile, trust_config, in_memory=not run)
    write_answer(with_flow(opened, lambda: opened.agraph(run, user_id=user, tenant=tenant)))
    return ExitCode.COMPLETED


@guarded
def compare(
    flow: Flow,
    left: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.")],
    right: Annotated[str, typer.Argument(metavar="OTHER", help="The id of another one, such as its fork.")],
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print two runs beside each other, step by step: what differs in status, output and attempts, and the times.

    Ends with 0 if they differ in time alone, 1 if they differ in more, 2 if there is no such run.

    **Examples**

    `lightagent flow compare report.py report-001 report-002`

    `lightagent flow compare report.py a b --json | jq '.steps[] | select(.differs != []) | .path'`
    """
    opened = open_flow(flow, config, profile, trust_config)
    found = with_flow(opened, lambda: opened.acompare(left, right, user_id=user, tenant=tenant))
    if as_json:
        write_answer(json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        print_lines(comparison_lines(found))
    return ExitCode.FAILED if found.differing else ExitCode.COMPLETED


@guarded
def cancel(
    flow: Flow,
    run: RunId,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept on record.")] = "",
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Cancel a run, wherever it goes on. It lasts until somebody resumes the run.

    **Examples**

    `lightagent flow cancel report.py report-001 --reason "Wrong company."`
    """
    opened = open_flow(flow, config, profile, trust_config)
    with_flow(opened, lambda: opened.acancel(run, reason=reason, user_id=user, tenant=tenant))
    print_lines([f"{run} · cancelled"])
    return ExitCode.COMPLETED


def _say_whose_run(record: JsonObject, flow: str) -> None:
    """Print to standard error that a run is one of another flow in the same store, if it is."""
    if (other := record.get("flow", flow)) != flow:
        text = f"The run {record['run_id']!s:.100} belongs to the flow {other!r:.100}, not to {flow!r:.100}."
        err().print(printable(text), style="yellow", markup=False)


def _freeing(flow: str, held: JsonObject, *, user: str, tenant: str) -> Iterator[str]:
    """Yield the commands that let a run continue which a change of the flow holds back."""
    run, faults = str(held["run_id"]), faults_of(held)
    steps = [*dict.fromkeys(str(fault["step"]) for fault in faults)]
    commands: list[tuple[str, ...]] = [("fork", flow, run, "--step", step) for step in steps[:1]]
    if all(fault["acceptable"] for fault in faults):
        accepted = [word for step in steps for word in ("--accept", step)]
        again = [("rerun", flow, run, steps[0])] if len(steps) == 1 else []
        commands = [("resume", flow, run, *accepted), *again, *commands]
    for command in commands:
        yield f"    → {typed_command(*command, user=user, tenant=tenant)}"


def _print_all(found: list[JsonObject], lines: Iterable[str], empty: str, *, as_json: bool) -> ExitCode:
    if as_json:
        write_answer(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    else:
        print_lines(lines if found else [empty])
    return ExitCode.COMPLETED
