"""``lightagent trace``: show, list and compare traces of runs, from a file of exported traces or from the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from lightagent.adapters.prices import litellm_prices
from lightagent.application.projections.trace_diff import TraceDifference, diff_traces
from lightagent.application.projections.trace_summary import summarize_trace
from lightagent.application.traces.exported_traces import ExportedTrace
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, User
from lightagent.entrypoints.cli.trace.labels import cost_text
from lightagent.entrypoints.cli.trace.sources import TraceSource, read_file
from lightagent.entrypoints.cli.trace.tree import print_tree
from lightagent.settings.origins import printable

trace_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Place: TypeAlias = Annotated[
    str, typer.Argument(help="A file of traces (JSON lines), or the id of a stored run or session.", metavar="FILE|RUN")
]
TraceId: TypeAlias = Annotated[str, typer.Option("--trace-id", help="The trace to show. Default: the last one.")]
Content: TypeAlias = Annotated[
    bool,
    typer.Option("--content", help="Include messages, arguments and outputs of stored runs, which may be private."),
]
_MOST_SHOWN: Final = 200


@trace_app.command()
@guarded
def show(
    place: Place,
    trace_id: TraceId = "",
    content: Content = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show a trace as a tree: turns with times, tokens and cost, tool calls, nested agents, decisions and feedback.

    Costs (US dollars) are shown if the package litellm is installed, which has the prices. --json prints one line in
    the format of a file of traces, to which it can be appended.

    **Examples**

    `lightagent trace show traces.jsonl`

    `lightagent trace show traces.jsonl --trace-id 0af7651916cd43dd8448eb211c80319c`

    `lightagent trace show 009353cbc753c7890adb6a1e198955c8 --user ann --content`

    `lightagent trace show monday --json > monday.jsonl`
    """
    source = TraceSource(tenant, user, config, profile, trust_config, content, trace_id)
    trace = source.find(place)
    prices = litellm_prices() or NO_PRICES
    if as_json:
        write_answer(json.dumps(_envelope(trace, prices), ensure_ascii=False) + "\n")
        return ExitCode.COMPLETED
    print_tree(out(), trace.events, (), prices)
    return ExitCode.COMPLETED


@trace_app.command("list")
@guarded
def list_traces(
    file: Annotated[Path, typer.Argument(help="A file of traces (JSON lines).")], as_json: AsJson = False
) -> ExitCode:
    """List the traces of a file, oldest first: id, time of export, outcome and size.

    With --json each trace is one line.

    **Examples**

    `lightagent trace list traces.jsonl`

    `lightagent trace list traces.jsonl --json | jq -r '.trace_id'`
    """
    found = False
    for trace in read_file(file):
        found = True
        if as_json:
            write_answer(json.dumps(_head(trace), ensure_ascii=False) + "\n")
        else:
            out().print(printable(_line(trace)), markup=False)
    if not found and not as_json:
        out().print(printable(f"{file} has no traces."), markup=False)
    return ExitCode.COMPLETED


@trace_app.command()
@guarded
def diff(
    left: Annotated[str, typer.Argument(help="A file of traces, or the id of a stored run or session.", metavar="A")],
    right: Annotated[str, typer.Argument(help="Another one.", metavar="B")],
    content: Content = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Compare two traces: outcome, models, number and order of events, tool calls, tokens and cost.

    Durations are shown as well, but do not count as a difference. For a file or a session the last trace is used;
    FILE#TRACE_ID selects another.

    Exit code: 0 if they are the same, 1 if they differ, 2 if one cannot be found or read.

    **Examples**

    `lightagent trace diff before.jsonl after.jsonl`

    `lightagent trace diff traces.jsonl#TRACE_ID traces.jsonl#ANOTHER_ID`

    `lightagent trace diff 009353cbc753c789 4bf92f3577b34da6 --content --json`
    """
    first, second = (
        TraceSource(tenant, user, config, profile, trust_config, content, trace_id).find(name)
        for name, trace_id in map(_named, (left, right))
    )
    found = diff_traces(first.events, second.events, litellm_prices())
    differ = any(one.counts for one in found)
    if as_json:
        told: JsonObject = {"same": not differ, "differences": [one.to_dict() for one in found]}
        write_answer(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        for one in found:
            out().print(printable(_difference(one)), style=None if one.counts else "dim", markup=False)
        if not differ:
            out().print("The traces are the same." if not found else "They differ only in durations.", markup=False)
    return ExitCode.FAILED if differ else ExitCode.COMPLETED


def _named(place: str) -> tuple[str, str]:
    """Split FILE#TRACE_ID into place and trace id. The name of an existing file may itself contain a `#`."""
    if "#" not in place or Path(place).exists():
        return place, ""
    name, _, trace_id = place.rpartition("#")
    return name, trace_id


def _envelope(trace: ExportedTrace, prices: PriceTable) -> JsonObject:
    summary = summarize_trace(trace.events, pricing=prices if prices.prices else None)
    return {
        "exported_at": trace.exported_at,
        "metadata": trace.metadata or {},
        "summary": summary.to_dict(),
        "events": [event.to_dict() for event in trace.events],
    }


def _head(trace: ExportedTrace) -> JsonObject:
    return {
        "trace_id": trace.trace_id,
        "exported_at": trace.exported_at,
        "metadata": trace.metadata or {},
        "summary": summarize_trace(trace.events).to_dict(),
    }


def _line(trace: ExportedTrace) -> str:
    summary = summarize_trace(trace.events)
    end = "completed" if summary.success else "did not complete"
    cost = "" if summary.cost is None else f" · {cost_text(summary.cost)}"
    when = trace.exported_at or "?"
    return f"{trace.trace_id or '?'} · {when} · {end} · {summary.event_count} events{cost}"


def _difference(one: TraceDifference) -> str:
    return f"{one.what}: {_shown(one.left)} → {_shown(one.right)}"


def _shown(value: JsonValue) -> str:
    if value is None:
        return "—"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
