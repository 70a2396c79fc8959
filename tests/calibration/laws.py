"""The laws of quiet series that calibration counts false alarms of, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np

from detectors.types import DAY, ClosedBin, Kind, Zones
from tests.calibration.quiet import MISSING, level, measured, members, observed, wander
from tests.calibration.world import (
    AHEAD,
    Matrix,
    Scene,
    autoregressive,
    binned,
    diurnal,
    growth,
    holidays,
    late,
    local_time,
    scene,
    shifted,
    weekend,
)
from tests.detectors.series import START, bins

LEVELS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio")
LEVEL = 1.5, 4.0  # powers of ten of plain levels: a gauge of whole numbers is not coarse, a count has little of Poisson
Measure = Callable[[Scene, Kind, Matrix, int], Iterator[ClosedBin]]


class QuietLaw(NamedTuple):
    """How series behave that have no outage.

    `level` gives the relative level of a scene (bins, series), `measure` the bins of a kind around it, begun at a time.
    `days`: the most there are. `weekdays`: feeds that begin on a weekday each and share the series.
    """

    name: str
    says: str
    kinds: tuple[Kind, ...]
    level: Callable[[Scene], Matrix]
    measure: Measure
    days: int = 10_000
    weekdays: int = 1

    def draw(self, kind: Kind, series: int, days: int, width: int, seed: int) -> Iterator[list[ClosedBin]]:
        """Yield the bins of each feed, the same for the same seed."""
        code = [seed, min(days, self.days), width, series, sum(kind.encode()), sum(self.name.encode())]
        for weekday in range(self.weekdays):
            rng = np.random.default_rng([*code, weekday])
            count = len(range(weekday, series, self.weekdays))
            place = scene(rng, count, min(days, self.days), width, weekday)
            yield list(self.measure(place, kind, self.level(place), START + weekday * DAY))


def varied(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Sizes, steps and noise as in `quiet`, in the countries of the scene."""
    return measured(s.rng, kind, shape, s.width, s.country, start)


def zoned(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Sizes, steps and noise as in `quiet`, in countries with a local time."""
    zones = Zones(AHEAD, AHEAD)
    return (replace(seen, zones=zones) for seen in measured(s.rng, kind, shape, s.width, s.country, start))


def alone(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Sizes, steps and noise as in `quiet`; no series says where it is."""
    return measured(s.rng, kind, shape, s.width, np.zeros(s.series, np.int64), start)


def together(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Sizes, steps and noise as in `quiet`; all series are in a single country."""
    return measured(s.rng, kind, shape, s.width, np.ones(s.series, np.int64), start)


def plain(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Levels of 30 to 10,000 with no noise but that of the law: a gauge in whole numbers, Poisson events of a count."""
    rates = shape * 10 ** s.rng.uniform(*LEVEL, s.series)
    value = np.round(rates) if kind == "gauge" else s.rng.poisson(rates)
    return bins(np.where(s.rng.random(shape.shape) < MISSING, np.nan, value), s.width, None, start, s.country)


def networks(s: Scene, kind: Kind, shape: Matrix, start: int) -> Iterator[ClosedBin]:
    """Networks of 20 to 10,000 members."""
    return observed(members(s.rng, shape, s.width, (1.3, 4)), s.width, s.country, start)


def mixed(s: Scene) -> Matrix:
    """Day and night, weekends (Sat and Sun), two holidays of each series' own, growth, noise with memory."""
    return level(s.rng, s.series, s.days, s.width)


def everyday(s: Scene, local: Matrix | None = None, free: Matrix | None = None, depth: Matrix | float = 0.3) -> Matrix:
    """Day and night, the country's weekends, growth, noise with memory; `free`: days as low as a weekend.

    Days of rest lie up to `depth` lower, each series by its own share.
    """
    clock = s.at if local is None else local
    rest = weekend(s, clock) if free is None else weekend(s, clock) | free
    fall = s.rng.uniform(0, 1, s.series) * depth
    relative = binned(s, diurnal(s, clock) * growth(s) * np.where(rest, 1 - fall, 1))
    return relative * (1 + wander(s.rng, s.bins, s.series, s.width)).astype(np.float32)


def countries(s: Scene) -> Matrix:
    """Everyday series; holidays are common to a country, and a fifth of the series does not notice them."""
    return everyday(s, free=holidays(s) & (s.rng.random(s.series) < 0.8))


def countries_local(s: Scene) -> Matrix:
    """The same by the local time of each country."""
    local = local_time(s)
    return everyday(s, local, weekend(s, local) | holidays(s, local) & (s.rng.random(s.series) < 0.8))


def business_local(s: Scene) -> Matrix:
    """Firms and homes by the local time of each country."""
    return business(s, local_time(s))


def business(s: Scene, local: Matrix | None = None) -> Matrix:
    """A seventh of the series lies at 20 to 60 % on weekends and holidays; the homes around it do not fall, or rise."""
    rest = weekend(s, s.at if local is None else local) | holidays(s, local)
    firm = s.rng.random(s.series) < 1 / 7
    share = np.where(firm, s.rng.uniform(0.2, 0.6, s.series), s.rng.uniform(1, 1.15, s.series))
    return everyday(s, depth=0.0) * binned(s, np.where(rest, share, 1))


def clocks(s: Scene) -> Matrix:
    """Everyday series whose country changes its clocks on a random date."""
    return everyday(s, shifted(s))


def clocks_own(s: Scene) -> Matrix:
    """Everyday series each of which changes its clock on a date of its own."""
    return everyday(s, shifted(s, by_row=True))


def clocks_alone(s: Scene) -> Matrix:
    """The same of series that say no country, with weekends on Saturday and Sunday."""
    return clocks_own(s._replace(country=np.ones_like(s.country)))


def school(s: Scene) -> Matrix:
    """Everyday series whose mornings are an hour late for two weeks, at the same time in a country."""
    return everyday(s, late(s))


def correlated(s: Scene) -> Matrix:
    """No season; noise of 1 to 20 % that remembers 0 to 0.95 of the bin before."""
    memory = s.rng.uniform(0, 0.95, s.series)
    noise = s.rng.uniform(0.01, 0.2, s.series) * autoregressive(s.rng, s.bins, memory)
    return np.maximum(1 + noise, 0)


def rates(s: Scene) -> Matrix:
    """The same noise of the logarithm: rates of events lie above zero."""
    level_: Matrix = np.exp(correlated(s) - 1)
    return level_


def lognormal(s: Scene) -> Matrix:
    """No season; a lognormal factor of 0.3, half of the series remember 0.5 of the bin before."""
    memory = np.where(s.rng.random(s.series) < 0.5, 0.0, 0.5)
    level_: Matrix = np.exp(np.float32(0.3) * autoregressive(s.rng, s.bins, memory))
    return level_


LAWS = (
    QuietLaw("mixed", "own holidays, one country", get_args(Kind), mixed, together),
    QuietLaw("alone", "own holidays, no country known", get_args(Kind), mixed, alone),
    QuietLaw("everyday", "20 countries, four with weekends on Fri and Sat", LEVELS, everyday, varied),
    QuietLaw("holidays", "holidays of a country, a fifth not affected", LEVELS, countries, varied),
    QuietLaw("local-holidays", "the same by local time, 11 h behind to 12 h ahead", LEVELS, countries_local, zoned),
    QuietLaw("local-business", "firms and homes by local time", LEVELS, business_local, zoned),
    QuietLaw("business", "a seventh at 20–60 % on days of rest, homes do not fall", LEVELS, business, varied),
    QuietLaw("clocks", "an hour early or late, by country", LEVELS, clocks, varied),
    QuietLaw("clocks-own", "an hour early or late, each series on its own date", LEVELS, clocks_own, varied),
    QuietLaw("clocks-alone", "an hour early or late, no country known", LEVELS, clocks_alone, alone),
    QuietLaw("school", "mornings an hour late for two weeks, by country", LEVELS, school, varied),
    QuietLaw("ar", "noise of 1–20 % with memory 0–0.95 a bin", ("gauge", "count"), correlated, plain),
    QuietLaw("ar-rates", "the same, of the logarithm", ("count", "distinct"), rates, varied),
    QuietLaw("lognormal", "lognormal noise of 0.3", ("gauge", "count"), lognormal, plain),
    QuietLaw("first-days", "the first eight days, begun on each weekday", LEVELS, everyday, varied, 8, 7),
    QuietLaw("first-business", "the same, business and homes", LEVELS, business, varied, 8, 7),
    QuietLaw("networks", "20 to 10,000 members", ("presence",), everyday, networks),
)
NAMED = {law.name: law for law in LAWS}
