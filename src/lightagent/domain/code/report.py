"""What came of a program, as a model reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lightagent.domain.code.programs import CodeLimits, CodeResult

MOST_SHOWN: Final = 48 * 1024
"""Characters of standard output that a model reads; of more, the beginning and the end."""
MOST_COMPLAINT: Final = 12 * 1024
"""The same of standard error, whose end tells most."""


def report(result: CodeResult, limits: CodeLimits | None = None) -> str:
    """All that a model should know of a program that ran: what it wrote, and how it ended unless all is well.

    Args:
        limits: those that held for it, for the figures.
    """
    return "\n".join(_parts(result, limits)) or "The program ended without any output."


def _parts(result: CodeResult, limits: CodeLimits | None) -> Iterator[str]:
    if result.stdout:
        yield _shortened(result.stdout.removesuffix("\n"), MOST_SHOWN)
    if result.stderr:
        yield f"[standard error]\n{_shortened(result.stderr.removesuffix(chr(10)), MOST_COMPLAINT)}"
    if result.timed_out:
        after = f" after {limits.seconds:g} seconds" if limits else ""
        yield f"[The program was stopped{after}, since its time was over. Have it do less at a time.]"
    elif result.truncated:
        most = f"{limits.output:,} bytes" if limits else "it may"
        yield f"[The program was stopped, since it wrote more than {most}. Have it print less.]"
    elif result.exit_code:
        yield f"[The program ended with exit code {result.exit_code}.{_signal(result.exit_code)}]"


def _signal(code: int) -> str:
    if code == 137:
        return " It was killed: it may have taken more memory than there is."
    return " It crashed." if 128 < code < 160 else ""


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    left_out = len(text) - most
    return f"{text[: most // 2]}\n[… {left_out:,} characters are left out here …]\n{text[-(most // 2) :]}"
