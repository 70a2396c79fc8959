"""Which autonomous system numbers name a network of the Internet."""

from __future__ import annotations

from typing import Final

AS_TRANS: Final = 23_456  # RFC 6793: stands for a number that an old router cannot write


def is_public(asn: int) -> bool:
    """Return whether a number can be that of a network: not 0, 23456, 65535, 4294967295, or private.

    Private numbers: 64512 to 65534 and 4200000000 to 4294967294 (RFC 6996).

    >>> is_public(43754), is_public(0), is_public(64512), is_public(4_200_000_000)
    (True, False, False, False)
    """
    return (0 < asn < 64_512 and asn != AS_TRANS) or 65_535 < asn < 4_200_000_000
