"""The arguments of bubblewrap: what a program sees of the machine, which is next to nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from lightagent.adapters.code.subprocess.accounts import user_range
from lightagent.adapters.code.subprocess.memory_file import in_memory
from lightagent.adapters.code.subprocess.refused_calls import call_filter
from lightagent.domain.code.programs import CodeFolder
from lightagent.domain.errors import ConfigurationError

WORK: Final = "/work"
"""Where a program finds its folder."""
PRIVATE: Final = "/tmp"
"""Its private directory, in memory."""
PROGRAM: Final = "/program"
"""Where a program that is given as text stands."""

_SYSTEM: Final = (
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share"),
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc/alternatives", "/etc/ld.so.cache"),
)
"""What programs are made of. Not /usr as a whole: images keep applications in /usr/src and /usr/local."""

_SHARED_MEMORY: Final = 16 * 1024 * 1024
_PROBE_SECONDS: Final = 20
_PROBE: Final = "test -e /etc/passwd || echo isolated"
_ISOLATED: Final = b"isolated\n"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """An installed bubblewrap that works for this user.

    Attributes:
        path: of the program.
        as_user: how a program comes to rights of its own: ``namespace``, a user namespace; or ``other``, another user,
            since the limit of processes does not hold for root, not even in a namespace.
        disable_user_namespaces: whether this version can keep a program from making namespaces of its own.
    """

    path: str
    as_user: str
    disable_user_namespaces: bool

    def arguments(
        self,
        *,
        needs: Iterable[str],
        folder: CodeFolder | None,
        source: tuple[int, str] | None,
        disk: int,
        calls: int | None = None,
        info: int | None = None,
    ) -> list[str]:
        """The command up to what is run.

        Args:
            needs: paths that may be read besides those of the system.
            folder: what stands in `WORK`.
            source: the descriptor of a program's text, and its name in `PROGRAM`.
            disk: bytes that the private directory holds.
            calls: the descriptor of a filter of system calls.
            info: the descriptor to which it writes the id of its first process.
        """
        made = [self.path, *_NAMESPACES[self.as_user]]
        made += ["--disable-userns"] if self.disable_user_namespaces else []
        made += ["--seccomp", str(calls)] if calls is not None else []
        made += ["--info-fd", str(info)] if info is not None else []
        # Nothing outlives this program, and nothing types into its terminal.
        made += ["--die-with-parent", "--as-pid-1", "--new-session", "--hostname", "sandbox"]
        # The private directory comes first: an interpreter may lie below it, such as in an environment under /tmp.
        made += ["--perms", "1777", "--size", str(disk), "--tmpfs", PRIVATE]
        made += [*_visible(needs), "--proc", "/proc", "--dev", "/dev"]
        made += ["--perms", "1777", "--size", str(min(disk, _SHARED_MEMORY)), "--tmpfs", "/dev/shm"]
        if folder is not None:
            made += ["--bind" if folder.writable else "--ro-bind", folder.path, WORK]
        if source is not None:
            made += ["--perms", "0444", "--ro-bind-data", str(source[0]), f"{PROGRAM}/{source[1]}"]
        made += ["--chdir", PRIVATE if folder is None or folder.writable else WORK]
        # In /proc a program could take back that it is ended first where the machine runs out of memory.
        return [*made, "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--"]


_APART: Final = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_NAMESPACES: Final = {
    "namespace": (*_APART, "--unshare-user", "--uid", "1000", "--gid", "1000"),
    "other": (*_APART, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
}


def find_bubblewrap(path: str | None = None) -> Bubblewrap:
    """An installed bubblewrap, tried out.

    Args:
        path: of the program; by default it is looked for.

    Raises:
        ConfigurationError: it is not installed, or this system does not allow it to isolate programs.
    """
    found = path or shutil.which("bwrap")
    if found is None:
        raise ConfigurationError(
            "Code is run in isolation by bubblewrap, which is not installed here.",
            guidance="Install it, such as by `apt install bubblewrap`; or choose the kind monty, which needs none. To "
            "run code without isolation, set allow_unisolated = true: it can then read and send all that you can.",
        )
    return _tried(found, os.geteuid())


@cache
def _tried(path: str, user: int) -> Bubblewrap:
    as_user = "other" if user == 0 and user_range() is not None else "namespace"
    told = ""
    for disable in (True, False) if as_user == "namespace" else (False,):
        made = Bubblewrap(path, as_user, disable)
        told = _complaint(made)
        if not told:
            return made
    raise ConfigurationError(
        f"Code is run in isolation by bubblewrap, which does not work here: {told:.300}",
        guidance="In a container, allow user namespaces or run it with CAP_SYS_ADMIN; or choose the kind monty, which "
        "needs none. To run code without isolation, set allow_unisolated = true.",
    )


def _complaint(made: Bubblewrap) -> str:
    """What it says when it is to run a program that looks for a file outside; empty where all is well."""
    with in_memory(call_filter()) as calls:
        command = made.arguments(needs=(), folder=None, source=None, disk=1024 * 1024, calls=calls)
        try:
            done = subprocess.run(
                [*command, "/bin/sh", "-c", _PROBE],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={},
                pass_fds=() if calls is None else (calls,),
                timeout=_PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.stdout == _ISOLATED:
        return ""
    return (
        done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode} and did not isolate anything"
    )


def _visible(needs: Iterable[str]) -> Iterator[str]:
    """What makes these paths visible; the folders above them hold nothing else."""
    paths = [path for path in _outermost((*_SYSTEM, *needs)) if os.path.lexists(path)]
    above = {str(folder) for path in paths for folder in Path(path).parents} - {"/"}
    # Made first, since else they would be for one user only, who is not the one the program runs as.
    for folder in sorted(above | {PROGRAM}):
        yield from ("--perms", "0755", "--dir", folder)
    for path in paths:
        link = Path(path)
        yield from ("--symlink", str(link.readlink()), path) if link.is_symlink() else ("--ro-bind", path, path)


def _outermost(paths: Sequence[str]) -> list[str]:
    """Each path once, and none that another one contains."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path.startswith(f"{one}/") for one in kept if not Path(one).is_symlink()):
            kept.append(path)
    return kept
