"""Where a name leads, and whether we may go there: to the Internet, not to what is inside, unless allowed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")


class AddressRefusedError(Exception):
    """A name leads to an address inside; the text names neither."""


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the order in which they are to be tried. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked(host: str, port: int, allow_private: bool, resolve: Resolve) -> list[str]:
    """Return the addresses of a host, all of which are public unless others are allowed.

    One that is not refuses them all: a name that leads inside at times is not to be tried until it does not.
    Raises AddressRefusedError, or OSError when there are none.
    """
    addresses = list(resolve(host, port))
    if not addresses:
        raise OSError("the name has no address")
    if not allow_private and not all(is_public(ip_address(text.partition("%")[0])) for text in addresses):
        raise AddressRefusedError("leads to a private, loopback or link-local address: `allow_private` allows that")
    return addresses


def is_public(address: Address) -> bool:
    """Say whether an address is of the Internet, also where an IPv4 address is written inside an IPv6 one."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address in COMPATIBLE or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
