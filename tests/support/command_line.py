"""The command line called in this process: what a process of its own would see and leave, without a second to start it.

Whether a real process does the same is for the tests of `test_cli.py` that start one.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import environ
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lightagent.entrypoints.cli import main


def call_lightagent(
    *arguments: str, folder: Path, variables: Mapping[str, str], stdin: str = "", together: bool = False
) -> CompletedProcess[str]:
    """`lightagent` with these arguments, in this folder and with this environment alone; no stream is a terminal.

    Args:
        together: whether what goes to standard error is told with what goes to standard output, in its order.
    """
    with _as_a_process(folder, variables, stdin, together) as (out, err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lightagent", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return CompletedProcess(arguments, _code(left.value), _text(out), "" if together else _text(err))


@contextmanager
def _as_a_process(
    folder: Path, variables: Mapping[str, str], stdin: str, together: bool
) -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    out = _stream()
    err = out if together else _stream()
    modules = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        for name, stream in (("stdin", _stream(stdin)), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        for name in environ.keys() - variables.keys():
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            yield out, err
        finally:
            _forget(sys.modules.keys() - modules, folder.parent)


def _forget(modules: set[str], folder: Path) -> None:
    """Modules of files that a test wrote would be taken for those of the next test."""
    for name in modules:
        if folder in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _code(left: SystemExit) -> int:
    return left.code if isinstance(left.code, int) else 0 if left.code is None else 1
