"""``lightagent config trust`` and ``untrust``: decide whether a found settings file may set privileged keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import environ
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out
from lightagent.settings.origins import printable, short_path
from lightagent.settings.schema import SECTIONS, needs_trust
from lightagent.settings.secrets import masked_at
from lightagent.settings.toml_file import FILE_NAME, ConfigFile, find_file, read_file
from lightagent.settings.trust import owned_by_another
from lightagent.settings.trust_store import TrustedFile, TrustStore

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
