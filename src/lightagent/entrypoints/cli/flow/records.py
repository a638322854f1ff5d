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
        bool, typer.Option("--stuck", help="Only runs that could continue, but that no process executes.")
    ] = False,
    held: Annotated[
        bool,
        typer.Option("--held", help="Only runs that a change of the flow holds back, with the reason and the remedy."),
    ] = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the runs of a flow with their status, newest first.

    **Examples**

    `lightagent flow list report.py`

    `lightagent flow list report.py --stuck --json | jq -r '.[].run_id' | xargs -n 1 lightagent flow resume report.py`

    `lightagent flow list report.py --held`
    """
    if held and (stuck or status):
        raise ConfigurationError(
            "--held cannot be combined with --stuck or --status.", guidance="Leave the others out."
        )
    if status is not None and status not in _STATUSES:
        raise ConfigurationError(
            f"--status: unknown status {printable(status)!r:.50}.", guidance=f"Use one of {', '.join(_STATUSES)}."
        )
    opened = open_flow(flow, config, profile, trust_config)
    if held:
        found = with_flow(opened, lambda: opened.aheld_runs(user_id=user, tenant=tenant))
        lines = [line for one in found for line in (*held_lines(one), *_freeing(flow, one, user=user, tenant=tenant))]
        return _print_all(found, lines, "No run is held back by a change of the flow.", as_json=as_json)
    wanted = ("interrupted", "pending") if stuck else (status,)
    records = with_flow(opened, lambda: opened.alist_runs(user_id=user, tenant=tenant))
    # For a run that cannot be read, its flow is unknown.
    own = [one for one in records if one.get("flow", opened.name) == opened.name]
    found = [one for one in own if wanted == (None,) or one["status"] in wanted]
    none = "No runs found."
    if stuck:
        none = "No run is stuck. A run whose process has died appears here after its lease ends, within six seconds."
    return _print_all(found, map(run_line, found), none, as_json=as_json)


@guarded
def show(
    flow: Flow,
    run: RunId,
    events: Annotated[
        bool,
        typer.Option("--events", help="Print the events with their numbers, as `flow fork --from-event` takes them."),
    ] = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show a run: its steps with their inputs and outputs, and what waits for a person.

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
    """Follow a run, whichever process executes it, until it ends, waits, or its process dies.

    On a terminal the graph of its steps is updated live, elsewhere each change is a line. If the run has not started,
    the command waits for it. Exit codes are those of `flow run`.

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
                if not glimpse.is_running:
                    return glimpse.status
        return ""

    status = with_flow(opened, follow)
    out().print(printable(f"{run} · {status}"), markup=False)
    if status in ("interrupted", "pending"):
        hint = typed_command("resume", flow, run, user=user, tenant=tenant)
        why = "Its process is gone." if status == "interrupted" else "No process has started it yet."
        err().print(printable(f"→ {why} Continue with: {hint}"), style="yellow", markup=False)
    return flow_exit_code(status)


@guarded
def graph(
    flow: Flow,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="Show the states of the steps in this run.")] = "",
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the flow as a Mermaid flowchart, which GitHub and many editors render.

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
    right: Annotated[str, typer.Argument(metavar="OTHER", help="The id of another run, such as a fork of it.")],
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Compare two runs step by step: status, output, attempts and duration.

    Exit code: 0 if only durations differ, 1 if more differs, 2 if a run does not exist.

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
    reason: Annotated[str, typer.Option("--reason", help="The reason, which is recorded.")] = "",
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Cancel a run, whichever process executes it. It stays cancelled until it is resumed.

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
