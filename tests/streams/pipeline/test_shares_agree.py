"""Wherever a share lost stands beside a measured and an expected value, it is what the one lacks of the other."""

from __future__ import annotations

import random
import re
from functools import cache
from operator import itemgetter

import pytest
from prometheus_client.core import GaugeMetricFamily

from detectors.outages.outage_lifecycle import below
from detectors.types import Kind
from schemas.outage import RUNNING, Outage, decode_outage, lost
from streams.alerts.notice import notice_of_outage
from streams.cli.tables import line
from streams.worker.exposition.newest_bins import NewestBins
from streams.worker.exposition.outages import worst_outages
from streams.worker.web.annotations import annotations_of
from streams.worker.web.formatting import FILTERS
from tests.streams.helpers import KINDS, START, message, run, settings

FACETS: tuple[dict[str, str], ...] = ({}, {"access": "mobile"}, {"direction": "international"}, {"service": "skype"})
LEVEL = below(0.62).replace("62", r"(\d+)")
WIDTHS = (600, 1800, 3600)


@cache
def all_revisions(kind: Kind) -> list[Outage]:
    """Return the revisions of several draws of a kind."""
    return [outage for seed in range(6) for outage in revisions(kind, seed)]


def revisions(kind: Kind, seed: int) -> tuple[Outage, ...]:
    """Return all revisions of outages of a feed whose series fall by random shares in two steps, and come back."""
    rng = random.Random(f"{kind} {seed}")
    width = rng.choice(WIDTHS)
    last = 16 if kind == "presence" else 4  # where most members are lost at once, their network is not the cause
    bins, series = (
        60,
        [(asn, rng.choice(FACETS), rng.uniform(0.3, 1), rng.uniform(0.3, 1)) for asn in range(1, last + 1)],
    )
    timed: list[tuple[float, bytes]] = []
    for number in range(bins):
        for asn, facets, first, second in series:
            gone = 0.0 if asn > 3 or number < 40 or number >= 54 else first if number < 47 else second
            at = START + number * width + rng.randrange(width)
            timed += [(at, value) for value in _measured(rng, kind, at, asn, gone, facets)]
    found = run(settings([kind], width=width, lateness=0), [value for _, value in sorted(timed, key=itemgetter(0))])
    return tuple(decode_outage(outage) for outage in found.outages)


def _measured(rng: random.Random, kind: Kind, at: float, asn: int, gone: float, facets: dict[str, str]) -> list[bytes]:
    """Return the messages of one bin of a series, noisy enough for the newest bin to differ from the level."""
    left = max(60 * (1 - gone) * rng.gauss(1, 0.15), 0.0)
    if kind == "ratio":
        return [message(kind, at, asn, value=min(round(left), 60), of=60, **facets)]
    if kind == "distinct":
        return [message(kind, at, asn, member=f"m{number}", **facets) for number in range(round(left))]
    if kind == "presence":
        up = round(40 * (1 - gone))
        return [message(kind, at, asn, member=f"m{number}", up=number < up, **facets) for number in range(40)]
    return [message(kind, at, asn, value=round(left, 1), **facets)]


def agrees(share: float, outage: Outage) -> bool:
    """Whether a share is what the value lacks of the expected value, within half a per cent of rounding."""
    assert outage.value is not None
    short = min(max(1 - outage.value / outage.expected, 0.0), 1.0) if outage.expected else share
    return abs(share - short) <= 0.00501


def shares(text: str) -> list[float]:
    """Return the shares that a text calls lost."""
    return [int(found) / 100 for found in re.findall(r"(\d+) ?% (?:of normal )?lost", text)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lost_is_what_the_value_lacks(kind: Kind) -> None:
    """In the table, the alert, the metric and the filter of the pages, for every revision that has a value."""
    valued = [outage for outage in all_revisions(kind) if outage.value is not None]
    assert {"open", "closed"} <= {outage.state for outage in valued}
    for outage in valued:
        (cell,) = re.findall(r"(\d+)%", line(outage))
        assert agrees(int(cell) / 100, outage), line(outage)
        assert agrees(lost(outage), outage)
        text = notice_of_outage(outage).headline
        said = shares(text.replace("lost at worst", "at worst"))
        assert all(agrees(share, outage) for share in said), text
        assert bool(said) == (outage.state in RUNNING)
        assert FILTERS["lost"] is lost
        _, drop, *_ = worst_outages([outage], {}, NewestBins([]), 1).families  # as its newest bin is not here
        assert agrees(_only(drop), outage)


def _only(family: GaugeMetricFamily) -> float:
    (sample,) = family.samples
    return float(sample.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_level_of_several_bins_has_another_name(kind: Kind) -> None:
    """Reasons speak of the level, which is `drop`; no text beside value and expected calls that lost."""
    outages, said = all_revisions(kind), list[float]()
    for outage, annotation in zip(outages, annotations_of(outages), strict=True):
        reason = str(outage.explain["reason"])
        assert "lost" not in reason
        named = [int(found) / 100 for found in re.findall(LEVEL, reason)]
        assert all(abs(share - outage.drop) <= 0.00501 for share in named), (reason, outage.drop)
        said += named
        assert all(abs(share - outage.max_drop) <= 0.00501 for share in shares(annotation.title))
    assert said
