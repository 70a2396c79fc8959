"""The number of files and connections that the process may have open."""

from __future__ import annotations

import resource

WANTED = 65_536


def raise_file_limit(wanted: int = WANTED) -> int:
    """Raise the limit to the wanted number, as far as the system allows without privileges, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
