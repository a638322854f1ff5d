"""``lightagent config``: check, show and compare settings, without any network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig
from lightagent.settings import Problem, load_settings, open_file
from lightagent.settings.check import ProfileCheck, check_profiles
from lightagent.settings.origins import printable, short_path
from lightagent.settings.report import differences, rows

config_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@config_app.command()
@guarded
def check(config: Config = None, profile: Profile = None, trust_config: TrustConfig = False) -> ExitCode:
    """Validate the settings file, every profile of it, and the environment; list all problems at once.

    The chosen profile must be ready to run here. Of the others, variables and packages that are missing on this machine
    are only noted. Nothing is sent anywhere; `lightagent doctor` does that.

    **Examples**

    `lightagent config check`

    `lightagent config check --config deploy/lightagent.toml --profile prod`
    """
    file = open_file(config, os.environ, trust=trust_config)
    console = out()
    console.print(short_path(file.path) if file else "No lightagent.toml here or above; built-in settings hold.")
    told: set[Problem] = set()
    for found in check_profiles(file, profile, os.environ):
        _show_check(console, found, told)
    if not told:
        return ExitCode.COMPLETED
    err().print(f"{len(told)} {'problem' if len(told) == 1 else 'problems'}.", style="red")
    return ExitCode.USAGE


@config_app.command()
@guarded
def show(config: Config = None, profile: Profile = None, trust_config: TrustConfig = False) -> ExitCode:
    """Print the settings that hold here, and where each comes from. Secrets are shown as what they refer to.

    **Examples**

    `lightagent config show`

    `lightagent config show --profile prod`

    `LIGHTAGENT__MODEL__TIMEOUT=5 lightagent config show`
    """
    settings = load_settings(config, profile, trust=trust_config)
    console = out()
    console.print(f"profile {settings.provenance.profile}", style="bold", markup=False)
    _print_columns(console, ("setting", "value", "from"), [(row.path, row.value, row.origin) for row in rows(settings)])
    return ExitCode.COMPLETED


@config_app.command()
@guarded
def diff(
    left: Annotated[str, typer.Argument(help="A profile.", metavar="A")],
    right: Annotated[str, typer.Argument(help="Another profile.", metavar="B")],
    config: Config = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print what differs between two profiles; `default` names what holds without any.

    Ends with 0 if they say the same, 1 if they differ, 2 if there is no such profile or it is not valid.

    **Examples**

    `lightagent config diff dev prod`

    `lightagent config diff default prod`
    """
    found = differences(
        load_settings(config, left, trust=trust_config), load_settings(config, right, trust=trust_config)
    )
    if not found:
        out().print(f"{left} and {right} say the same.", markup=False)
        return ExitCode.COMPLETED
    cells = [(one.path, one.left or "—", one.right or "—") for one in found]
    _print_columns(out(), ("setting", left, right), cells)
    return ExitCode.FAILED


def _show_check(console: Console, found: ProfileCheck, told: set[Problem]) -> None:
    """Print the check of one profile, without inherited problems that are in `told`, the problems printed before."""
    kinds = found.settings.backends().items() if found.settings else ()
    backends = "".join(f" · {section} {backend.kind}" for section, backend in kinds)
    mark = "[red]✗[/]" if found.problems else "[green]✓[/]"
    chosen = " (chosen)" if found.chosen else ""
    same = " · inherits problems told above" if told.intersection(found.problems) else ""
    console.print(f"{mark} {escape(printable(found.profile))}{chosen}{escape(backends)}{same}")
    for problem in found.problems:
        if problem not in told:
            console.print(printable(f"    {problem}"), style="red", markup=False)
    for note in found.notes:
        console.print(printable(f"    elsewhere: {note}"), style="yellow", markup=False)
    told.update(found.problems)


def _print_columns(console: Console, titles: tuple[str, ...], cells: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns without wrapping, so that the output can be searched and compared line by line."""
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for number, row in enumerate((titles, *cells)):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(printable(line.rstrip()), style="bold" if number == 0 else None, markup=False)
