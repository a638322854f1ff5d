"""The journal file of ``run --journal FILE``, in which a run is stored as it happens, and of ``resume FILE``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals.journal import Journal
from lightagent.application.journals.keep_run import KIND
from lightagent.application.journals.read_streams import list_streams
from lightagent.application.projections.result import RunResult
from lightagent.application.stored_runs import Runs, StoredRun
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.outcomes import Suspended
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.ask_decisions import waiting_lines
from lightagent.entrypoints.cli.console import err
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

JournalFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Store the run in this file as it happens; `lightagent resume FILE` continues it.",
    ),
]


def open_journal_file(path: Path, *, is_there: bool = False) -> JournalStore:
    """Open the store in the file.

    Args:
        is_there: the file must exist.

    Raises:
        ConfigurationError: the file is missing, or is not an SQLite database.
    """
    if is_there and not path.is_file():
        raise ConfigurationError(
            f"{printable(str(path))}: the file does not exist.",
            guidance="Name a file that `lightagent run --journal` has written.",
        )
    if _is_something_else(path):
        raise ConfigurationError(
            f"{printable(str(path))}: not a journal file: it must be an SQLite database.",
            guidance="Name a file that `lightagent run --journal` has written, or one that does not exist yet.",
        )
    return SqliteJournalStore(path)


def _is_something_else(path: Path) -> bool:
    """Return whether the file exists and is not an SQLite database; an empty file can become one."""
    try:
        with path.open("rb") as file:
            return file.read(16) not in (b"", b"SQLite format 3\0")
    except OSError:
        return False


async def run_in_file(store: JournalStore, path: Path, run: str | None) -> Journal:
    """Return the journal of the run that has not ended or, if all have, of the newest one.

    Args:
        run: the id of the run; needed if several have not ended.

    Raises:
        ConfigurationError: the run is not in the file, or several have not ended and none was named.
    """
    found = [
        (stream.key.id, stream.key.owner, stream.labels.get("status", ""))
        async for stream in list_streams(store, StreamQuery(kind=KIND))
    ]
    if run is not None:
        found = [one for one in found if one[0] == run]
    open_ones = [one for one in found if one[2] in ("running", "suspended")]
    if len(open_ones) > 1:
        names = ", ".join(name for name, *_ in open_ones)
        raise ConfigurationError(
            f"{printable(str(path))}: {len(open_ones)} runs have not ended: {names}.",
            guidance="Select one with --run ID.",
        )
    for name, owner, _ in (*open_ones, *found):
        stored = await _find(store, name, owner)
        if stored is not None:
            return stored.journal
    raise ConfigurationError(
        f"{printable(str(path))}: it does not contain the run.",
        guidance="Name a file that `lightagent run --journal` has written; `--run` takes the run_id of its result.",
    )


async def _find(store: JournalStore, name: str, owner: Scope) -> StoredRun | None:
    return await Runs(store, tenant=owner.tenant).find(name, owner.user)


def show_how_to_resume(result: RunResult, path: Path) -> None:
    """If the run waits, print its waiting calls and the command that resumes it to standard error."""
    if not isinstance(result.outcome, Suspended):
        return
    for line in waiting_lines(result.journal):
        err().print(printable(line), style="yellow", markup=False)
    command = f"lightagent resume {shlex.quote(str(path))}"
    err().print(printable(f"→ {command} --approve, --reject REASON, --edit JSON or --respond TEXT"), markup=False)
