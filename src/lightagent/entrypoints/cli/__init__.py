"""The command line interface, ``lightagent``."""

from __future__ import annotations

import errno
import io
import sys


def main() -> None:
    """Run the command line. If its packages are missing, print what to install."""
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
    _open_what_is_closed()
    try:
        app(prog_name="lightagent")
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EIO) or exc.filename is not None:
            raise
        from lightagent.entrypoints.cli.console import let_go_of

        let_go_of(sys.stdout)
        print(f"Standard output cannot be written: {exc.strerror}.", file=sys.stderr)
        raise SystemExit(1) from None


def _open_what_is_closed() -> None:
    """Replace standard streams that the caller has closed, as `>&-` does, with empty in-memory ones."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.StringIO())
