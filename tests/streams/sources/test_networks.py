"""Which numbers are networks."""

from __future__ import annotations

import pytest

from streams.sources.networks import is_public


@pytest.mark.parametrize(
    "asn", [0, 23_456, 64_512, 65_000, 65_534, 65_535, 4_200_000_000, 4_294_967_294, 4_294_967_295, -1]
)
def test_no_network(asn: int) -> None:
    """RFC 6793's stand-in, RFC 6996's private numbers, RFC 7300's last ones, and what collectors write for none."""
    assert not is_public(asn)


@pytest.mark.parametrize("asn", [1, 23_455, 23_457, 64_496, 64_511, 65_536, 65_551, 131_072, 4_199_999_999])
def test_a_network(asn: int) -> None:
    """Also those of documentation, which examples use."""
    assert is_public(asn)
