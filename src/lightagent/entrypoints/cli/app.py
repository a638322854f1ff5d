"""The command line as a whole: its help, its version, and the commands of `command_table`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from lightagent.entrypoints.cli.lazy_group import LazyGroup

HELP = """Run agents from the command line.

**First steps**

`lightagent run "What is 2 + 2?"` asks one question; without an API key the offline model answers, and says so.

`export OPENAI_API_KEY=…` and the same command asks OpenAI; OPENAI_BASE_URL names another compatible server.

`lightagent chat --tools FILE.py` lets the model call the functions of a Python file of yours.

`lightagent config show` prints the settings and where each comes from; `lightagent doctor` tests them.

The help of every command, such as `lightagent run --help`, ends with examples.
"""

app: typer.Typer = typer.Typer(
    name="lightagent",
    cls=LazyGroup,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


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
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
