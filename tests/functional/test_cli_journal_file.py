"""`run --journal FILE` and `resume FILE`, and what else `run` says and takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lightagent.entrypoints.cli import main
from tests.support.command_line import call_lightagent

BANK = '''
import pathlib
from lightagent import tool

@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    with pathlib.Path("paid.txt").open("a") as file:
        file.write(f"{amount}\\n")
    return f"{amount} paid"
'''


class Shell:
    """A folder, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".git").mkdir()
        (folder / "bank.py").write_text(BANK, encoding="utf-8")

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIGHTAGENT_"))}
        kept |= {"PYTHONIOENCODING": "utf-8", "LIGHTAGENT_TRUST_CONFIG": "1", **variables}
        return call_lightagent(*arguments, folder=self.folder, variables=kept, stdin=stdin)

    @property
    def paid(self) -> list[str]:
        file = self.folder / "paid.txt"
        return file.read_text(encoding="utf-8").split() if file.exists() else []


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_run_waits_in_its_file_and_goes_on(shell: Shell) -> None:
    begun = shell("run", "Pay 5.", "--tools", "bank.py", "--journal", "pay.db")
    assert begun.returncode == 3
    assert 'pay {"amount": 5}' in begun.stderr
    assert "lightagent resume pay.db --approve" in begun.stderr
    asked = shell("resume", "pay.db", "--tools", "bank.py")
    assert (asked.returncode, shell.paid) == (2, [])
    assert "--approve" in asked.stderr
    ended = shell("resume", "pay.db", "--tools", "bank.py", "--approve")
    assert (ended.returncode, shell.paid) == (0, ["5"])
    again = shell("resume", "pay.db", "--tools", "bank.py", "--approve")
    assert (again.returncode, shell.paid) == (2, ["5"])
    assert "has ended" in again.stderr


@pytest.mark.parametrize(
    ("decision", "paid"),
    [(["--reject", "Too much."], []), (["--edit", '{"amount": 4}'], ["4"]), (["--respond", "done by hand"], [])],
    ids=["reject", "edit", "respond"],
)
def test_every_decision(shell: Shell, decision: list[str], paid: list[str]) -> None:
    shell("run", "Pay 5.", "--tools", "bank.py", "--journal", "pay.db")
    ended = shell("resume", "pay.db", "--tools", "bank.py", *decision)
    assert (ended.returncode, shell.paid) == (0, paid)


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (["--tools", "bank.py", "--edit", '{"amount": "four"}'], "do not fit"),
        (["--approve"], "tools that this agent lacks: pay"),
    ],
    ids=["arguments that do not fit", "no tools"],
)
def test_a_decision_that_the_run_could_not_use_does_not_count(shell: Shell, refused: list[str], says: str) -> None:
    shell("run", "Pay 5.", "--tools", "bank.py", "--journal", "pay.db")
    failed = shell("resume", "pay.db", *refused)
    assert (failed.returncode != 0, shell.paid) == (True, [])
    assert says in failed.stderr
    ended = shell("resume", "pay.db", "--tools", "bank.py", "--edit", '{"amount": 4}')
    assert (ended.returncode, shell.paid) == (0, ["4"]), ended.stderr


def test_several_runs_in_one_file(shell: Shell) -> None:
    for user in ("ann", "bob"):
        shell("run", "Pay 5.", "--tools", "bank.py", "--journal", "pay.db", "--user", user)
    unclear = shell("resume", "pay.db", "--tools", "bank.py", "--approve")
    assert unclear.returncode == 2
    assert "2 runs have not ended" in unclear.stderr
    name = unclear.stderr.split("not ended: ")[1].split(",")[0]
    assert shell("resume", "pay.db", "--run", name, "--tools", "bank.py", "--approve").returncode == 0
    assert shell("resume", "pay.db", "--tools", "bank.py", "--approve").returncode == 0
    assert shell.paid == ["5", "5"]
    missing = shell("resume", "pay.db", "--run", "nothing", "--approve")
    assert (missing.returncode, "does not contain the run" in missing.stderr) == (2, True)


def test_a_file_that_is_not_there_is_not_made(shell: Shell) -> None:
    missing = shell("resume", "nothing.db", "--approve")
    assert missing.returncode == 2
    assert "file does not exist" in missing.stderr
    assert not (shell.folder / "nothing.db").exists()


def test_json_holds_usage_and_journal(shell: Shell) -> None:
    whole = json.loads(shell("run", "Hello", "--json").stdout)
    assert whole["usage"]["total_tokens"] > 0
    assert whole["journal"]["events"][0]["type"] == "run_started"


def test_the_stand_in_says_so(shell: Shell) -> None:
    plain = shell("run", "Hello")
    assert plain.returncode == 0
    assert "the offline stand-in answers" in plain.stderr
    strict = shell("run", "Hello", "--strict")
    assert (strict.returncode, strict.stdout) == (2, "")
    assert "OPENAI_API_KEY" in strict.stderr
    (shell.folder / "lightagent.toml").write_text('[default.model]\nkind = "offline"\n', encoding="utf-8")
    chosen = shell("run", "Hello", "--strict")
    assert (chosen.returncode, chosen.stderr) == (0, "")


def test_a_model_by_its_name(shell: Shell) -> None:
    without = shell("run", "Hello", "--model", "gpt-9")
    assert (without.returncode, "There is no API key for api.openai.com" in without.stderr) == (1, True)
    shown = shell("run", "Hello", "--model", "gpt-9", "--show-request", "--json", OPENAI_API_KEY="sk-k")
    assert json.loads(shown.stdout)["body"]["model"] == "gpt-9"
    (shell.folder / "lightagent.toml").write_text('[default.model]\nkind = "openai"\nmodel = "m"\n', encoding="utf-8")
    shown = shell("run", "Hello", "-m", "gpt-9", "--show-request", "--json")
    assert json.loads(shown.stdout)["body"]["model"] == "gpt-9"


def test_the_request_is_shown_and_not_sent(shell: Shell) -> None:
    shown = shell("run", "Pay 5.", "--tools", "bank.py", "--instructions", "Be brief.", "--show-request")
    assert shown.returncode == 0
    lines = [line for line in shown.stdout.splitlines() if not line.startswith("    ")]
    assert lines == [
        "[caller] model model",
        "[caller] instructions instructions",
        "[caller] message query",
        "[caller] tool pay",
        "[caller] parameter stream",
    ]


def test_what_is_piped_in_goes_with_the_question(shell: Shell) -> None:
    shown = shell("run", "Review this.", "--show-request", "--json", stdin="+ one line\n")
    assert json.loads(shown.stdout)["body"]["messages"][-1]["content"] == "Review this.\n\n+ one line\n"
    alone = shell("run", "-", "--show-request", "--json", stdin="What is 2 + 2?")
    assert json.loads(alone.stdout)["body"]["messages"][-1]["content"] == "What is 2 + 2?"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", [["run", "Hello"], ["config", "show"]], ids=" ".join)
def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lightagent", *command],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 1
    assert "Standard output cannot be written: No space left on device." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_an_answer_comes_also_where_standard_error_is_full(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lightagent", "run", "Hello"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 0
    assert "offline stand-in" in done.stdout


def test_streams_that_are_closed_hold_nothing_and_take_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of `lightagent chat <&- >&-`, of which Python makes None."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lightagent", "chat"])
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0


def test_a_file_that_is_no_journal_is_refused_as_it_is(shell: Shell, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("What I have to remember.")
    for command in (("run", "Hello", "--journal"), ("resume",)):
        done = shell(*command, str(notes))
        assert done.returncode == 2
        assert "not a journal file" in done.stderr
    assert notes.read_text() == "What I have to remember."


def test_a_session_without_a_store_names_the_settings(shell: Shell) -> None:
    for command in (("run", "Hello"), ("chat",)):
        done = shell(*command, "--session", "monday")
        assert done.returncode == 2
        assert "[default.journals]" in done.stderr
