"""The command line: run, chat, config, doctor."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without its packages, say what to install."""
    try:
        from lightagent.entrypoints.cli.app import app
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("click", "rich", "typer"):
            raise
        from lightagent.adapters.registry import install_command

        print(
            f"The command line needs the package {exc.name!r}, which is not installed. "
            f"Type: {install_command('cli', 'rich', 'typer')}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    app(prog_name="lightagent")
