"""Processes that a program left behind, found by a mark among their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LINGER: Final = """
import os, signal, sys, time
mark, stays = input().split()
if os.fork() == 0:
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        if stays != "speaks":
            os.closerange(0, 64)
        os.execv("/bin/sh", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done", mark])
    os._exit(0)
os.wait()
print("begun", flush=True)
if stays != "ends":
    while True:
        time.sleep(60)
"""
"""Leaves a process in a session of its own, which ignores signals. It reads its mark, and ``ends``, ``stays``, or
``speaks``: then that process holds on to the output as well."""


def marked(mark: str) -> list[int]:
    """The processes that have the mark among their arguments, but for those that have ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in arguments:
            found.append(int(folder.name))
    return found


def children(parent: int) -> list[int]:
    """The children of a process, also those that have ended and that it has not asked about."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                after_name = (folder / "stat").read_text().rpartition(")")[2]
            except OSError:
                continue
            if int(after_name.split()[1]) == parent:
                found.append(int(folder.name))
    return found
