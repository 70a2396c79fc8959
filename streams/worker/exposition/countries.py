"""Country codes, from the Common Locale Data Repository that Babel contains, and the share of each country lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from functools import cache

from babel.core import get_global
from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from streams.worker.exposition.families import Exported, gauge

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


def affected(incidents: Sequence[Incident], judged: Set[str], limit: int) -> Exported:
    """Return the missing share of each country, by its worst confirmed incident, of which what is back is taken off.

    `judged`: countries in which a feed judges series, 0 where they have no incident; others without one are unknown,
    so absent. `limit`: number of countries, the worst first.
    """
    shares = dict.fromkeys(judged, 0.0)
    for incident in filter(_counts, incidents):
        missing = (incident.affected_share or 0.0) * (1 - incident.recovered_share)
        shares |= {code: max(shares.get(code, 0.0), missing) for code in incident.scope.countries}
    worst = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
    text = "Missing share of all that is measured in a country, by its worst confirmed incident."
    return Exported([_family(text, worst[:limit])], max(0, len(worst) - limit))


def _family(text: str, shares: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    samples = (((code, alpha3(code)), share) for code, share in shares)
    return gauge("country_affected_ratio", text, ("country", "alpha3"), samples)


def _counts(incident: Incident) -> bool:
    """Return whether an incident is confirmed, and a share of a country is known of it."""
    return incident.state != "suspected" and incident.affected_share is not None
