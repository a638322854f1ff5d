"""Journals in files: appends to several streams wait for the disk at the same time."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest

from lightagent.domain.journals.streams import Draft, StreamKey
from tests.support.journal_files import ANN, Store, play

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems sync by other calls")

STREAMS = [StreamKey(ANN, "run", str(number)) for number in range(32)]


def test_appends_to_several_streams_are_synced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = threading.Barrier(4, timeout=10.0)  # Fewer syncs at once than this, and it breaks.
    met, sync = threading.Event(), os.fdatasync

    def sync_with_others(file: int) -> None:
        if not met.is_set():
            at_once.wait()
            met.set()
        sync(file)

    async def story(store: Store) -> None:
        await asyncio.gather(*(store.append(key, [Draft("1")], expected=0, at=1.0) for key in STREAMS))
        monkeypatch.setattr(os, "fdatasync", sync_with_others)
        await asyncio.gather(*(store.append(key, [Draft("2")], expected=1, at=2.0) for key in STREAMS))
        for key in STREAMS:
            assert [entry.content for entry in (await store.read(key)).entries] == ["1", "2"]

    play(tmp_path, story)
    assert met.is_set()


def test_appends_to_one_stream_keep_their_order(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        key = STREAMS[0]
        appends = [store.append(key, [Draft(str(turn))], expected=turn, at=1.0) for turn in range(20)]
        assert await asyncio.gather(*appends) == [*range(1, 21)]
        assert [entry.content for entry in (await store.read(key)).entries] == [str(turn) for turn in range(20)]

    play(tmp_path, story)
