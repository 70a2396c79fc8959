"""How many series of a feed fall in one bin: reported by country in bin reports, so that shards add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from detectors.outages.detector import Detector
from detectors.outages.feed_fault import Falls, added
from schemas.bin_report import CountryFalls
from streams.ingest.series_index import SeriesIndex


def falls_of(index: SeriesIndex, detector: Detector) -> CountryFalls:
    """Return how many series fell in the bin closed last, by country in order of their names."""
    names = {code: country for country, code in index.countries.items()}
    found = sorted((names.get(code, ""), fall) for code, fall in detector.falls.items())
    return CountryFalls(
        countries=[country for country, _ in found],
        scored=[fall.scored for _, fall in found],
        fell=[fall.fell for _, fall in found],
        sigmas=[fall.sigmas for _, fall in found],
    )


def falls_in(table: CountryFalls) -> dict[str, Falls]:
    """Return the falls of a report by country."""
    columns = zip(table.scored, table.fell, table.sigmas, strict=True)
    return {country: Falls(*fall) for country, fall in zip(table.countries, columns, strict=True)}


def summed(tables: Iterable[CountryFalls]) -> dict[str, Falls]:
    """Return the falls of several shards, added up by country."""
    found: defaultdict[str, list[Falls]] = defaultdict(list)
    for country, fall in (item for table in tables for item in falls_in(table).items()):
        found[country].append(fall)
    return {country: added(falls) for country, falls in found.items()}
