"""Incidents against the truth: what is found, split, merged, and never happened."""

from __future__ import annotations

from math import inf

import pytest

from detectors.evaluation.matching import Episode, match

HOUR = 3600.0


def episode(start: float, end: float, *asns: int, country: str = "IR", **more: frozenset[str]) -> Episode:
    """One from this hour to that, total, of some networks of a country."""
    places = {"countries": frozenset({country}), "regions": frozenset[str](), "feeds": frozenset({"ping"})} | more
    kinds = places.pop("kinds", frozenset({"total"}))
    return Episode(start * HOUR, end * HOUR, kinds, asns=frozenset(asns), detected_at=start * HOUR + 60, **places)


def test_found_whole() -> None:
    """One of one, with its delay and the errors of its edges."""
    matches = match([episode(0, 10, 1, 2)], [episode(1, 12, 1, 2)], 900)
    assert (matches.truths, matches.found, matches.kinds_right, matches.overlap) == (1, 1, 1, 1)
    assert (matches.split, matches.merged, matches.false) == (0, 0, 0)
    assert (matches.delay, matches.start_error, matches.end_error) == (HOUR + 60, HOUR, 2 * HOUR)


def test_split_and_merged() -> None:
    """One told as two is split; two told as one are merged wrongly."""
    assert match([episode(0, 10, 1, 2)], [episode(0, 9, 1), episode(1, 9, 2)], 900).split == 1
    assert match([episode(0, 10, 1), episode(0, 10, 2)], [episode(0, 9, 1, 2)], 900).merged == 1


def test_false_and_missed() -> None:
    """Another country, another network or another day is another incident."""
    truth = episode(0, 10, 1)
    for other in (episode(0, 10, 1, country="TR"), episode(0, 10, 2), episode(20, 30, 1)):
        matches = match([truth], [other], 900)
        assert (matches.found, matches.false, matches.missed) == (0, 1, (truth,))


def test_kinds_and_overlap() -> None:
    """Another kind is not right; half the regions, or two networks of four, are half the place."""
    partial = episode(0, 10, 1, 2, kinds=frozenset({"partial"}))
    matches = match([episode(0, 10, 1, 2, 3, 4)], [partial], 900)
    assert (matches.kinds_right, matches.overlap) == (0, 0.5)
    truth = episode(0, 10, 1, regions=frozenset({"IR-30"}))
    reports = episode(0, 10, 9, regions=frozenset({"IR-30", "IR-12"}))
    assert match([truth], [reports], 900).overlap == 0.5


def test_a_fault_is_found_by_its_feed() -> None:
    """It has no place; the same feed at the same time is the same fault, a network's outage never is."""
    fault = episode(0, 10, countries=frozenset[str](), feeds=frozenset({"bgp"}))
    other = fault._replace(feeds=frozenset({"atlas"}))
    assert match([fault], [fault], 900).overlap == 1
    assert [match([fault], [report], 900).found for report in (other, episode(0, 10, 1))] == [0, 0]


def test_what_lasts_has_no_end_to_be_wrong() -> None:
    """Both last: no error. One of them ended: none that could be told."""
    lasting = episode(0, inf, 1)
    assert match([lasting], [lasting], 900).end_error == 0
    assert match([lasting], [episode(0, 10, 1)], 900).end_error is None


@pytest.mark.parametrize("reports", [[], [episode(0, 10, 1)]])
def test_nothing_happened(reports: list[Episode]) -> None:
    """Without truths there are no figures but what is false."""
    matches = match([], reports, 900)
    assert (matches.found, matches.false, matches.overlap, matches.delay) == (0, len(reports), None, None)
