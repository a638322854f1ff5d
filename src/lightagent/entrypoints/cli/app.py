"""Assemble the commands of the command line."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from lightagent.entrypoints.cli.adopt_command import stores_app
from lightagent.entrypoints.cli.candidate_commands import candidates_app
from lightagent.entrypoints.cli.chat import chat
from lightagent.entrypoints.cli.codec_server_command import codec_server
from lightagent.entrypoints.cli.config_commands import config_app
from lightagent.entrypoints.cli.doctor import doctor
from lightagent.entrypoints.cli.flow_approve_command import approve
from lightagent.entrypoints.cli.flow_commands import flow_app
from lightagent.entrypoints.cli.flow_record_commands import cancel, compare, graph, list_runs, show, watch
from lightagent.entrypoints.cli.keys_commands import keys_app
from lightagent.entrypoints.cli.mcp_commands import mcp_app
from lightagent.entrypoints.cli.memory_changes import copy, reindex
from lightagent.entrypoints.cli.memory_changes import forget as forget_memories
from lightagent.entrypoints.cli.memory_commands import memory_app
from lightagent.entrypoints.cli.memory_history import history
from lightagent.entrypoints.cli.memory_verify import adopt as adopt_memories
from lightagent.entrypoints.cli.memory_verify import verify as verify_memories
from lightagent.entrypoints.cli.openapi_command import from_openapi
from lightagent.entrypoints.cli.policy_commands import policy_app
from lightagent.entrypoints.cli.resume_command import resume_file
from lightagent.entrypoints.cli.retention_commands import forget, prune, trim
from lightagent.entrypoints.cli.review_commands import review_app
from lightagent.entrypoints.cli.run_command import run
from lightagent.entrypoints.cli.serve_command import serve
from lightagent.entrypoints.cli.session_change_commands import checkpoint, fork, rerun, resume, undo
from lightagent.entrypoints.cli.session_commands import sessions_app
from lightagent.entrypoints.cli.skill_commands import skills_app
from lightagent.entrypoints.cli.stored_run_commands import runs_app
from lightagent.entrypoints.cli.tool_commands import tools_app
from lightagent.entrypoints.cli.trace_commands import trace_app
from lightagent.entrypoints.cli.trust_commands import trust, untrust
from lightagent.entrypoints.cli.verify_command import verify
from lightagent.entrypoints.cli.worker_command import worker

HELP = """Run agents from the command line.

**First steps**

`lightagent run "What is 2 + 2?"` asks once; without a key it answers with the offline model, which says so.

`export OPENAI_API_KEY=…` and the same command asks OpenAI; OPENAI_BASE_URL names another compatible server.

`lightagent chat --tools FILE.py` lets the model call the functions of a Python file of yours.

`lightagent config show` tells which settings hold and where they come from; `lightagent doctor` tries them out.

`lightagent run --help`, as the help of every command, ends with examples.
"""

app: typer.Typer = typer.Typer(
    name="lightagent", help=HELP, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False
)
app.command(context_settings={"allow_extra_args": True})(run)
app.command("resume")(resume_file)
app.command()(chat)
app.command()(worker)
app.command()(serve)
config_app.command()(trust)
config_app.command()(untrust)
app.add_typer(config_app, name="config", help="Check, show and compare settings, without any network.")
for _command in (undo, rerun, resume, checkpoint, fork, trim, prune, forget):
    sessions_app.command()(_command)
app.add_typer(sessions_app, name="sessions", help="List, read, change, fork, export and remove stored conversations.")
for _name, _about_runs in (
    ("list", list_runs),
    ("show", show),
    ("watch", watch),
    ("approve", approve),
    ("cancel", cancel),
    ("graph", graph),
    ("compare", compare),
    ("codec-server", codec_server),
):
    flow_app.command(_name)(_about_runs)
app.add_typer(flow_app, name="flow", help="Run flows, go on with their runs, decide, watch, fork and compare them.")
app.add_typer(keys_app, name="keys", help="Make, list and revoke the keys of a server's clients.")
app.add_typer(runs_app, name="runs", help="List, show and resume the runs that programs have stored.")
app.add_typer(trace_app, name="trace", help="Show, list and compare the traces of runs.")
app.add_typer(review_app, name="review", help="List, show and decide what waits for a human.")
tools_app.command("from-openapi")(from_openapi)
memory_app.command()(copy)
memory_app.command()(reindex)
memory_app.command()(history)
memory_app.command("forget")(forget_memories)
memory_app.command("verify")(verify_memories)
memory_app.command("adopt")(adopt_memories)
memory_app.add_typer(candidates_app, name="candidates", help="List, show and decide what agents have learned.")
app.add_typer(memory_app, name="memory", help="List, search, export, copy and erase what agents remember.")
app.add_typer(tools_app, name="tools", help="List, check and call tools, without a model.")
app.add_typer(skills_app, name="skills", help="List and check skills, without a model.")
app.add_typer(policy_app, name="policy", help="Explain who may call which tools, without a model.")
app.add_typer(mcp_app, name="mcp", help="List and inspect MCP servers, without a model.")
app.add_typer(stores_app, name="stores", help="Take over what another store holds: to seal it, encrypt it or move it.")
app.command()(verify)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(version("lightagent"))
        except PackageNotFoundError:
            print("not installed")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options of the program itself."""
