"""The first process of a program: sets its limits, starts it, and sees to it that all ends with it.

Its text is run by an interpreter of its own (``python -I -S -c TEXT``), which is up before most modules of the standard
library would be, so it imports few. Nothing starts before the parent, over a socket, has said so: a parent that died
meanwhile never does.

In a sandbox it is the process with the id 1, with which the kernel ends all others. Elsewhere it adopts what the
program leaves behind, and ends it.
"""

import os
import select
import sys

READY = b"r"
GO = b"g"
NO_PROCESS = b"n"
"""What it tells the parent where this system gives the program no process."""
CLOSED = b"c"
"""What it tells the parent where the program's user may not enter the folder."""
EXCHANGED = b"x"
"""What it tells the parent where the program's folder is another one than was looked at."""
NOT_STARTED = 125
"""How it ends where the program could not be started; standard error says why."""

_SIGKILL = 9
_LOOK_SECONDS = 0.01
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def launch(control: int, user: int | None, limits: str, start: str, pinned: str, command: list[str]) -> int:
    """Run the program, and return how it ended.

    Args:
        control: the socket to the parent.
        user: the id of the user and the group to become, if any.
        limits: rlimits, such as ``RLIMIT_CPU=31,RLIMIT_AS=1000000000``.
        start: where the program starts; empty: where this did. The user may have rights there that root has not.
        pinned: a folder with the device and number that it must have, such as ``/work:2049:131``; empty: none.
    """
    os.set_inheritable(control, False)
    is_first = os.getpid() == 1
    if not is_first:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _restrict(limits, user)
    wrong = _goes_wrong(start, pinned)
    if wrong:
        os.write(control, wrong)
        return NOT_STARTED
    os.write(control, READY)
    if os.read(control, 1) != GO:
        return NOT_STARTED
    try:
        child = os.fork()
    except OSError:
        os.write(control, NO_PROCESS)
        return NOT_STARTED
    if child == 0:
        _become(command, is_first=is_first)
        os._exit(NOT_STARTED)
    status = _watched(child, control)
    if not is_first:  # Else the kernel does it, as soon as this process has ended.
        _end_descendants(child)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _restrict(limits: str, user: int | None) -> None:
    import resource  # Imported here, so that systems without it can import this file.

    for limit in limits.split(","):
        name, _, most = limit.partition("=")
        kind = getattr(resource, name, None)
        if kind is not None:  # Not every system has every limit.
            hard = resource.getrlimit(kind)[1]
            value = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
            resource.setrlimit(kind, (value, value))
    _go_first()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def _goes_wrong(start: str, pinned: str) -> bytes:
    """Go where the program starts, and see that its folder is none that took its place before it was mounted."""
    try:
        if start:
            os.chdir(start)
        if pinned:
            folder, device, number = pinned.rsplit(":", 2)
            found = os.lstat(folder)
            if (found.st_dev, found.st_ino) != (int(device), int(number)):
                return EXCHANGED
    except OSError:
        return CLOSED
    return b""


def _go_first() -> None:
    """Where the machine runs out of memory, this is ended, and not what asked for it; in a sandbox it is so already."""
    try:
        os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"1000")
    except OSError:
        return


def _become(command: list[str], *, is_first: bool) -> None:
    os.setsid()
    if not is_first:
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    os.closerange(3, 1 << 16)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())


def _watched(child: int, control: int) -> int:
    """How the child ended; as if it had been killed, where the parent says so or dies before it."""
    try:
        events, pause = [control, os.pidfd_open(child)], None
    except (AttributeError, OSError):  # Not on this system.
        events, pause = [control], _LOOK_SECONDS
    while True:
        ready, _, _ = select.select(events, [], [], pause)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if control in ready:
            return _SIGKILL


def _end_descendants(group: int) -> None:
    """Kill the program's group, and all that was handed to this process when its parent ended, until none is left."""
    for _ in range(1000):
        _kill(-group)
        left = _children(os.getpid())
        for one in left:
            _kill(one)
        if not left:
            return
        os.waitpid(left[0], 0)


def _kill(process: int) -> None:
    try:
        os.kill(process, _SIGKILL)
    except OSError:
        return


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
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(launch(int(sys.argv[1]), int(sys.argv[2]) or None, sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6:]))
