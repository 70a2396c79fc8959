"""Scoring: the counts of hits, pieces and false alarms, and the medians of delays and edges."""

from __future__ import annotations

from math import inf

import pytest

from detectors.evaluation.scoring import Alarm, Label, entity_days, score

HOUR = 3600.0
SLACK = 900.0


def label(start: float, end: float, entity: str = "asn/1", *, published: bool = True) -> Label:
    """A label, its edges in hours."""
    return Label(entity, start * HOUR, end * HOUR, published)


def alarm(start: float, end: float, entity: str = "asn/1", feed: str = "a", after: float = 0.25) -> Alarm:
    """An alarm, its edges in hours, told so many hours after its start."""
    return Alarm(entity, feed, start * HOUR, (start + after) * HOUR, end * HOUR)


def test_exact_hit() -> None:
    """An alarm on the label's edges is one hit in one piece, late by its detection only."""
    result = score([label(10, 12)], [alarm(10, 12)], SLACK)
    assert (result.labels, result.hits, result.pieces, result.false, result.missed) == (1, 1, 1.0, 0, ())
    assert (result.delay, result.start_error, result.end_error) == (900.0, 0.0, 0.0)


def test_missed_label_and_false_alarm() -> None:
    """An alarm of another entity neither hits nor is explained."""
    result = score([label(10, 12)], [alarm(10, 12, "asn/2")], SLACK)
    assert (result.hits, result.pieces, result.false, result.delay, result.start_error) == (0, None, 1, None, None)
    assert result.missed == (label(10, 12),)


@pytest.mark.parametrize(("start", "end", "hits"), [(9, 9.75, 0), (9, 9.76, 1), (12.25, 13, 0), (12.24, 13, 1)])
def test_slack_is_half_open(start: float, end: float, hits: int) -> None:
    """An alarm that only touches the label and its slack is none of its own."""
    result = score([label(10, 12)], [alarm(start, end)], SLACK)
    assert (result.hits, result.false) == (hits, 1 - hits)


def test_pieces_are_per_feed() -> None:
    """Two feeds that see a label are two witnesses, not two pieces; three alarms of one feed are three pieces."""
    both = score([label(10, 12)], [alarm(10, 12), alarm(10.5, 12, feed="b")], SLACK)
    flicker = score([label(10, 12)], [alarm(10, 10.5), alarm(11, 11.2), alarm(11.5, 12)], SLACK)
    mixed = score([label(10, 12)], [alarm(10, 10.5), alarm(11, 12), alarm(10, 12, feed="b")], SLACK)
    assert (both.pieces, flicker.pieces, mixed.pieces) == (1.0, 3.0, 1.5)


def test_pieces_are_the_mean_over_hits() -> None:
    """A label that was missed has no pieces; one in four pieces and one whole make 2.5."""
    parts = [alarm(10 + part / 2, 10.2 + part / 2) for part in range(4)]
    result = score([label(10, 12), label(30, 31), label(50, 51)], [*parts, alarm(30, 31)], SLACK)
    assert (result.labels, result.hits, result.pieces) == (3, 2, 2.5)


def test_false_alarms_that_overlap_count_once() -> None:
    """Overlapping false alarms of an entity are one, a later one is another, one that touches belongs to the first."""
    crowd = [alarm(1, 3), alarm(2, 4, feed="b"), alarm(4, 5), alarm(7, 8), alarm(7, 8, "asn/2")]
    assert score([], crowd, SLACK).false == 3


def test_open_false_alarm_hides_later_ones() -> None:
    """An alarm that never ends is one false alarm for the rest of the recording."""
    assert score([], [alarm(1, inf), alarm(7, 8), alarm(9, 10)], SLACK).false == 1


def test_one_alarm_over_two_labels_hits_both() -> None:
    """A lump over two labels hits both; its edges are far off each."""
    result = score([label(10, 11), label(14, 15)], [alarm(10, 15)], SLACK)
    assert (result.hits, result.pieces, result.false) == (2, 1.0, 0)
    assert (result.delay, result.start_error, result.end_error) == (-1.75 * HOUR, 2 * HOUR, 2 * HOUR)


def test_times_are_of_the_first_start_the_first_detection_and_the_last_end() -> None:
    """Of several alarms on one label, each edge is judged by the one that reaches furthest."""
    result = score([label(10, 12)], [alarm(10.2, 11, after=0.5), alarm(10.5, 11.5, feed="b", after=0.1)], SLACK)
    assert result.delay == pytest.approx(0.6 * HOUR)
    assert result.start_error == pytest.approx(0.2 * HOUR)
    assert result.end_error == pytest.approx(0.5 * HOUR)


def test_alarm_that_never_ends() -> None:
    """An open alarm has an end error without bound, rather than none."""
    assert score([label(10, 12)], [alarm(10, inf)], SLACK).end_error == inf


def test_only_published_edges_are_timed() -> None:
    """A label known only roughly counts as a hit, and says nothing about times."""
    rough = score([label(10, 12, published=False)], [alarm(11, 12)], SLACK)
    both = score([label(10, 12, published=False), label(20, 22)], [alarm(11, 12), alarm(20, 22)], SLACK)
    assert (rough.hits, rough.delay, rough.start_error, rough.end_error) == (1, None, None, None)
    assert (both.hits, both.delay, both.start_error) == (2, 900.0, 0.0)


def test_same_window_of_two_feeds_is_one_label() -> None:
    """Two rows for one window of one entity are one label."""
    assert score([label(10, 12), label(10, 12)], [alarm(10, 12)], SLACK).labels == 1


def test_unknown_detection_gives_no_delay() -> None:
    """Where an alarm does not say when it was told, its label has no delay, and the others still do."""
    silent = Alarm("asn/1", "a", 10 * HOUR, None, 12 * HOUR)
    result = score([label(10, 12), label(30, 31)], [silent, alarm(30, 31)], SLACK)
    assert (result.hits, result.delay) == (2, 900.0)


def test_entity_days() -> None:
    """Days between the first and last measurement, summed over entities; one measurement is no time."""
    assert entity_days({"asn/1": (0.0, 86_400.0), "asn/2": (3600.0, 46_800.0), "asn/3": (5.0, 5.0)}) == 1.5
