"""Which addresses a program may be sent to by others: public ones, and none behind its own walls.

A document or a redirection that names an address of the machine itself, of its network or of its cloud's metadata would
have the program read for strangers what only it can reach.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by their numbers, but answered by the cloud around the machine.
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "169.254.169.254")))
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The upper half of an interface's identifier whose lower half is an IPv4 address."""

_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
"""All IPv6 addresses that have been assigned so far."""

# By the registries of IANA. Python's own tables know some of them only in its newest versions.
_SPECIAL: Final = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)


def address_problem(written: str) -> str:
    """Why a program may not be sent to this IP address; empty where it may.

    An address that cannot be read is refused as well.
    """
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return f"{written[:100]!r} is not an address"
    for one in _equivalent_addresses(address):
        if one in _METADATA:
            return f"{address} is a metadata address of clouds"
        if one.is_loopback or one.is_unspecified:
            return f"{address} is this machine itself"
        if one.is_link_local:
            return f"{address} is a link-local address, where clouds have their metadata"
        if one.is_multicast or one.is_reserved or one.is_private or not one.is_global or _is_special(one):
            return f"{address} is a private address"
    return ""


def _is_special(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL:
        return True
    return any(address in network for network in _SPECIAL if network.version == address.version)


def _equivalent_addresses(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    is_translated = address in _NAT64
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    inner += [low] if is_translated or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP else []
    yield from (one for one in inner if one is not None)
    if address.ipv4_mapped is None and not is_translated:
        yield address


def is_private_host(host: str, port: int | None, allowed: Sequence[str]) -> bool:
    """Whether the application says that this host may be at a private address."""
    name = host.lower().strip("[]").rstrip(".")
    known = [one.lower() for one in allowed]
    return any(one in known for one in (name, f"[{name}]", f"{name}:{port}", f"[{name}]:{port}"))
