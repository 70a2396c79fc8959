"""Presence: members that stay away on a day of work as on weekends, in half of the networks of a country at once.

Derived in docs/presence.md#holidays-of-a-country-member_holidayspy. Arrays hold an element per row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import ClosedBin, Flags, Singles

from .local_days import FRIDAY, SATURDAY, SUNDAY
from .member_fades import DARK, HOURS
from .member_losses import MemberBin
from .member_places import PLACES, REST, beside, places_of
from .member_weekends import LEAST, STRAYS, of_country
from .season import Slots
from .series_state import SeriesStore

ALIKE = 0.5  # of what is missing on weekends, from which on a network rests
MANY = 3  # networks of a country that rest before a holiday is believed
DAYS_OF_REST = (1, 2)  # days of a weekend, which its slots hold beside the day before and after it


class CommonRest(NamedTuple):
    """What holidays of countries say of networks with a usual weekend (rows): whether they rest, and the share up.

    `least`: the least share up on weekends where the country rests; infinite elsewhere.
    """

    rests: Flags
    least: Singles


def of_countries(store: SeriesStore, closed: MemberBin, width: int) -> CommonRest:
    """Return which networks rest: they lack about what they do on weekends, and so does half of those of their country.

    Only networks with a usual weekend are looked at, and none of which a tenth or less is left.
    """
    seen, most = closed.seen, _on_weekends(store.slots, closed.seen, width)
    missing = 1 - seen.value / np.maximum(seen.size, 1)
    usual = closed.measured & (seen.group > 0) & (most >= LEAST)
    rests = usual & (missing >= ALIKE * most) & (missing <= most + STRAYS * np.minimum(most, 1 - most))
    there, at_rest = (np.bincount(seen.group, flags) for flags in (usual, rests))
    common = ((at_rest >= MANY) & (2 * at_rest >= there))[seen.group]
    least = np.where(usual & common, 1 - most.astype(np.float32), np.float32(np.inf))
    return CommonRest(np.asarray(rests & (missing < 1 - DARK) & common), least)


def _on_weekends(slots: Slots, seen: ClosedBin, width: int) -> Slots:
    """Return the largest share missing about this hour on a day of a usual weekend, or of the last; below 0: unknown.

    Nights of the week hide a weekend of members that leave each evening, so that only the last one is kept.
    """
    places = places_of(beside(seen.start, width))
    usual = {REST + day * PLACES + place for day in DAYS_OF_REST for place in places}
    last = [{HOURS + day * PLACES + place for place in places} for day in (FRIDAY, SATURDAY, SUNDAY)]
    return of_country(slots, usual | last[1] | last[2], usual | last[0] | last[1], seen.group)
