"""The filter of system calls, as the kernel reads it; so that it is right on machines that no test runs on, too."""

import errno
import struct

import pytest

from lightagent.adapters.code.subprocess.refused_calls import call_filter

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
AT_FDCWD = 0xFFFFFF9C
READ, MEMFD, SOCKET, SETSOCKOPT, CLONE, OPENAT, FCHMODAT, SETXATTR = range(8)
NUMBERS = {"x86_64": (0, 319, 41, 54, 56, 257, 268, 188), "aarch64": (63, 279, 198, 208, 220, 56, 53, 5)}


def decided(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would do: a machine of one register, whose jumps go forward only."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0xBAD] * (6 - len(arguments)))
    steps = [*struct.iter_unpack("=HBBI", program)]
    register = place = 0
    while True:
        code, if_so, if_not, value = steps[place]
        place += 1
        match code:
            case 0x20:
                (register,) = struct.unpack_from("=I", data, value)
            case 0x06:
                return int(value)
            case 0x15:
                place += if_so if register == value else if_not
            case 0x35:
                place += if_so if register >= value else if_not
            case 0x45:
                place += if_so if register & value else if_not
            case _:
                raise AssertionError(f"the code {code:#x} is not known")


CASES: list[tuple[int, tuple[int, ...], int]] = [
    (READ, (), ALLOW),
    (MEMFD, (), REFUSE | errno.EPERM),
    (SETXATTR, (), REFUSE | errno.EOPNOTSUPP),
    *((SOCKET, (family, 1, 0), ALLOW) for family in (1, 2, 10, 16)),
    *((SOCKET, (family, 1, 0), REFUSE | errno.EAFNOSUPPORT) for family in (0, 3, 17, 38, 40, 41)),
    *((SETSOCKOPT, (3, 1, option), REFUSE) for option in (7, 8, 32, 33)),
    *((SETSOCKOPT, (3, 1, option), ALLOW) for option in (2, 9)),
    (SETSOCKOPT, (3, 6, 7), ALLOW),
    (CLONE, (0x00000011,), ALLOW),
    *((CLONE, (flag | 0x11,), REFUSE | errno.EPERM) for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000)),
    (OPENAT, (AT_FDCWD, 0, 0, 0o4755), ALLOW),
    (OPENAT, (AT_FDCWD, 0, 0o101, 0o755), ALLOW),
    (OPENAT, (AT_FDCWD, 0, 0o101, 0o4755), REFUSE | errno.EPERM),
    (OPENAT, (AT_FDCWD, 0, 0o20200001, 0o2755), REFUSE | errno.EPERM),
    (FCHMODAT, (AT_FDCWD, 0, 0o755), ALLOW),
    (FCHMODAT, (AT_FDCWD, 0, 0o4755), REFUSE | errno.EPERM),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("call", "arguments", "decision"), CASES)
def test_what_the_kernel_decides(machine: str, call: int, arguments: tuple[int, ...], decision: int) -> None:
    program = call_filter(machine)
    assert program is not None
    assert decided(program, MACHINES[machine], NUMBERS[machine][call], *arguments) == decision


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_by_other_names_are_refused(machine: str) -> None:
    program = call_filter(machine)
    assert program is not None
    read = NUMBERS[machine][READ]
    assert decided(program, 0x40000003, read) == REFUSE | errno.EPERM, "calls of 32 bits"
    assert decided(program, MACHINES[machine], read | 0x40000000) == REFUSE | errno.ENOSYS
    assert [decided(program, MACHINES[machine], number) for number in (435, 437)] == [REFUSE | errno.ENOSYS] * 2


def test_where_numbers_are_not_known_there_is_no_filter() -> None:
    assert call_filter("riscv64") is None
