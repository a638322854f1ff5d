"""The contract suite of the port `CodeRunner`: subclass it with a `kind`, and pytest certifies the adapter.

Its programs keep to what the safe subsets of Python know: print, input, open, exceptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.code.programs import (
    MOST_COUNTED,
    MOST_SECONDS,
    CodeFile,
    CodeFolder,
    CodeJob,
    CodeLimits,
    CodeOutput,
    CodeResult,
    CodeText,
)
from lightagent.domain.errors import ToolError
from lightagent.ports.code import CodeRunner

CANARY = "canary-5f2b7c1e"
"""Must be in no output of a program."""

TO_THE_LETTER = {
    'print("a\\n`b` ```c``` \'d\' \\"e\\" {f} %s $HOME #g")': "a\n`b` ```c``` 'd' \"e\" {f} %s $HOME #g\n",
    'text = """first\n```python\nprint("never")\n```\nlast"""\nprint(text)': (
        'first\n```python\nprint("never")\n```\nlast\n'
    ),
    'print("日本語 🙂 \\t|")  # ünïcode': "日本語 🙂 \t|\n",
    "if True:\n    print('indented')\n\n\nprint('after empty lines')\n": "indented\nafter empty lines\n",
}
"""Programs that are easily changed on their way, and what they print."""


EXITS = {
    "exit()": (0, ""),
    "exit(0)": (0, ""),
    "exit(3)": (3, ""),
    "exit(-1)": (255, ""),
    "exit(1000)": (1000 & 0xFF, ""),
    "exit(True)": (1, ""),
    "exit('3')": (1, "3\n"),
    "raise SystemExit('3')": (1, "3\n"),
    "raise SystemExit": (0, ""),
    "try:\n    exit(3)\nexcept SystemExit:\n    exit(4)": (4, ""),
}
"""How programs end themselves, the exit code, and what they write to standard error."""


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


class CodeRunnerContract:
    """What everything promises that runs programs.

    Attributes:
        kind: as the registry knows it.
        takes_arguments: whether programs find arguments in ``sys.argv``; else a job with some is refused.
        is_isolated: whether programs are kept from what is outside; where that was given up, it is not looked at.
    """

    kind: ClassVar[str]
    takes_arguments: ClassVar[bool] = True
    is_isolated: ClassVar[bool] = True

    def prepare(self) -> Mapping[str, object]:
        """The options with which the adapter is opened."""
        return {}

    def open(self) -> CodeRunner:
        """The adapter under test, opened by its kind."""
        runner = open_adapter("code", self.kind, self.prepare())
        assert isinstance(runner, CodeRunner)
        return runner

    async def run(self, source: str, stdin: str = "", limits: CodeLimits | None = None) -> CodeResult:
        """A program that is given as text, without a folder."""
        return await self.open().run(CodeJob(CodeText(source), stdin=stdin, limits=limits))

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder beside which lies a file that programs must not see."""
        folder = tmp_path / "folder"
        (folder / "inner").mkdir(parents=True)
        # Programs may run as another user, so the folders are readable for all.
        for path in (folder, folder / "inner"):
            path.chmod(0o755)
        (tmp_path / "outside.py").write_text(f"print({CANARY!r})\n")
        (folder / "data.txt").write_text("from the folder")
        (folder / "inner/main.py").write_text("print(open('data.txt').read())\n")
        (folder / "link.py").symlink_to(tmp_path / "outside.py")
        (folder / "link.txt").symlink_to("../outside.py")
        return folder

    def test_it_says_what_it_is(self) -> None:
        runner = self.open()
        assert runner.name
        assert "python" in runner.languages
        assert runner.notes

    async def test_output_and_exit_codes_are_told_apart(self) -> None:
        done = await self.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n")
        assert done == CodeResult(0, "out\n", "err\n")
        assert done.ok
        failed = await self.run("print('before')\nraise ValueError('no such thing')\n")
        assert (failed.exit_code, failed.stdout) == (1, "before\n")
        assert "ValueError: no such thing" in failed.stderr
        wrong = await self.run("def broken(:\n")
        assert wrong.exit_code == 1
        assert "SyntaxError" in wrong.stderr

    async def test_exit_codes_are_those_of_python(self) -> None:
        begin = "import sys\nexit = getattr(sys, 'exit', exit)\n"
        done = await asyncio.gather(*(self.run(begin + program) for program in EXITS))
        assert dict(zip(EXITS, done, strict=True)) == {
            program: CodeResult(code, "", told) for program, (code, told) in EXITS.items()
        }

    async def test_a_program_is_run_to_the_letter(self) -> None:
        done = await asyncio.gather(*map(self.run, TO_THE_LETTER))
        assert done == [CodeResult(0, said) for said in TO_THE_LETTER.values()]

    async def test_standard_input_is_read(self) -> None:
        done = await self.run("print(input() + '|' + input())", "first line\n日本 second\nnever read\n")
        assert done == CodeResult(0, "first line|日本 second\n")
        done = await self.run("print(input() + '|' + input())\ninput()", "one\r\n\u2028\n")
        assert (done.exit_code, done.stdout) == (1, "one\r|\u2028\n")

    async def test_arguments_arrive_unchanged_or_are_refused(self) -> None:
        arguments = ("a b", '"q"', "$HOME", "--flag=1", "", "ünï\n")
        job = CodeJob(CodeText("import sys\nprint(sys.argv[1:])"), arguments)
        if self.takes_arguments:
            assert await self.open().run(job) == CodeResult(0, f"{list(arguments)}\n")
        else:
            with pytest.raises(ToolError, match="arguments"):
                await self.open().run(job)

    async def test_its_output_is_shown_as_it_comes(self) -> None:
        shown: list[CodeOutput] = []
        source = "import sys, time\nfor i in range(3):\n    print(i)\n    time.sleep(0.05)\nprint('x', file=sys.stderr)"
        done = await self.open().run(CodeJob(CodeText(source)), shown.append)
        assert "".join(one.text for one in shown if one.channel == "stdout") == done.stdout == "0\n1\n2\n"
        assert "".join(one.text for one in shown if one.channel == "stderr") == done.stderr == "x\n"

    @pytest.mark.parametrize("source", ["while True: pass", "import time\ntime.sleep(3600)"])
    async def test_it_is_stopped_when_its_time_is_over(self, source: str) -> None:
        done = await self.run(f"print('begun')\n{source}", limits=CodeLimits(seconds=0.6))
        assert (done.exit_code, done.timed_out, done.truncated) == (None, True, False)
        assert "begun\n".startswith(done.stdout)  # A busy machine may not have come to its first line.
        assert done.seconds >= 0.6

    async def test_it_is_stopped_when_it_writes_too_much(self) -> None:
        done = await self.run("while True: print('x' * 999)", limits=CodeLimits(seconds=20, output=10_000))
        assert (done.exit_code, len(done.stdout), done.timed_out, done.truncated) == (None, 10_000, False, True)
        assert done.stdout.startswith("x" * 999 + "\nxx")

    async def test_what_is_written_to_both_channels_holds_nothing_up(self) -> None:
        source = "import sys\nprint('e' * 400_000, file=sys.stderr)\nprint('o' * 400_000)"
        done = await self.run(source, "i" * 400_000)
        assert done == CodeResult(0, "o" * 400_000 + "\n", "e" * 400_000 + "\n")

    async def test_it_gets_no_more_memory_than_it_may_take(self) -> None:
        limits = CodeLimits(memory=128 * 1024 * 1024)
        done = await self.run("text = 'x' * (1 << 30)\nprint(len(text))", limits=limits)
        assert done.exit_code not in (None, 0)
        assert done.stdout == ""
        assert "MemoryError" in done.stderr

    async def test_a_file_of_the_folder_is_run_there(self, folder: Path) -> None:
        job = CodeJob(CodeFile("inner/main.py"), folder=CodeFolder(str(folder)))
        assert await self.open().run(job) == CodeResult(0, "from the folder\n")

    async def test_a_file_that_is_not_in_the_folder_is_not_run(self, folder: Path) -> None:
        (folder / "inner.py").mkdir()
        runner = self.open()
        for name in ("link.py", "missing.py", "inner.py"):
            with pytest.raises(ToolError, match="not found in the folder"):
                await runner.run(CodeJob(CodeFile(name), folder=CodeFolder(str(folder))))

    async def test_a_folder_that_is_not_there_is_told(self, folder: Path) -> None:
        runner = self.open()
        for path in (folder / "missing", folder / "data.txt"):
            with pytest.raises(ToolError, match="folder"):
                await runner.run(CodeJob(CodeText("print(1)"), folder=CodeFolder(str(path))))

    async def test_another_folder_than_was_looked_at_is_not_taken(self, folder: Path) -> None:
        identity = _identity(folder)
        runner, job = self.open(), CodeJob(CodeText("print(open('data.txt').read())"))
        told = CodeFolder(str(folder), identity=identity)
        assert (await runner.run(replace(job, folder=told))).stdout == "from the folder\n"
        with pytest.raises(ToolError, match="exchanged"):
            await runner.run(replace(job, folder=replace(told, identity=(identity[0], identity[1] + 1))))

    async def test_the_highest_limits_are_as_good_as_none(self) -> None:
        most = CodeLimits(MOST_SECONDS, MOST_COUNTED, MOST_COUNTED, MOST_COUNTED, MOST_COUNTED)
        assert await self.run("print(1)", limits=most) == CodeResult(0, "1\n")

    async def test_nothing_outside_of_the_folder_is_read(self, folder: Path) -> None:
        if not self.is_isolated:
            return
        runner, sees = self.open(), CodeFolder(str(folder))
        for path in ("../outside.py", "link.txt", "link.py", "inner/../../outside.py"):
            done = await runner.run(CodeJob(CodeText(f"print(open({path!r}).read())"), folder=sees))
            assert done.exit_code == 1, path
            assert CANARY not in done.stdout + done.stderr

    async def test_a_folder_that_is_to_be_read_is_not_changed(self, folder: Path) -> None:
        if not self.is_isolated:
            return
        source = "with open('data.txt', 'w') as file:\n    file.write('changed')\n"
        done = await self.open().run(CodeJob(CodeText(source), folder=CodeFolder(str(folder))))
        assert done.exit_code == 1
        assert (folder / "data.txt").read_text() == "from the folder"

    async def test_its_private_directory_is_its_own(self) -> None:
        write = "with open('mine.txt', 'w') as file:\n    file.write('x')\nprint(open('mine.txt').read())"
        assert await self.run(write) == CodeResult(0, "x\n")
        assert (await self.run("open('mine.txt')")).exit_code == 1

    async def test_the_environment_of_this_program_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CODE_CONTRACT_SECRET", CANARY)
        done = await self.run("import os\nprint(os.environ)")
        assert CANARY not in done.stdout + done.stderr

    async def test_many_at_once_do_not_see_each_other(self) -> None:
        runner = self.open()
        source = (
            "name = input()\nwith open('file.txt', 'w') as file:\n    file.write(name)\nprint(open('file.txt').read())"
        )
        jobs = [CodeJob(CodeText(source), stdin=f"number {number}\n") for number in range(6)]
        done = await asyncio.gather(*map(runner.run, jobs))
        assert done == [CodeResult(0, f"number {number}\n") for number in range(6)]

    async def test_one_that_is_cancelled_ends_at_once(self) -> None:
        begun = asyncio.Event()
        job = CodeJob(CodeText("print('begun')\nwhile True: pass"))
        running = asyncio.ensure_future(self.open().run(job, lambda piece: begun.set()))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    def test_it_serves_several_event_loops(self) -> None:
        runner = self.open()
        for _ in range(2):
            assert asyncio.run(runner.run(CodeJob(CodeText("print(1)")))) == CodeResult(0, "1\n")
        asyncio.run(runner.aclose())
        assert asyncio.run(runner.run(CodeJob(CodeText("print(1)")))) == CodeResult(0, "1\n")

    async def test_a_language_that_it_does_not_know_is_refused(self) -> None:
        runner = self.open()
        if "javascript" not in runner.languages:
            with pytest.raises(ToolError, match="javascript"):
                await runner.run(CodeJob(CodeText("console.log(1)", "javascript")))
