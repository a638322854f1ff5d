"""Read traces for the command line: from files of exported traces, and from the store of runs and sessions."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from lightagent.application.feedback.feedback import Feedback
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.trace import trace_events
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.sessions.sessions import Sessions
from lightagent.application.stored_runs import Runs
from lightagent.application.strict_json import NotStrictJsonError
from lightagent.application.traces.exported_traces import ExportedTrace, read_trace
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.learning.feedback import HumanFeedback
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.stores import with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

MOST_BYTES: Final = 64 * 1024 * 1024
"""Size limit of one line, enough for the trace of a very long run with content."""
PIPE_SECONDS: Final = 5
"""Seconds to wait for data from a pipe."""
_BEGINNING: Final = b'{"exported_at"'
_SUFFIXES: Final = frozenset({".jsonl", ".json", ".ndjson", ".log", ".txt"})


@dataclass(frozen=True, slots=True)
class TraceSource:
    """Selects a trace in a file or in the store.

    Attributes:
        tenant, user: the owner of runs in the store.
        config, profile, trust: select the settings.
        content: include messages, arguments and outputs of stored runs.
        trace_id: the id of the trace; empty for the last one.
    """

    tenant: str
    user: str
    config: Path | None
    profile: str | None
    trust: bool
    content: bool = False
    trace_id: str = ""

    def find(self, name: str) -> ExportedTrace:
        """Return the trace in a file, or that of a stored run or session.

        Raises:
            ConfigurationError: the file, run or session does not exist, or does not have the trace.
            StoreError: the store cannot be read.
        """
        path = Path(name)
        if _is_file_name(path, name):
            return _chosen(read_file(path), self.trace_id, printable(name))
        return with_store(lambda store: self._stored(store, name), self.config, self.profile, self.trust)

    async def _stored(self, store: JournalStore, name: str) -> ExportedTrace:
        found = await Runs(store, tenant=self.tenant).find(name, self.user)
        if found is not None:
            return _chosen(iter([await self._trace(store, found.journal)]), self.trace_id, printable(name))
        turns = Sessions(store, tenant=self.tenant).replay(name, self.user)
        journals = [turn.journal async for turn in turns if not turn.undone]
        if not journals:
            raise ConfigurationError(
                f"No file, run or session {printable(name)!r} of this user exists.",
                guidance="Type: lightagent runs list, or sessions list; with --user NAME, if it is somebody's.",
            )
        wanted = [one for one in journals if self.trace_id in ("", one.started.trace_id)]
        traces = [await self._trace(store, journal) for journal in wanted[-1:]]
        return _chosen(iter(traces), self.trace_id, printable(name))

    async def _trace(self, store: JournalStore, journal: Journal) -> ExportedTrace:
        """Return the trace of a stored run, with the feedback about it."""
        events = trace_events(journal.events, capture_content=self.content)
        told = [one async for one in Feedback(store, tenant=self.tenant).list(journal.started.trace_id)]
        said = (feedback_event(one, content=self.content) for one in told)
        return ExportedTrace((*events, *said), datetime.now(UTC).isoformat())


def feedback_event(feedback: HumanFeedback, *, content: bool) -> TraceEvent:
    """Convert feedback about a run to an event of its trace. Comment and metadata are included only with content."""
    told = feedback.to_dict()
    data = {name: value for name, value in told.items() if content or name not in ("comment", "metadata")}
    return TraceEvent("human_feedback", data, feedback.trace_id, timestamp=feedback.created_at)


def read_file(path: Path) -> Iterator[ExportedTrace]:
    """Yield the traces of a file in order. A last line that a killed process left incomplete is skipped with a warning.

    Raises:
        ConfigurationError: the file cannot be read, a line is too long or is not a trace, or the file is a pipe without
            a writer.
    """
    shown = printable(str(path))
    try:
        with _opened(path) as file:
            number = 0
            while line := file.readline(MOST_BYTES + 1):
                number += 1
                if len(line) > MOST_BYTES:
                    raise ConfigurationError(
                        f"{shown}: line {number} has more than {MOST_BYTES:,} bytes.",
                        guidance="Is it a file of traces?",
                    )
                if line.strip() and (trace := _read_line(line, f"{shown}: line {number}")) is not None:
                    yield trace
    except OSError as error:
        raise ConfigurationError(
            f"{shown} cannot be read: {error.strerror}.", guidance="Name a file of traces, a run or a session."
        ) from None


def _opened(path: Path) -> BinaryIO:
    """Open a file for reading. For a pipe, wait at most `PIPE_SECONDS` for data."""
    if os.name != "posix" or not path.is_fifo():
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    polled = select.poll()
    polled.register(descriptor, select.POLLIN)
    if not polled.poll(PIPE_SECONDS * 1000):
        os.close(descriptor)
        raise ConfigurationError(
            f"{printable(str(path))} is a pipe without a writer.",
            guidance="Name a file of traces, a run or a session.",
        )
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def _read_line(line: bytes, place: str) -> ExportedTrace | None:
    """Return the trace in a line; None if the line was not written completely."""
    try:
        return read_trace(line.decode("utf-8"))
    except UnicodeDecodeError:
        problem, broken = "it is no UTF-8", True
    except NotStrictJsonError as error:
        problem, broken = str(error), error.position is not None
    except ConfigurationError as error:
        problem, broken = error.message.rstrip("."), False
    # A killed writer leaves the beginning of a line; later writers start a new line.
    if broken and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line.strip())):
        err().print(f"{place} is passed over: it was not written to its end.", style="yellow", markup=False)
        return None
    raise ConfigurationError(
        printable(f"{place}: not a trace: {problem}."),
        guidance="A file of traces is what JsonlTraceExporter writes.",
    )


def _is_file_name(path: Path, name: str) -> bool:
    """Return whether the name denotes a file: the file exists, or the name looks like a path."""
    try:
        return path.exists() or path.suffix in _SUFFIXES or path.is_absolute() or name.startswith(".")
    except (OSError, ValueError):  # The name is too long, or contains a null character.
        return False


def _chosen(traces: Iterator[ExportedTrace], trace_id: str, name: str) -> ExportedTrace:
    """Return the last trace with this id; without an id, the last of all."""
    chosen: ExportedTrace | None = None
    for trace in traces:
        if trace_id in ("", trace.trace_id):
            chosen = trace
    if chosen is None:
        said = f"no trace {printable(trace_id)!r}" if trace_id else "no trace"
        raise ConfigurationError(
            f"{name} holds {said}.", guidance="Type: lightagent trace list FILE, for a file of traces."
        )
    return chosen
