"""The first process of a program: sets its limits, starts it, and sees to it that all ends with it.

Its text is run by an interpreter of its own (``python -I -S -c TEXT``), so it imports only the standard library. Given
are a specification in JSON and the program's command. Nothing starts before the parent, over a socket, has said so: a
parent that died meanwhile never does.

In a sandbox it is the process with the id 1, with which the kernel ends all others. Elsewhere it adopts what the
program leaves behind, and ends it.
"""

import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from typing import TypedDict

READY = b"r"
GO = b"g"
NOT_STARTED = 125
"""How it ends where the program could not be started; standard error says why."""

_LOOK_SECONDS = 0.01
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Specification(TypedDict):
    """What is to be done.

    `control` is the socket to the parent; `limits` are rlimits by name; `user` is the id of the user and group to
    become, if any; `is_first` says that the kernel ends all other processes with this one.
    """

    control: int
    limits: dict[str, int]
    user: int | None
    is_first: bool


def launch(specification: Specification, command: list[str]) -> int:
    """Run the program, and return how it ended."""
    control = specification["control"]
    os.set_inheritable(control, False)
    if not specification["is_first"]:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _restrict(specification)
    os.write(control, READY)
    if os.read(control, 1) != GO:
        return NOT_STARTED
    child = os.fork()
    if child == 0:
        _become(command)
        os._exit(NOT_STARTED)
    status = _waited(child) if specification["is_first"] else _supervised(child, control)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _restrict(specification: Specification) -> None:
    for name, most in specification["limits"].items():
        with suppress(AttributeError, ValueError, OSError):  # Where there is none, or a lower one already.
            resource.setrlimit(getattr(resource, name), (most, most))
    with suppress(OSError):  # Where the machine runs out of memory, this goes first.
        os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"1000")
    user = specification["user"]
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def _become(command: list[str]) -> None:
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.closerange(3, 1 << 16)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())


def _waited(child: int) -> int:
    """How the child ended; others that end meanwhile are orphans, which nobody else would tidy up."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return status


def _supervised(child: int, control: int) -> int:
    """How the child ended; it and its descendants are ended when the parent says so or dies."""
    while True:
        closed, _, _ = select.select([control], [], [], _LOOK_SECONDS)
        ended, status = os.waitpid(child, os.WNOHANG)
        if closed or ended:
            _end_descendants(child)
            return status if ended else signal.SIGKILL


def _end_descendants(group: int) -> None:
    """Kill the program's group, and all that was handed to this process when its parent ended, until none is left."""
    for _ in range(1000):
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        left = _children(os.getpid())
        for one in left:
            with suppress(OSError):
                os.kill(one, signal.SIGKILL)
        if not left:
            return
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


def _children(parent: int) -> list[int]:
    try:
        listing = os.open(f"/proc/{parent}/task/{parent}/children", os.O_RDONLY)
    except OSError:  # Not Linux.
        return []
    try:
        return [int(one) for one in os.read(listing, 1 << 16).split()]
    finally:
        os.close(listing)


def _prctl(option: int, value: int) -> None:
    import ctypes

    with suppress(AttributeError, OSError):  # Not Linux.
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(launch(json.loads(sys.argv[1]), sys.argv[2:]))
