"""The output streams of all commands, and the format of errors.

Standard output gets the answer only, so that it can be piped; progress, traces and errors go to standard error.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from typing import TextIO

from rich.console import Console

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError, format_error_code
from lightagent.domain.text.characters import written_out
from lightagent.settings.origins import printable


def out() -> Console:
    """Return a console for standard output; a new one each time, since tests and notebooks replace the stream."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def err() -> Console:
    """Return a console for standard error."""
    is_utf8 = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
    # For other encodings rich chooses suitable characters, but only if it gets the original stream.
    return Console(
        file=_StandardError() if is_utf8 else None, stderr=True, highlight=False, soft_wrap=True, emoji=False
    )


class _StandardError(io.StringIO):
    """Standard error, for progress and errors. A write that fails, such as on a full disk, does not end the command."""

    def __init__(self) -> None:
        super().__init__()
        # While a spinner is shown, rich replaces standard error with a proxy, which would write back to this object.
        self._stream: TextIO = getattr(sys.stderr, "rich_proxied_file", sys.stderr)

    def write(self, text: str) -> int:
        """Write and flush the text; drop it if that fails."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            let_go_of(self._stream)
        return len(text)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream.isatty()


def write_answer(text: str) -> None:
    """Write a part of the answer to standard output. On a terminal, control characters are removed for safety."""
    if sys.stdout.isatty():
        text = "".join(each for each in text if each.isprintable() or each in "\n\t")
    encoding = sys.stdout.encoding or "utf-8"
    # Ids and texts may hold lone surrogates, which cannot be encoded. They are escaped as in JSON.
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # The reader has closed the pipe, as `head` does; the program ends silently.
    except OSError as exc:
        let_go_of(sys.stdout)
        raise LightAgentError(
            f"Standard output cannot be written: {exc.strerror}.",
            code="LA-STORE",
            guidance="Free space, or write elsewhere. The command itself has been carried out.",
        ) from exc


def let_go_of(stream: TextIO) -> None:
    """Redirect a stream to the null device, since Python would flush it once more on exit and print a traceback."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def write_visible_json(value: object) -> None:
    """Write a value as JSON for a person who decides by it: invisible characters are escaped."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    write_answer("".join(f"{written_out(line)}\n" for line in lines))


def show_error(info: LightAgentErrorInfo) -> None:
    """Print the code, message and guidance of an error to standard error."""
    console = err()
    console.print(_lines(f"{format_error_code(info.code)} {info.message}"), style="red", markup=False)
    if info.guidance:
        console.print(_lines(f"→ {info.guidance}"), style="yellow", markup=False)


def _lines(text: str) -> str:
    """Return the text, which may quote a file or a server, without control characters that could misuse a terminal."""
    return "\n".join(map(printable, text.split("\n")))
