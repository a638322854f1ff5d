"""Which libraries are measured, each in a fresh process; for the programs that print a row or more for each of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

Library = tuple[object, str, str]
"""How a library takes turns, the module that it needs, and what is installed for that."""


def installed(parser: argparse.ArgumentParser, only: str, libraries: Mapping[str, Library]) -> Sequence[str]:
    """Those of the names that can be measured; says what to type for the others."""
    wanted = only.split(",")
    if unknown := [name for name in wanted if name not in libraries]:
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(libraries)}")
    found = [name for name in wanted if is_installed(libraries[name][1])]
    for name in wanted:
        if name not in found:
            print(f"{name} is not installed: pip install {libraries[name][2]}", file=sys.stderr)
    return found


def is_installed(module: str) -> bool:
    """Whether the module can be imported, and those that it is in."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def in_fresh_process(script: str, library: str, *arguments: str) -> str:
    """The last line of what a program prints that measures one library."""
    command = [sys.executable, script, *arguments, "--measure", library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{library} failed:\n{done.stderr.strip()[-800:]}")
    return done.stdout.splitlines()[-1]
