"""A chat of the command line on a terminal of its own, at which a test types."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.test_cli import INTERRUPTIBLE

# A process of its own on a terminal of its own, which it joins to its standard input and output.
_ON_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"

WITHOUT_READLINE = [*INTERRUPTIBLE[:2], f"import sys; sys.modules['readline'] = None; {INTERRUPTIBLE[2]}"]


@dataclass
class TypedChat:
    """The chat, which is at its prompt at first.

    Attributes:
        opening: what was shown before the first prompt.
        rest: what was shown since, and not given yet.
    """

    process: subprocess.Popen[bytes]
    opening: str = ""
    rest: bytes = b""

    def type(self, text: str | bytes, until: str = "> ") -> str:
        """Type it, and give what is shown until this text is.

        Of a line that is entered, what is shown after it counts: while it is typed, the prompt may be shown anew.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)
        wanted, seen = until.encode(), self.rest
        entered = len(seen) if text and text[-1:] in ("\n", b"\n") else None
        again = b"\x03" if text and text[-1:] in ("\x03", b"\x03") else b""
        while (end := _end_of(wanted, seen, entered)) is None and (more := self._read(again)):
            seen += more
        seen, self.rest = seen[:end], b"" if end is None else seen[end:]
        shown = seen.decode(errors="replace").replace("\r\n", "\n")
        assert until in shown, shown
        return shown

    def _read(self, again: bytes) -> bytes:
        """What is shown next.

        Args:
            again: typed once more where nothing is shown for seconds. Python notices Ctrl-C at a prompt only once it
                waits for a key, and one that comes a moment before with the next key.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        while again and not select.select((self.process.stdout,), (), (), 5.0)[0]:
            self.process.stdin.write(again)
        return os.read(self.process.stdout.fileno(), 4096)


def _end_of(wanted: bytes, seen: bytes, entered: int | None) -> int | None:
    """Where a text ends that is shown; None where it is not, or not after the end of the line that begins there."""
    begin = 0 if entered is None else seen.find(b"\n", entered)
    place = -1 if begin < 0 else seen.find(wanted, begin)
    return None if place < 0 else place + len(wanted)


@contextmanager
def typed_chat(
    *arguments: str,
    folder: Path,
    variables: Mapping[str, str],
    program: list[str] = INTERRUPTIBLE,
    until: str = "> ",
) -> Generator[TypedChat]:
    """``lightagent chat`` with these arguments; it must leave by Ctrl-D at the end.

    Args:
        variables: the environment; unless it says otherwise the terminal is a plain one of 110 columns.
        program: what the command line is called by.
        until: what it shows when it first waits for a person.
    """
    command = [sys.executable, "-c", _ON_TERMINAL, *program, "chat", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={"COLUMNS": "110", **variables, "TERM": variables.get("TYPED_TERM", "dumb")},
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            chat = TypedChat(process)
            chat.opening = chat.type("", until)
            yield chat
            assert process.stdin is not None
            process.stdin.write(b"\x04")
            assert process.wait(30) == 0
        finally:
            process.kill()  # or what failed would be waited for
