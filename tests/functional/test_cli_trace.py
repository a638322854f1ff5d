"""``lightagent trace``: from files that anybody may have written, and from the store."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from lightagent import (
    HumanFeedback,
    JsonlTraceExporter,
    JsonObject,
    JsonValue,
    LightAgent,
    RunResult,
    TraceEvent,
    export_trace,
    maximum_length_guardrail,
    tool,
)
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.feedback.feedback import Feedback
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_cli_commands import folder, invoke

__all__ = ["folder"]

STORE = '[default.model]\nkind = "offline"\n[default.journals]\nkind = "sqlite"\npath = "runs.db"\n'


@tool
def look(where: str) -> str:
    """Look."""
    return f"seen {where}"


def agent(model: ScriptedModel | None = None, name: str = "till") -> LightAgent[None, str]:
    told = model or ScriptedModel([call_tool("look", where="here"), "Done, my secret."])
    return LightAgent(name=name, model=told, tools=[look])


def traced(trace_id: str = "", model: ScriptedModel | None = None) -> RunResult:
    return agent(model).run("?", trace=True, trace_id=trace_id or None, result_format="object")


@pytest.fixture
def file(folder: Path) -> Path:
    """Two traces."""
    path = folder / "traces.jsonl"
    export_trace(traced("one").trace, JsonlTraceExporter(path))
    export_trace(traced("two", ScriptedModel(["Nothing."])).trace, JsonlTraceExporter(path), metadata={"n": 2})
    return path


@pytest.fixture
def stored(folder: Path) -> RunResult:
    """A run of ann's that is stored, and what somebody thought of it."""
    (folder / "lightagent.toml").write_text(STORE)

    async def work() -> RunResult:
        store = SqliteJournalStore(folder / "runs.db")
        result = await agent().arun("?", user_id="ann", journal=store, result_format="object")
        told = HumanFeedback(result.trace_id, rating=0.5, label="wrong", comment="my secret", reviewer_id="qa-17")
        await Feedback(store).add(told)
        await store.aclose()
        return result

    return asyncio.run(work())


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("file")
def test_a_trace_of_a_file_is_shown_as_a_tree() -> None:
    last = invoke("trace", "show", "traces.jsonl")
    assert (last.exit_code, "trace two" in last.stdout) == (0, True)
    shown = invoke("trace", "show", "traces.jsonl", "--trace-id", "one").stdout
    for part in (
        "till · model scripted · trace one",
        "turn 1",
        "look(…)",
        "ok · ",
        "turn 2",
        "answers (16 characters)",
    ):
        assert part in shown
    assert "completed · " in shown
    assert " tokens" in shown
    missing = invoke("trace", "show", "traces.jsonl", "--trace-id", "three")
    assert missing.exit_code == 2
    assert "traces.jsonl holds no trace 'three'" in words(missing.stderr)


def test_json_is_a_line_of_such_a_file(file: Path) -> None:
    shown = invoke("trace", "show", "traces.jsonl", "--trace-id", "one", "--json").stdout
    assert shown.count("\n") == 1
    again = json.loads(shown)
    assert again["events"] == json.loads(file.read_text().splitlines()[0])["events"]
    with file.open("a") as more:
        more.write(shown)
    assert invoke("trace", "list", "traces.jsonl").stdout.count("\n") == 3


@pytest.mark.usefixtures("file")
def test_the_traces_of_a_file_are_listed() -> None:
    first, second = invoke("trace", "list", "traces.jsonl").stdout.splitlines()
    assert first.startswith("one · ")
    assert "completed · 8 events" in first
    assert second.startswith("two · ")
    heads = [json.loads(line) for line in invoke("trace", "list", "traces.jsonl", "--json").stdout.splitlines()]
    assert [(head["trace_id"], head["metadata"]) for head in heads] == [("one", {}), ("two", {"n": 2})]


def test_a_stored_run_is_shown_with_feedback_and_without_content(stored: RunResult) -> None:
    shown = invoke("trace", "show", stored.run_id, "--user", "ann")
    assert shown.exit_code == 0, shown.stderr
    assert f"trace {stored.trace_id}" in shown.stdout
    assert "look(…)" in shown.stdout
    assert "feedback rating 0.5 · label wrong · by qa-17" in shown.stdout
    assert "secret" not in shown.stdout
    whole = invoke("trace", "show", stored.run_id, "--user", "ann", "--content")
    assert 'look(where="here")' in whole.stdout
    assert "seen here" in whole.stdout
    assert "my secret" in whole.stdout
    plain = json.loads(invoke("trace", "show", stored.run_id, "--user", "ann", "--json").stdout)
    assert plain["summary"]["review_counts"] == {"human_feedback": 1}
    assert "secret" not in json.dumps(plain)
    assert invoke("trace", "show", stored.run_id).exit_code == 2


@pytest.mark.usefixtures("stored")
def test_of_a_session_the_last_turn_is_shown() -> None:
    for question in ("one", "two", "three"):
        assert invoke("run", question, "--session", "monday").exit_code == 0
    assert invoke("sessions", "undo", "monday").exit_code == 0
    whole = json.loads(invoke("trace", "show", "monday", "--content", "--json").stdout)
    assert "two" in json.dumps(whole["events"][0])
    assert "three" not in json.dumps(whole)
    turns = json.loads(invoke("sessions", "replay", "monday", "--json").stdout)
    first = turns[0]["journal"]["events"][0]["trace_id"]
    shown = invoke("trace", "show", "monday", "--trace-id", first, "--content", "--json").stdout
    assert "one" in json.dumps(json.loads(shown)["events"][0])


def test_nothing_of_the_name(folder: Path) -> None:
    (folder / "lightagent.toml").write_text(STORE)
    missing = invoke("trace", "show", "nothing")
    assert missing.exit_code == 2
    assert "No file, run or session 'nothing' of this user exists." in words(missing.stderr)
    for name in ("no.jsonl", "./nothing", "/nothing/at/all"):
        missing = invoke("trace", "show", name)
        assert missing.exit_code == 2
        assert "cannot be read: No such file or directory" in words(missing.stderr)
    for name in ("team/monday", "x" * 5000, "a\0b"):
        assert "No file, run or session" in words(invoke("trace", "show", name).stderr)
    assert "cannot be read: Is a directory" in words(invoke("trace", "show", ".").stderr)
    (folder / "empty.jsonl").touch()
    assert "empty.jsonl holds no trace." in words(invoke("trace", "show", "empty.jsonl").stderr)
    assert "has no traces." in invoke("trace", "list", "empty.jsonl").stdout


HOSTILE = {
    "no JSON": (b"hello\n", "line 1: not a trace"),
    "no UTF-8": (b"\xff\xfe\n", "line 1: not a trace: it is no UTF-8."),
    "no object": (b"3\n", "an object with a list of events is expected"),
    "no events": (b'{"events": 3}\n', "an object with a list of events is expected"),
    "an event of no type": (b'{"events": [{"type": 3}]}\n', "events[0] is not an object with a type and data"),
    "data of no object": (b'{"events": [{"type": "x", "data": []}]}\n', "events[0] is not an object"),
    "deep": (b"[" * 100_000 + b"\n", "nested more than"),
    "a long number": (b'{"events": [{"type": "x", "data": {"n": ' + b"9" * 5000 + b"}}]}\n", "5,000 digits"),
    "NaN": (b'{"events": [{"type": "x", "data": {"n": NaN}}]}\n', "NaN, which is not JSON"),
    "a name twice": (b'{"events": [], "events": []}\n', "'events' twice"),
    "escape sequences": (b"\x1b]0;owned\x07\n", "line 1: not a trace"),
}


@pytest.mark.parametrize(("text", "told"), HOSTILE.values(), ids=HOSTILE.keys())
def test_files_that_are_none_are_refused(folder: Path, text: bytes, told: str) -> None:
    (folder / "bad.jsonl").write_bytes(text)
    for command in (["show", "bad.jsonl"], ["list", "bad.jsonl"], ["diff", "bad.jsonl", "bad.jsonl"]):
        done = invoke("trace", *command)
        assert done.exit_code == 2, done.output
        assert told in words(done.stderr)
        assert "\x1b]" not in done.output


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
@pytest.mark.parametrize("command", [["show"], ["list"], ["diff", "traces.jsonl"]])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pipe", "pipe is a pipe without a writer."),
        ("directory", "directory cannot be read: Is a directory."),
        ("/dev/zero", "/dev/zero: line 1 has more than 100,000 bytes."),
    ],
)
def test_what_is_no_file_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], name: str, told: str
) -> None:
    monkeypatch.setattr("lightagent.entrypoints.cli.trace.sources.PIPE_SECONDS", 0.05)
    monkeypatch.setattr("lightagent.entrypoints.cli.trace.sources.MOST_BYTES", 100_000)
    os.mkfifo(file.parent / "pipe")
    (file.parent / "directory").mkdir()
    done = invoke("trace", *command, name)
    assert done.exit_code == 2
    assert told in words(done.stderr)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_a_pipe_that_somebody_writes_into_is_read(file: Path) -> None:
    pipe = file.parent / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(file.read_bytes()))
    writer.start()
    done = invoke("trace", "list", "pipe")
    writer.join()
    assert (done.exit_code, len(done.output.splitlines())) == (0, 2)


def test_a_line_that_is_too_long_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.entrypoints.cli.trace.sources.MOST_BYTES", 1000)
    (folder / "long.jsonl").write_bytes(b'{"events": [], "x": "' + b"x" * 2000 + b'"}\n')
    done = invoke("trace", "show", "long.jsonl")
    assert (done.exit_code, "line 1 has more than 1,000 bytes" in words(done.stderr)) == (2, True)


NASTY = "\x1b]0;owned\x07\u202e[red]x[/]\\"


def test_what_a_file_says_is_shown_escaped(folder: Path) -> None:
    names = ("run_start", "model_request", "model_response", "tool_call", "approval_required", "hook_block", "note")
    data = {"id": NASTY, "name": NASTY, "agent_name": NASTY, "model": NASTY, "reason": NASTY, "message": NASTY}
    kinds = (*names, "error", "tool_result", "human_feedback", "run_end", NASTY)
    events = [TraceEvent(kind, {**data, "label": NASTY, "outcome": NASTY, "status": NASTY}, NASTY) for kind in kinds]
    export_trace(events, JsonlTraceExporter(folder / "nasty.jsonl"))
    export_trace(events[1:], JsonlTraceExporter(folder / "other.jsonl"))
    for command in (["show", "nasty.jsonl"], ["list", "nasty.jsonl"], ["diff", "nasty.jsonl", "other.jsonl"]):
        done = invoke("trace", *command)
        assert done.exit_code in (0, 1), done.output
        for bad in ("\x1b]", "\x07", "\u202e"):
            assert bad not in done.output
        assert "owned" in done.output
    assert "[red]x[/]" in invoke("trace", "show", "nasty.jsonl").stdout


WRONG: list[JsonValue] = [None, True, 3, -1.5, 10**150, "text", [], [[1]], {}, {"a": {}}]


def test_wrong_types_inside_break_nothing(folder: Path) -> None:
    names = ("id", "name", "path", "usage", "model", "latency", "duration", "duration_ms", "success", "arguments")
    kinds = ("run_start", "model_request", "model_response", "tool_call", "tool_result", "human_feedback", "run_end")
    events = [TraceEvent(kind, dict.fromkeys(names, value), "t") for value in WRONG for kind in (*kinds, "error", "x")]
    usage: JsonObject = {"input_tokens": 10**150, "output_tokens": "x", "total_tokens": []}
    events += [TraceEvent(kind, {"usage": usage, "model": "gpt-4.1"}) for kind in kinds]
    export_trace(events, JsonlTraceExporter(folder / "wrong.jsonl"))
    export_trace(events[::-1], JsonlTraceExporter(folder / "other.jsonl"))
    for command in (["show", "wrong.jsonl"], ["show", "other.jsonl"], ["list", "wrong.jsonl"]):
        assert invoke("trace", *command).exit_code == 0
    assert invoke("trace", "diff", "wrong.jsonl", "other.jsonl").exit_code == 1
    assert invoke("trace", "diff", "wrong.jsonl", "wrong.jsonl").exit_code == 0


def test_agents_and_decisions_are_shown_below_their_calls(folder: Path) -> None:
    inner = agent(name="inner")
    outer = LightAgent(
        name="outer",
        model=ScriptedModel([call_tool("ask", query="2?"), "4"]),
        tools=[inner.as_tool("ask", "Asks.")],
        input_guardrails=[maximum_length_guardrail(1000)],
    )
    result = outer.run("?", trace=True, result_format="object")
    export_trace(result.trace, JsonlTraceExporter(folder / "nested.jsonl"))
    shown = invoke("trace", "show", "nested.jsonl").stdout.splitlines()
    at = {name: next(n for n, line in enumerate(shown) if name in line) for name in ("ask(…)", "inner", "look(…)")}
    assert at["ask(…)"] < at["inner"] < at["look(…)"]
    indents = [len(shown[at[name]]) - len(shown[at[name]].lstrip(" │├└─")) for name in at]
    assert indents == sorted(set(indents))
    assert shown[0].startswith("outer")


def test_what_differs_between_traces(file: Path) -> None:
    same = invoke("trace", "diff", "traces.jsonl#one", "traces.jsonl#one")
    assert (same.exit_code, same.stdout) == (0, "The traces are the same.\n")
    differ = invoke("trace", "diff", "traces.jsonl#one", "traces.jsonl#two")
    assert differ.exit_code == 1
    for line in ("events.tool_call: 1 → —", "tool_calls[0]: look ok → —", "order[3]: tool_call → run_end"):
        assert line in differ.stdout
    told = json.loads(invoke("trace", "diff", "traces.jsonl#one", str(file), "--json").stdout)
    assert told["same"] is False
    assert {"what": "events.tool_call", "left": 1, "right": None, "counts": True} in told["differences"]
    assert invoke("trace", "diff", "traces.jsonl#one", "traces.jsonl#three").exit_code == 2


def test_runs_that_took_another_time_are_the_same(folder: Path) -> None:
    for number in (1, 2):
        end: JsonObject = {"success": True, "outcome": "completed", "duration_ms": number}
        export_trace([TraceEvent("run_end", end, f"{number}")], JsonlTraceExporter(folder / "t.jsonl"))
    done = invoke("trace", "diff", "t.jsonl#1", "t.jsonl")
    assert (done.exit_code, done.stdout) == (0, "duration_ms: 1.0 → 2.0\nThey differ only in durations.\n")


def test_stored_runs_are_compared_with_files(folder: Path, stored: RunResult) -> None:
    export_trace(traced().trace, JsonlTraceExporter(folder / "traces.jsonl"))
    done = invoke("trace", "diff", "traces.jsonl", stored.run_id, "--user", "ann")
    assert "events.human_feedback: — → 1" in done.stdout
    assert done.exit_code == 1


OLD = {
    "exported_at": "2026-08-09T10:00:00+00:00",
    "metadata": {},
    "summary": {},
    "events": [
        {"type": "run_start", "data": {"query": "q"}, "trace_id": "old", "timestamp": "2026-08-09T10:00:00+00:00"},
        {"type": "model_request", "data": {"model": "m", "message_count": 2, "latency_ms": 1500}, "trace_id": "old"},
        {"type": "tool_call", "data": {"name": "search", "arguments": {"q": "x"}}, "trace_id": "old"},
        {"type": "tool_result", "data": {"name": "search", "latency_ms": 5, "output": "found"}, "trace_id": "old"},
        {"type": "run_end", "data": {"success": True, "duration_ms": 1600}, "trace_id": None},
    ],
}


def test_a_file_of_the_0_9_line_is_read(folder: Path) -> None:
    (folder / "old.jsonl").write_text(json.dumps(OLD) + "\n")
    shown = invoke("trace", "show", "old.jsonl").stdout
    for part in ("trace old", 'search(q="x")', "ok · 5 ms · found", "completed · 1.60 s"):
        assert part in shown
    again = json.loads(invoke("trace", "show", "old.jsonl", "--json").stdout)
    assert again["events"][0]["timestamp"] == 1786269600.0
    assert (again["exported_at"], again["summary"]["duration_ms"]) == (OLD["exported_at"], 1600)
