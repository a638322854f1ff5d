"""The tables of a SQLite store, which several processes may make at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from lightagent.adapters.journals.sqlite.rows import add_functions
from lightagent.adapters.journals.sqlite.tables import prepare_tables


def test_another_process_makes_the_tables_while_they_are_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    here, there = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    with closing(here), closing(there):
        here.execute("PRAGMA journal_mode = WAL")
        add_functions(here)
        add_functions(there)
        made: list[str] = []

        def look(statement: str) -> None:
            if "application_id" in statement and not made:
                made.append(statement)
                prepare_tables(there, path)

        here.set_trace_callback(look)
        prepare_tables(here, path)
        assert made
        assert here.execute("SELECT count(*) FROM streams").fetchone() == (0,)
