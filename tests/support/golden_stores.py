"""Stores as releases have written them, each with a session and a run that waits for a human.

    python -m tests.support.golden_stores

writes those of this release into `tests/golden`, as text; what is there already is never written again, since later
releases have to read it. A store in PostgreSQL is written where the environment names a server as GOLDEN_POSTGRES.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypedDict

from lightagent import ApprovalDecision, ChatRequest, JournalStore, JsonObject, LightAgent, Runs, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals.journal import SCHEMA_VERSION
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope

GOLDEN: Final = Path(__file__).parents[1] / "golden"


class GoldenStream(TypedDict):
    """A stream as it stands in a file of events."""

    owner: tuple[str, str, str]
    kind: str
    id: str
    labels: dict[str, str]
    at: float
    base: int
    entries: list[tuple[str, int, str]]


USER: Final = "ann"
SESSION: Final = "trip"
OTHER: Final = StreamKey(Scope("acme", "bob"), "notes", "naïve \udc80")
"""A stream that no agent has written; its front was forgotten."""


def payer(store: JournalStore | None = None) -> LightAgent[None, str]:
    """An agent that pays when it is asked to, once a human has agreed."""

    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        return f"paid {amount}"

    def reply(request: ChatRequest) -> str | ToolCall:
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            return f"Done: {last.content}."
        return call_tool("pay", amount=3) if str(last.content).startswith("pay") else f"Heard {last.content}."

    return LightAgent(name="till", model=ScriptedModel(reply), tools=[pay], session_store=store)


async def fill(store: JournalStore) -> None:
    """A session of three turns, the second with a call, and a run that waits for a human."""
    agent = payer(store)
    await agent.arun("hello", session_id=SESSION, user_id=USER)
    await agent.arun("pay the train", session_id=SESSION, user_id=USER, result_format="object")
    journal = await Sessions(store).journal(SESSION, USER)
    assert journal is not None
    await agent.aresume(journal, ApprovalDecision.approve())
    await agent.arun("thanks", session_id=SESSION, user_id=USER)
    await payer().arun("pay the hotel", user_id=USER, journal=store, result_format="object")
    drafts = [Draft(f'{{"note": {number}}}', schema=7, seal="outer") for number in range(5)]
    await store.append(OTHER, drafts, expected=0, at=1.0, labels={"status": "ö"}, seal="row")
    await store.forget(OTHER, before=3)


async def told(store: JournalStore) -> JsonObject:
    """What a store of these contents tells, through runs, sessions and as it is."""
    runs = [info async for info in Runs(store).list(USER)]
    journals = [await Runs(store).journal(info.run_id, USER) for info in runs]
    notes = await store.read(OTHER)
    return {
        "messages": list(await Sessions(store).messages(SESSION, USER)),
        "runs": [[info.run_id, info.agent, info.status, info.events] for info in runs],
        "journals": [None if journal is None else journal.to_json() for journal in journals],
        "notes": [[entry.sequence, entry.content, entry.schema, entry.seal] for entry in notes.entries],
        "labels": dict(notes.stream.labels),
    }


async def put(store: JournalStore, streams: Sequence[GoldenStream]) -> None:
    """Write streams into a store as they were."""
    for one in streams:
        key = StreamKey(Scope(*one["owner"]), one["kind"], one["id"])
        drafts = [Draft(content, schema, seal) for content, schema, seal in one["entries"]]
        await store.append(key, drafts, expected=0, at=one["at"], labels=one["labels"])
        if one["base"]:
            await store.forget(key, before=one["base"] + 1)


async def taken(store: JournalStore) -> list[GoldenStream]:
    """The streams of a store, the oldest first; what was forgotten of one is `null`."""
    found = list[GoldenStream]()
    for stream in reversed((await store.list(StreamQuery())).streams):
        owner = stream.key.owner
        entries = [(one.content, one.schema, one.seal) for one in (await store.read(stream.key)).entries]
        found.append(
            {
                "owner": (owner.tenant, owner.user, owner.session),
                "kind": stream.key.kind,
                "id": stream.key.id,
                "labels": dict(stream.labels),
                "at": stream.updated_at,
                "base": stream.base,
                "entries": [("null", 1, "")] * stream.base + entries,
            }
        )
    return found


def dumped_sqlite(path: Path) -> tuple[int, str]:
    """The version of a database, and the statements that make it anew."""
    with closing(sqlite3.connect(path)) as db:
        pragmas = {name: int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")}
        lines = [f"PRAGMA {name} = {value};" for name, value in pragmas.items()]
        return pragmas["user_version"], "\n".join([*lines, *db.iterdump(), ""])


def dumped_postgres(url: str, schema: str) -> tuple[int, str]:
    """The version of the tables, and the statements that fill those of that version; SCHEMA stands for their schema."""
    import psycopg
    from psycopg import sql

    lines = list[str]()
    with psycopg.connect(url) as db:
        for table in ("version", "streams", "entries"):
            name = sql.Identifier(schema, table)
            cursor = db.execute(sql.SQL("SELECT * FROM {} ORDER BY 1").format(name))
            for row in cursor:
                values = sql.SQL(", ").join(map(sql.Literal, row)).as_string(db)
                lines.append(f"INSERT INTO SCHEMA.{table} OVERRIDING SYSTEM VALUE VALUES ({values});")
        numbers = db.execute(sql.SQL("SELECT number FROM {}").format(sql.Identifier(schema, "version"))).fetchall()
    return int(numbers[0][0]), "\n".join([*lines, ""])


async def write_all(place: Path) -> None:
    """Write what is missing."""
    events = GOLDEN / f"events_{SCHEMA_VERSION}.json"
    if not events.exists():
        memory = MemoryJournalStore()
        await fill(memory)
        events.write_text(json.dumps({"told": await told(memory), "streams": await taken(memory)}, indent=1) + "\n")
    streams = golden_streams(events)
    database = SqliteJournalStore(place / "db")
    await put(database, streams)
    await database.aclose()
    version, script = dumped_sqlite(place / "db")
    _write_once(GOLDEN / f"sqlite_{version}.sql", script)
    files = JsonFilesJournalStore(place / "files")
    await put(files, streams)
    await files.aclose()
    if not (there := GOLDEN / "files_1").exists():
        shutil.copytree(place / "files", there, ignore=shutil.ignore_patterns("lock"))
    if url := os.environ.get("GOLDEN_POSTGRES"):
        store = PostgresJournalStore(url, schema_name="golden")
        await put(store, streams)
        await store.aclose()
        version, script = dumped_postgres(url, "golden")
        _write_once(GOLDEN / f"postgres_{version}.sql", script)


def golden_streams(events: Path) -> list[GoldenStream]:
    """The streams of a file of events."""
    found: list[GoldenStream] = json.loads(events.read_text())["streams"]
    return found


def _write_once(file: Path, text: str) -> None:
    if not file.exists():
        file.write_text(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(write_all(Path(folder)))
