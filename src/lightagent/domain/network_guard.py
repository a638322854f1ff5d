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
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


def address_problem(written: str) -> str:
    """Why a program may not be sent to this IP address; empty where it may.

    An address that cannot be read is refused as well.
    """
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return f"{written[:100]!r} is no address"
    for one in _meant(address):
        if one in _METADATA:
            return f"{address} is a metadata address of clouds"
        if one.is_loopback or one.is_unspecified:
            return f"{address} is this machine itself"
        if one.is_link_local:
            return f"{address} is a link-local address, where clouds have their metadata"
        if one.is_multicast or one.is_reserved or one.is_private or not one.is_global:
            return f"{address} is a private address"
    return ""


def _meant(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    is_translated = any(address in network for network in _NAT64)
    if is_translated:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    yield from (one for one in inner if one is not None)
    if address.ipv4_mapped is None and not is_translated:
        yield address


def is_private_host(host: str, port: int | None, allowed: Sequence[str]) -> bool:
    """Whether the application says that this host may be at a private address."""
    name = host.lower().strip("[]").rstrip(".")
    known = [one.lower() for one in allowed]
    return any(one in known for one in (name, f"[{name}]", f"{name}:{port}", f"[{name}]:{port}"))
