"""Country codes, from the Common Locale Data Repository that Babel contains."""

from __future__ import annotations

from functools import cache

from babel.core import get_global

_WITHDRAWN = {"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"}  # ISO 3166-3: codes that were replaced


@cache
def _alpha3() -> dict[str, str]:
    codes = {code: names for code, names in get_global("territory_aliases").items() if len(code) == 3}
    current = {code: names for code, names in codes.items() if code.isalpha() and code not in _WITHDRAWN}
    return {names[0]: code for code, names in current.items() if len(names) == 1}


def alpha3(country: str) -> str:
    """Return the ISO 3166-1 alpha-3 code of a country, which maps use; empty where there is none.

    >>> alpha3("IR"), alpha3("DE"), alpha3("")
    ('IRN', 'DEU', '')
    """
    return _alpha3().get(country, "")
