"""Started before the program, in its place: sets its limits and becomes it, or watches over it.

Its text is run by an interpreter of its own (``python -I -S -c TEXT``), so it imports only the standard library. Given
are a specification in JSON and the program's command. Nothing starts before the parent, over a socket, has said so: a
parent that died meanwhile never does.
"""

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
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
    become, if any; with `supervise` the launcher stays, and ends all that the program left.
    """

    control: int
    limits: dict[str, int]
    user: int | None
    supervise: bool


def launch(specification: Specification, command: list[str]) -> int:
    """Become the program, or supervise it and return how it ended."""
    control = specification["control"]
    os.set_inheritable(control, False)
    os.write(control, READY)
    if os.read(control, 1) != GO:
        return NOT_STARTED
    if specification["supervise"]:
        return _supervise(control, lambda: _become(specification, command))
    _become(specification, command)
    return NOT_STARTED


def _become(specification: Specification, command: list[str]) -> None:
    for name, most in specification["limits"].items():
        with suppress(ValueError, OSError):  # Where the program's own limit is lower, that one stays.
            resource.setrlimit(getattr(resource, name), (most, most))
    with suppress(OSError):  # Where the machine runs out of memory, this goes first.
        os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"1000")
    user = specification["user"]
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.closerange(3, 1 << 16)
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")


def _supervise(control: int, become: Callable[[], None]) -> int:
    """Run the program as a child, and end it and its descendants when the parent says so, dies, or the child ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        become()
        os._exit(NOT_STARTED)
    status = None
    while status is None:
        closed, _, _ = select.select([control], [], [], _LOOK_SECONDS)
        ended, found = os.waitpid(child, os.WNOHANG)
        if closed or ended:
            _end_descendants(child)
            status = found if ended else signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


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
