"""Open the journal store of the settings, and print listings, for the commands that read it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from lightagent.aiokits.replaced_files import replacing
from lightagent.application.reviews.remembered_decisions import RememberedDecision
from lightagent.application.sessions.info import SessionInfo
from lightagent.application.stored_runs import RunInfo
from lightagent.compose.configured.backends import open_journals
from lightagent.domain.errors import ConfigurationError, IncompleteListing
from lightagent.domain.review.log import Review
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.options import settings_for
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings
from lightagent.settings.origins import printable

T = TypeVar("T")
InfoT = TypeVar("InfoT", SessionInfo, RunInfo, Review, RememberedDecision)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The items of a listing; if `error` is set, it is incomplete."""

    found: list[T]
    error: IncompleteListing | None = None


def with_store(
    work: Callable[[JournalStore], Awaitable[T]], config: Path | None, profile: str | None, trust: bool
) -> T:
    """Return the result of `work` with the open store, and close the store afterwards.

    Raises:
        ConfigurationError: the settings do not name a store.
        StoreError: the store cannot be read or written.
    """
    return in_store(work, settings_for(config, profile, False, trust))


def in_store(work: Callable[[JournalStore], Awaitable[T]], settings: Settings) -> T:
    """Do the same as `with_store`, with settings that are already loaded."""
    store = require_store(open_journals(settings))

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


def require_store(store: JournalStore | None) -> JournalStore:
    """Return the store, or raise if the settings do not name one.

    Raises:
        ConfigurationError: the settings do not name a store.
    """
    if store is None:
        raise ConfigurationError(
            "No store for sessions and runs is configured.",
            guidance='Add to lightagent.toml: [default.journals] with kind = "sqlite" and path = "journals.db".',
        )
    return store


async def gather_listing(items: AsyncIterator[T]) -> Listing[T]:
    """Collect the items of a listing, with its error if it is incomplete."""
    found = list[T]()
    try:
        async for info in items:
            found.append(info)
    except IncompleteListing as error:
        return Listing(found, error)
    return Listing(found)


def print_listing(listing: Listing[InfoT], line: Callable[[InfoT], str], empty: str, *, as_json: bool) -> None:
    """Print the items of a listing, one line each, or all as JSON.

    Args:
        line: formats one item.
        empty: printed if the listing is empty.

    Raises:
        IncompleteListing: not everything could be read; raised after the items are printed.
    """
    if not as_json:
        print_lines(listing, line, empty)
        return
    write_answer(json.dumps([asdict(info) for info in listing.found], ensure_ascii=False, indent=2) + "\n")
    if listing.error is not None:
        raise listing.error


def print_lines(listing: Listing[T], line: Callable[[T], str], empty: str) -> None:
    """Print the items of a listing, one line each; see `print_listing`."""
    for info in listing.found:
        out().print(printable(line(info)), markup=False)
    if not listing.found and listing.error is None:
        out().print(empty, markup=False)
    if listing.error is not None:
        raise listing.error


def to_minute(seconds: float) -> str:
    """Format a time for listings."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def open_private(path: Path) -> Generator[TextIO]:
    """Open a text file for writing that only its owner can read.

    An existing file is replaced when the new one is complete; after an error or Ctrl-C it is unchanged. Pipes and
    devices are written to directly.

    Raises:
        ConfigurationError: the file cannot be written, or would replace a binary file, such as that of the store.
    """
    try:
        place = path.resolve()  # The target of a symbolic link is replaced, not the link.
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
    """Open a temporary file that replaces the other one unless an error is raised."""
    if place.exists() and _is_binary(place):
        raise ConfigurationError(
            f"{printable(str(place))} is a binary file, and is not overwritten.", guidance="Choose another file."
        )
    with replacing(place) as file:
        yield file


def _is_binary(path: Path) -> bool:
    """Return whether a file is binary, such as a database or an archive, which an export must not replace."""
    with path.open("rb") as file:
        return b"\0" in file.read(4096)
