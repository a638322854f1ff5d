"""As whom a program is run where this one is run by root, and what that user has running already."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from lightagent.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Account:
    """Who a program is.

    Attributes:
        number: the id of the user to become; None: who bubblewrap makes it.
        processes: processes and threads that the user has already, with which those of the program are counted.
    """

    number: int | None
    processes: int = 0


def another_user() -> int:
    """An unused user id for one program, chosen at random among those that this system can have.

    Raises:
        ConfigurationError: root is the only account.
    """
    found = user_range()
    if found is None:
        raise ConfigurationError("Code is not run as root, and this system has no other user.", guidance="")
    first, count = found
    return first + count // 2 + secrets.randbelow(count // 2 - 1)


def user_range() -> tuple[int, int] | None:
    """The first and the number of the user ids that this system can have; None where there are none besides root."""
    try:
        lines = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return None
    ranges = [(int(first), min(int(count), 2**31 - int(first))) for first, _, count in lines]
    widest = max(ranges, key=lambda one: one[1], default=(0, 0))
    return widest if widest[1] >= 1000 else None


def processes_of(user: int) -> int:
    """How many processes and threads run as this user, in whatever sandbox."""
    return sum(_tasks_of(user, path) for path in Path("/proc").glob("[0-9]*/status"))


def _tasks_of(user: int, status: Path) -> int:
    try:
        lines = dict(line.split(":", 1) for line in status.read_text(errors="replace").splitlines() if ":" in line)
        return int(lines["Threads"]) if int(lines["Uid"].split()[0]) == user else 0
    except (OSError, KeyError, ValueError):  # It has ended meanwhile.
        return 0
