"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def meant(name: str, names: Iterable[str]) -> str:
    """Return the end of an error that names the nearest name, empty when none is near.

    >>> meant("outges", ["outages", "incidents"])
    ': did you mean `outages`?'
    """
    from difflib import get_close_matches  # which a command without a fault does without

    near = get_close_matches(name, list(names), n=1, cutoff=0.7)
    return f": did you mean `{near[0]}`?" if near else ""
