"""Which addresses count as public, and when a host is refused."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from streams.address_policy import AddressRefusedError, checked, is_public

IPV4_PRIVATE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
IPV4_PRIVATE += ["192.0.0.8", "192.0.0.170", "168.63.129.16"]
IPV4_RESERVED = ["224.0.0.1", "255.255.255.255", "240.0.0.1"]
IPV6_PRIVATE = ["::1", "::", "fe80::1", "fc00::1", "ff02::1", "fec0::1", "2001:db8::1"]
IPV4_IN_IPV6 = ["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:10.0.0.1"]


@pytest.mark.parametrize("address", [*IPV4_PRIVATE, *IPV4_RESERVED, *IPV6_PRIVATE, *IPV4_IN_IPV6])
def test_private_addresses(address: str) -> None:
    """Private, loopback, link-local, reserved and multicast addresses are not public, also as IPv4 inside IPv6."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    """Addresses on the Internet are public, also as IPv4 inside IPv6."""
    assert is_public(ip_address(address))


def test_one_private_address_among_others_refuses_the_host() -> None:
    """A host with one private address is refused, and a host without addresses is an error."""
    with pytest.raises(AddressRefusedError):
        checked("x.example", 443, False, lambda *_: ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(OSError, match="no address"):
        checked("x.example", 443, False, lambda *_: [])
