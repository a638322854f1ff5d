"""``lightagent config``: check, show and compare settings, without any network, and trust files of settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from os import environ
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err, out
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig
from lightagent.settings import Problem, load_settings, open_file
from lightagent.settings.check import ProfileCheck, check_profiles
from lightagent.settings.origins import printable, short_path
from lightagent.settings.report import differences, rows
from lightagent.settings.schema import SECTIONS, needs_trust
from lightagent.settings.secrets import masked_at
from lightagent.settings.toml_file import FILE_NAME, ConfigFile, find_file, read_file
from lightagent.settings.trust import owned_by_another
from lightagent.settings.trust_store import TrustedFile, TrustStore

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


Target: TypeAlias = Annotated[
    Path | None,
    typer.Argument(help="The file, or its folder; otherwise the one that is found here or above.", metavar="PATH"),
]


@guarded
def trust(
    path: Target = None,
    listed: Annotated[bool, typer.Option("--list", help="Print the files that are trusted, and trust none.")] = False,
) -> ExitCode:
    """Let a found lightagent.toml set hosts, headers, keys, instructions and the like. Read the file before.

    Until then, a file that was found stops a command if it sets such a key. Trust is for the file at this place with
    this content: it ends when a byte changes or the file moves. A file that you name by --config needs none.

    **Examples**

    `lightagent config trust`

    `lightagent config trust ~/projects/agents/lightagent.toml`

    `lightagent config trust --list`
    """
    store = TrustStore(environ)
    if listed:
        for known in store:
            out().print(printable(f"{known.path} · sha256 {known.digest} · {_state(known)}"), markup=False)
        return ExitCode.COMPLETED
    file = read_file(_target(path), SECTIONS)
    store.add(file)
    out().print(printable(f"Trusted: {file.path.resolve()} (sha256 {file.digest})"), markup=False)
    for line in _privileges(file):
        out().print(printable(f"  {line}"), markup=False)
    if owned_by_another(file):
        err().print(f"It belongs to another user of this machine (number {file.owner}).", style="yellow")
    return ExitCode.COMPLETED


@guarded
def untrust(path: Target = None) -> ExitCode:
    """Trust a file no longer. It may be gone already.

    **Examples**

    `lightagent config untrust`

    `lightagent config untrust ~/projects/agents/lightagent.toml`
    """
    target = _target(path)
    if not TrustStore(environ).remove(target):
        raise ConfigurationError(
            f"{printable(short_path(target))} is not trusted.", guidance="Type: lightagent config trust --list"
        )
    out().print(printable(f"Trusted no longer: {target.resolve()}"), markup=False)
    return ExitCode.COMPLETED


def _target(path: Path | None) -> Path:
    if path is not None:
        return (path / FILE_NAME if path.is_dir() else path).absolute()
    found = find_file(Path.cwd())
    if found is None:
        raise ConfigurationError(f"There is no {FILE_NAME} here or above.", guidance="Name one.")
    return found.absolute()


def _privileges(file: ConfigFile) -> Iterator[str]:
    """Yield the settings of all profiles that apply only if the file is trusted."""
    for profile in file.profiles:
        for path, leaf in file.leaves(profile).items():
            if needs_trust(path):
                value = json.dumps(masked_at(path, leaf.value))
                yield f"{leaf.origin.place(path)} = {value}"


def _state(known: TrustedFile) -> str:
    try:
        return "holds" if read_file(known.path, SECTIONS).digest == known.digest else "has changed since"
    except ConfigurationError:
        return "cannot be read any more"
