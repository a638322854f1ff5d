"""The tables of a database, made at the first use and brought up to date by the first process that opens it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightagent.adapters._sqlite.transactions import snapshot, transaction
from lightagent.domain.errors import StoreError


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a kind of store.

    Attributes:
        what: the kind of store, such as ``journal store``.
        application: marks a file as one of this kind.
        steps: what brings the tables from each version to the next, beginning with nothing. Steps are only ever added.
    """

    what: str
    application: int
    steps: Sequence[Sequence[str]]

    def prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring the tables to the version of this release; the versions are the numbers of steps taken.

        Raises:
            StoreError: a later release made them, or another program.
        """
        with snapshot(connection):  # Another process may write both marks between the reading of one and the other.
            found = self._version(connection, path)
        if found == len(self.steps):
            return
        with transaction(connection):
            found = self._version(connection, path)  # Another process may have been faster.
            for step in self.steps[found:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self.application}")
            connection.execute(f"PRAGMA user_version = {len(self.steps)}")

    def _version(self, connection: sqlite3.Connection, path: Path) -> int:
        """The version of the tables, 0 for a new file."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != self.application:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if version or tables:
                raise StoreError(
                    f"{path} is no {self.what} that can be used: another program made it.",
                    guidance="Name another file.",
                )
        elif not 0 < version <= len(self.steps):
            raise StoreError(
                f"The tables in {path} have version {version}; this release of lightagent knows {len(self.steps)}.",
                guidance="Upgrade lightagent to the release that made them, or a later one; or name another file.",
            )
        return int(version)
