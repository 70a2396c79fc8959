"""Which IP addresses a request may go to: public ones only, unless the settings allow private ones."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
# IETF protocol assignments (RFC 6890), which Python counts only in part, and the platform address of a cloud's hosts.
NOT_PUBLIC = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")


class AddressRefusedError(Exception):
    """A host resolves to a private address. The text names neither."""


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the order in which to try them. Raises OSError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def checked(host: str, port: int, allow_private: bool, resolve: Resolve) -> list[str]:
    """Return the addresses of a host if all are public, or if private ones are allowed.

    One private address refuses the host, so an attacker cannot mix it with public ones.
    Raises AddressRefusedError, or OSError when the host has no address.
    """
    addresses = list(resolve(host, port))
    if not addresses:
        raise OSError("the name has no address")
    if not allow_private and not all(is_public(ip_address(text.partition("%")[0])) for text in addresses):
        raise AddressRefusedError("leads to a private, loopback or link-local address: `allow_private` allows that")
    return addresses


def is_public(address: Address) -> bool:
    """Return whether an address is on the Internet. An IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, IPv6Address):
        embedded = _embedded_ipv4(address)
        if embedded is not None:
            return is_public(embedded)
        if address in COMPATIBLE or address.is_site_local:
            return False
    elif any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
