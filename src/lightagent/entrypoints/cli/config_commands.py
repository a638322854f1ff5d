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
from lightagent.settings.check_profiles import ProfileCheck, check_profiles
from lightagent.settings.origins import printable, short_path
from lightagent.settings.report import differences, rows
from lightagent.settings.schema import SECTIONS
from lightagent.settings.secrets import masked_at
from lightagent.settings.settings_file import FILE_NAME, ConfigFile, find_file, read_file
from lightagent.settings.trust import TrustedFile, TrustStore, needs_trust, owned_by_another

config_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@config_app.command()
@guarded
def check(config: Config = None, profile: Profile = None, trust_config: TrustConfig = False) -> ExitCode:
    """Validate the settings file with all its profiles, and the environment; print all problems at once.

    The chosen profile must be ready to run here. For the others, missing environment variables and packages are only
    noted. Nothing is sent over the network; `lightagent doctor` does that.

    **Examples**

    `lightagent config check`

    `lightagent config check --config deploy/lightagent.toml --profile prod`
    """
    file = open_file(config, os.environ, trust=trust_config)
    console = out()
    console.print(short_path(file.path) if file else "No lightagent.toml here or above; the built-in settings apply.")
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
    """Print the settings that apply here, and where each comes from. For secrets the reference is shown.

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
    """Print the differences between two profiles; `default` is the profile without a name.

    Exit code: 0 if they are the same, 1 if they differ, 2 if one does not exist or is invalid.

    **Examples**

    `lightagent config diff dev prod`

    `lightagent config diff default prod`
    """
    found = differences(
        load_settings(config, left, trust=trust_config), load_settings(config, right, trust=trust_config)
    )
    if not found:
        out().print(f"{left} and {right} are the same.", markup=False)
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
    same = " · inherits problems shown above" if told.intersection(found.problems) else ""
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
    typer.Argument(help="The file or its folder. Default: the one found here or above.", metavar="PATH"),
]


@guarded
def trust(
    path: Target = None,
    listed: Annotated[bool, typer.Option("--list", help="List the trusted files.")] = False,
) -> ExitCode:
    """Trust a lightagent.toml, so that it may set hosts, headers, keys, instructions and the like. Read it first.

    Until then, commands refuse a file that they find by themselves and that sets such a key. Trust covers this path
    with this content: it ends when the file changes or moves. A file named with --config does not need it.

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
        err().print(f"The file belongs to another user of this machine (uid {file.owner}).", style="yellow")
    return ExitCode.COMPLETED


@guarded
def untrust(path: Target = None) -> ExitCode:
    """Stop trusting a file, which may have been deleted already.

    **Examples**

    `lightagent config untrust`

    `lightagent config untrust ~/projects/agents/lightagent.toml`
    """
    target = _target(path)
    if not TrustStore(environ).remove(target):
        raise ConfigurationError(
            f"{printable(short_path(target))} is not trusted.", guidance="Type: lightagent config trust --list"
        )
    out().print(printable(f"Not trusted any more: {target.resolve()}"), markup=False)
    return ExitCode.COMPLETED


def _target(path: Path | None) -> Path:
    if path is not None:
        return (path / FILE_NAME if path.is_dir() else path).absolute()
    found = find_file(Path.cwd())
    if found is None:
        raise ConfigurationError(f"No {FILE_NAME} found here or above.", guidance="Name the file.")
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
        return "unchanged" if read_file(known.path, SECTIONS).digest == known.digest else "has changed since"
    except ConfigurationError:
        return "cannot be read any more"
