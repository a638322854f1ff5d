"""The store that the settings name, for the commands that look into it, and how they print what they find."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from lightagent.application.remembered import RememberedDecision
from lightagent.application.session_info import SessionInfo
from lightagent.application.stored_runs import RunInfo
from lightagent.compose.backends import open_journals
from lightagent.domain.errors import ConfigurationError, IncompleteListing
from lightagent.domain.review_log import Review
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.options import settings_for
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings
from lightagent.settings.origins import printable

T = TypeVar("T")
InfoT = TypeVar("InfoT", SessionInfo, RunInfo, Review, RememberedDecision)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """What a listing has found; with an error it is not all there is."""

    found: list[T]
    error: IncompleteListing | None = None


def with_store(
    work: Callable[[JournalStore], Awaitable[T]], config: Path | None, profile: str | None, trust: bool
) -> T:
    """What `work` gives with the open store, which is closed afterwards.

    Raises:
        ConfigurationError: no settings name a store.
        StoreError: it cannot be read or written.
    """
    return in_store(work, settings_for(config, profile, False, trust))


def in_store(work: Callable[[JournalStore], Awaitable[T]], settings: Settings) -> T:
    """The same for settings that are already loaded."""
    store = require_store(open_journals(settings))

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


def require_store(store: JournalStore | None) -> JournalStore:
    """The store that the settings name.

    Raises:
        ConfigurationError: they name none.
    """
    if store is None:
        raise ConfigurationError(
            "No settings say where sessions and runs are kept.",
            guidance='Add to lightagent.toml: [default.journals] with kind = "sqlite" and path = "journals.db".',
        )
    return store


async def gather_listing(items: AsyncIterator[T]) -> Listing[T]:
    """What a listing gives, and how far it is right."""
    found = list[T]()
    try:
        async for info in items:
            found.append(info)
    except IncompleteListing as error:
        return Listing(found, error)
    return Listing(found)


def print_listing(listing: Listing[InfoT], line: Callable[[InfoT], str], empty: str, *, as_json: bool) -> None:
    """Print what was found, a line each, or all of it as JSON.

    Args:
        line: the text of one.
        empty: what is printed where there is none.

    Raises:
        IncompleteListing: after that, if not everything could be read.
    """
    if not as_json:
        print_lines(listing, line, empty)
        return
    write_answer(json.dumps([asdict(info) for info in listing.found], ensure_ascii=False, indent=2) + "\n")
    if listing.error is not None:
        raise listing.error


def print_lines(listing: Listing[T], line: Callable[[T], str], empty: str) -> None:
    """Print what was found, a line each; see `print_listing`."""
    for info in listing.found:
        out().print(printable(line(info)), markup=False)
    if not listing.found and listing.error is None:
        out().print(empty, markup=False)
    if listing.error is not None:
        raise listing.error


def to_minute(seconds: float) -> str:
    """A time as listings print it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def open_private(path: Path) -> Generator[TextIO]:
    """A text file that only its owner may read. It takes the place of what stands there once it is whole: where writing
    breaks off, such as by an error or Ctrl-C, that stays. A pipe or a device is written to as it is.

    Raises:
        ConfigurationError: it cannot be written, or what stands there is no text, such as the store's own file.
    """
    try:
        place = path.resolve()  # A link stays one, and what it leads to is replaced.
        if place.exists() and not place.is_file():
            with place.open("w", encoding="utf-8", newline="\n") as file:
                yield file
        else:
            with _replacement(place) as file:
                yield file
    except OSError as error:
        raise ConfigurationError(
            f"{printable(str(path))} cannot be written: {error.strerror}.", guidance="Choose another file."
        ) from None


@contextmanager
def _replacement(place: Path) -> Generator[TextIO]:
    """A file that is put in the place of another one when nothing was raised."""
    if place.exists() and _is_binary(place):
        raise ConfigurationError(
            f"{printable(str(place))} is no text file, and is not written over.", guidance="Choose another file."
        )
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".lightagent-")  # Readable by its owner alone.
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(place)
    finally:
        Path(name).unlink(missing_ok=True)


def _is_binary(path: Path) -> bool:
    """Whether a file is a database, an archive or the like, which lines of JSON are not meant to replace."""
    with path.open("rb") as file:
        return b"\0" in file.read(4096)
