"""Check whether the configured code runner can run programs of models and skills."""

from __future__ import annotations

import asyncio
from typing import Final

from rich.console import Console

from lightagent.domain.code import CodeJob, CodeResult, CodeText
from lightagent.domain.errors import LightAgentError
from lightagent.entrypoints.cli.console import show_error
from lightagent.ports.code import CodeRunner
from lightagent.settings.origins import printable

_PROGRAM: Final = CodeText("print(6 * 7)")


def examine_code(console: Console, runner: CodeRunner | None) -> bool:
    """Run a one-line program and print the result. Return whether it succeeded, or no runner is configured."""
    if runner is None:
        return True
    try:
        done = asyncio.run(_run(runner))
    except LightAgentError as exc:
        console.print("✗ code", style="red", markup=False)
        show_error(exc.info)
        return False
    if (done.exit_code, done.stdout) != (0, "42\n"):
        told = done.stderr.strip() or f"it ended with {done.exit_code}"
        console.print(printable(f"✗ code · {runner.name} · {told:.300}"), style="red", markup=False)
        return False
    console.print(f"✓ code · {runner.name} · {done.seconds * 1000:.0f} ms", markup=False)
    return True


async def _run(runner: CodeRunner) -> CodeResult:
    try:
        return await runner.run(CodeJob(_PROGRAM))
    finally:
        await runner.aclose()
