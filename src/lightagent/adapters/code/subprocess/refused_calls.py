"""A filter of system calls: what a program has no business with is refused by the kernel, whatever its rights are.

The filter is a classic BPF program, as bubblewrap takes it from a file. It refuses what no program that computes needs,
but attacks on kernels do: namespaces and mounts, keys of the user's sessions, other processes' memory, BPF, io_uring,
modules. So it does with ways to memory that no limit counts: files in memory, shared memory and queues of System V,
attributes of files, larger buffers of sockets. Sockets are local or of the sandbox's own network; others, such as those
to the machine on which this one is a guest, know no namespace. No file gets a bit with which others would run it as its
owner, since that would outlast the sandbox where a folder may be changed. The rest is left to the sandbox itself.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

# System call numbers on x86_64 and on aarch64; None if the architecture does not have the call.
_REFUSED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_ATTRIBUTES: Final[Mapping[str, tuple[int, int]]] = {
    "fsetxattr": (190, 7),
    "lsetxattr": (189, 6),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
}
"""What sets attributes of files; it is told what a file system without them tells, so that copying goes on."""
_CLONE: Final = (56, 220)
_CLONE3: Final = 435
"""Its flags cannot be looked at; where it is said not to exist, the C library takes `clone`, whose flags can."""
_NAMESPACES: Final = 0x7E020000
"""The flags with which `clone` makes namespaces."""
_SOCKET: Final = (41, 198)
_FAMILIES: Final = (1, 2, 10, 16)
"""Of sockets: local ones, IPv4, IPv6, and netlink, which tells what interfaces there are."""
_SETSOCKOPT: Final = (54, 208)
_BUFFER_SIZES: Final = (7, 8, 32, 33)
"""The options that ask for larger buffers. The kernel is free to give less, so it does as if it had heard them."""
_SETS_MODE: Final[Mapping[str, tuple[int | None, int | None, int]]] = {
    "chmod": (90, None, 1),
    "creat": (85, None, 1),
    "fchmod": (91, 52, 1),
    "fchmodat": (268, 53, 2),
    "fchmodat2": (452, 452, 2),
    "mknod": (133, None, 1),
    "mknodat": (259, 33, 2),
}
"""What gives a file its mode, and which argument that is."""
_OPENS: Final[Mapping[str, tuple[int | None, int | None, int]]] = {"open": (2, None, 1), "openat": (257, 56, 2)}
"""The same, where flags come before it that say whether a file is made at all; the flags' argument."""
_OPENAT2: Final = 437
"""Its flags cannot be looked at either."""
_MAKES: Final = 0o20000100
_SET_IDS: Final = 0o6000
_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32: Final = 0x40000000
"""From here on numbers are those of the x32 interface, which is another name for the same calls."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS, _LENGTH = 0, 4, 16, 8
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_SOL_SOCKET: Final = 1

_Instruction = tuple[int, int, int, int]


def call_filter(machine: str | None = None) -> bytes | None:
    """The filter for a machine, by default this one; None where its numbers are not known here."""
    known = _ARCHITECTURES.get(platform.machine() if machine is None else machine)
    if known is None:
        return None
    return b"".join(struct.pack("=HBBI", *one) for one in _instructions(*known))


def _instructions(architecture: int, column: int) -> Iterator[_Instruction]:
    refuse, missing = (_RETURN, 0, 0, _REFUSE | errno.EPERM), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)
    yield (_LOAD, 0, 0, _ARCHITECTURE)
    yield from ((_EQUAL, 1, 0, architecture), refuse)
    yield (_LOAD, 0, 0, _NUMBER)
    yield from ((_AT_LEAST, 0, 1, _X32), missing)
    for number in sorted(refused[column] or -1 for refused in _REFUSED.values()):
        if number > 0:
            yield from ((_EQUAL, 0, 1, number), refuse)
    for numbers in _ATTRIBUTES.values():
        yield from ((_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _REFUSE | errno.EOPNOTSUPP))
    for number in (_CLONE3, _OPENAT2):
        yield from ((_EQUAL, 0, 1, number), missing)
    for place, looks in _looked_at(column, refuse):
        if place is not None:
            yield (_EQUAL, 0, len(looks) + 1, place)
            yield from (*looks, (_RETURN, 0, 0, _ALLOW))
    yield (_RETURN, 0, 0, _ALLOW)


def _looked_at(column: int, refuse: _Instruction) -> Iterator[tuple[int | None, list[_Instruction]]]:
    """The calls that are refused by what they are given, by their numbers, with what looks at that."""
    unknown, as_if_done = (_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT), (_RETURN, 0, 0, _REFUSE)
    yield _SOCKET[column], [(_LOAD, 0, 0, _ARGUMENTS), *_unless_one_of(_FAMILIES, unknown)]
    option = [(_LOAD, 0, 0, _ARGUMENTS + _LENGTH), (_EQUAL, 1, 0, _SOL_SOCKET), (_RETURN, 0, 0, _ALLOW)]
    size = [(_LOAD, 0, 0, _ARGUMENTS + 2 * _LENGTH), *_if_one_of(_BUFFER_SIZES, as_if_done)]
    yield _SETSOCKOPT[column], [*option, *size]
    yield _CLONE[column], [(_LOAD, 0, 0, _ARGUMENTS), (_ANY_BIT, 0, 1, _NAMESPACES), refuse]
    for sets in _SETS_MODE.values():
        yield sets[column], _refuses_set_ids(sets[2], refuse)
    for opens in _OPENS.values():
        yield opens[column], _refuses_set_ids_made(opens[2], refuse)


def _refuses_set_ids(mode: int, refuse: _Instruction) -> list[_Instruction]:
    """Look at the mode, which is this argument."""
    return [(_LOAD, 0, 0, _ARGUMENTS + mode * _LENGTH), (_ANY_BIT, 0, 1, _SET_IDS), refuse]


def _refuses_set_ids_made(flags: int, refuse: _Instruction) -> list[_Instruction]:
    """Look at the flags, which are this argument, and where they make a file at the mode behind them."""
    making = [(_LOAD, 0, 0, _ARGUMENTS + flags * _LENGTH), (_ANY_BIT, 1, 0, _MAKES), (_RETURN, 0, 0, _ALLOW)]
    return [*making, *_refuses_set_ids(flags + 1, refuse)]


def _if_one_of(values: Sequence[int], then: _Instruction) -> Iterator[_Instruction]:
    """Do that where what was loaded is one of the values, and else go on."""
    last = len(values) - 1
    for place, value in enumerate(values):
        yield (_EQUAL, last - place, 0 if place < last else 1, value)
    yield then


def _unless_one_of(values: Sequence[int], then: _Instruction) -> Iterator[_Instruction]:
    """Do that where what was loaded is none of the values, and else go on."""
    for place, value in enumerate(values):
        yield (_EQUAL, len(values) - place, 0, value)
    yield then
