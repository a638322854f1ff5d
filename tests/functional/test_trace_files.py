"""Files of exported traces: whole lines, whoever writes them and whatever comes between."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from lightagent import (
    ConfigurationError,
    JsonlTraceExporter,
    JsonObject,
    LightAgent,
    TraceEvent,
    export_trace,
)
from lightagent.domain.errors import StoreError
from lightagent.entrypoints.cli.trace.sources import read_file
from lightagent.testing import ScriptedModel

ROOT = Path(__file__).parents[2]
EVENTS = [TraceEvent("run_start", {"agent_name": "a"}, "t"), TraceEvent("run_end", {"success": True}, "t")]

WRITER = """
import sys
from lightagent import JsonlTraceExporter, TraceEvent, export_trace

path, name, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
exporter = JsonlTraceExporter(path)
for number in range(count):
    export_trace([TraceEvent("run_end", {"text": name * size}, f"{name}{number}")], exporter)
"""


def writer(path: Path, name: str, count: int, size: int, before: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", before + WRITER, str(path), name, str(count), str(size)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def lines(path: Path) -> list[JsonObject]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids(path: Path) -> list[str]:
    return [trace.trace_id for trace in read_file(path)]


def test_a_trace_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "traces.jsonl"
    exporter = JsonlTraceExporter(path)
    pricing = {"input_per_million": 1.0, "output_per_million": 1.0}
    assert export_trace(EVENTS, exporter, pricing=pricing, metadata={"environment": "test"}) == path
    export_trace(EVENTS, JsonlTraceExporter(str(path)))
    first, second = lines(path)
    assert list(first) == ["exported_at", "metadata", "summary", "events"]
    assert (first["metadata"], second["metadata"]) == ({"environment": "test"}, {})
    assert first["events"] == EVENTS
    assert isinstance(first["summary"], dict)
    assert (first["summary"]["event_count"], first["summary"]["estimated_cost_usd"]) == (2, 0)
    assert datetime.fromisoformat(str(first["exported_at"])).utcoffset() is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_agent_exports_to_a_path(tmp_path: Path) -> None:
    agent = LightAgent(model=ScriptedModel(["A secret."]))
    agent.run("Tell me the secret.", trace=True)
    path = tmp_path / "traces.jsonl"
    assert agent.export_trace_to(str(path)) == path
    assert agent.export_trace_to(path, metadata={"n": 2}) == path
    assert [line["events"] for line in lines(path)] == [agent.export_trace()] * 2
    assert "secret" not in path.read_text()


def test_what_has_a_plain_form_as_text_is_written_as_text(tmp_path: Path) -> None:
    said = {"at": datetime(2026, 1, 2, tzinfo=UTC), "id": UUID(int=1), "in": [Path("x")], "half": "\ud800"}
    export_trace(EVENTS, JsonlTraceExporter(tmp_path / "t"), metadata=said)  # type: ignore[arg-type]
    assert lines(tmp_path / "t")[0]["metadata"] == {
        "at": "2026-01-02T00:00:00+00:00",
        "id": "00000000-0000-0000-0000-000000000001",
        "in": ["x"],
        "half": "\ud800",
    }


def deep() -> dict[str, object]:
    value: dict[str, object] = {}
    value["self"] = value
    return value


def long() -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(10_000):
        value = {"below": value}
    return value


@pytest.mark.parametrize(
    "said",
    [{"a": object()}, {"a": float("nan")}, {1: 2}, [1], deep(), long()],
    ids=["object", "nan", "key", "list", "holds itself", "deep"],
)
def test_metadata_that_is_not_json_is_refused_by_name(tmp_path: Path, said: object) -> None:
    path = tmp_path / "traces.jsonl"
    with pytest.raises(ConfigurationError, match=r"metadata.*not plain JSON"):
        export_trace(EVENTS, JsonlTraceExporter(path), metadata=said)  # type: ignore[arg-type]
    assert not path.exists()


def test_an_event_that_is_not_json_is_refused_by_its_place(tmp_path: Path) -> None:
    bad: dict[str, object] = {"type": "x", "data": {"when": {1, 2}}}
    with pytest.raises(ConfigurationError, match=r"events\[0\]\.data\.when"):
        export_trace([bad], JsonlTraceExporter(tmp_path / "t"))  # type: ignore[list-item]


def test_bad_paths_are_refused(tmp_path: Path) -> None:
    for bad in ("", "a\0b", 3, None, b"bytes"):
        with pytest.raises(ConfigurationError, match="path must be the path of a file"):
            JsonlTraceExporter(bad)  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "traces.jsonl"):
        with pytest.raises(ConfigurationError, match="cannot be used for traces"):
            export_trace(EVENTS, JsonlTraceExporter(path))
    with pytest.raises(StoreError, match="was not written"):
        export_trace(EVENTS, JsonlTraceExporter(tmp_path / ("long" * 100)))


def test_threads_and_processes_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    processes = [writer(path, name, 40, 20_000) for name in "ab"]

    def export(name: str) -> None:
        for number in range(40):
            event = TraceEvent("run_end", {"text": name * 20_000}, f"{name}{number}")
            export_trace([event], JsonlTraceExporter(path))

    threads = [threading.Thread(target=export, args=(name,)) for name in "cd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    found = ids(path)
    assert len(found) == 160
    for name in "abcd":
        assert [one for one in found if one.startswith(name)] == [f"{name}{number}" for number in range(40)]


def test_a_full_disk_is_an_error_and_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    export_trace(EVENTS, JsonlTraceExporter(path))
    before = path.read_bytes()
    limit = len(before) + 5_000
    full = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    )
    code = (
        full
        + WRITER.replace(
            "    export_trace(",
            "    try:\n        export_trace(",
        )
        + "    except Exception as error:\n        print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), "x", "2", "9000"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("StoreError [LA-STORE] The trace was not written to") == 2
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_device_is_an_error() -> None:
    with pytest.raises(StoreError, match="No space left"):
        export_trace(EVENTS, JsonlTraceExporter("/dev/full"))


def test_a_torn_line_is_passed_over_and_not_joined_with_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "traces.jsonl"
    export_trace(EVENTS, JsonlTraceExporter(path))
    whole = path.read_bytes()
    for cut in (5, len(whole) // 2, len(whole) - 2):
        path.write_bytes(whole + whole[:cut])
        export_trace([TraceEvent("run_end", {}, "later")], JsonlTraceExporter(path))
        assert ids(path) == ["t", "later"]
        assert "line 2 is passed over" in capsys.readouterr().err.replace("\n", " ")


def test_a_file_that_may_only_be_written_is_written(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.touch(mode=0o200)
    export_trace(EVENTS, JsonlTraceExporter(path))
    export_trace(EVENTS, JsonlTraceExporter(path))
    path.chmod(0o600)
    assert ids(path) == ["t", "t"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    export_trace(EVENTS, JsonlTraceExporter(path))
    reader.join(10)
    assert json.loads(read[0])["events"] == EVENTS


def test_killed_writers_leave_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    for number in range(4):
        process = writer(path, "ab"[number % 2], 10_000, 50_000)
        deadline = time.monotonic() + 30
        grown = path.stat().st_size if path.exists() else 0
        while time.monotonic() < deadline and not (path.exists() and path.stat().st_size > grown + 500_000):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    export_trace(EVENTS, JsonlTraceExporter(path))
    found = ids(path)
    assert found[-1] == "t"
    assert found.count("a0") == found.count("b0") == 2
