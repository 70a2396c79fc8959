"""The lists of outages, incidents and watched series: their elements, order, labels and numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from streams.ingest.series_index import Series
from streams.state.measurement_stage import MeasurementStage
from streams.worker.exposition import incidents, outages
from streams.worker.exposition.families import gauge
from streams.worker.exposition.watch_list import Watched, WatchList, families
from tests.benchmarks.crowd import Crowd, learn, learnt
from tests.benchmarks.messages import FIRST_ASN
from tests.benchmarks.scrape import incident, outage

ENTITY = f"asn/{FIRST_ASN + 2}"
CROWD = Crowd(8, signals=2, partitions=1, countries=2)


def column(family: Metric, name: str) -> list[str]:
    """Return one label of all samples."""
    return [sample.labels.get(name, "") for sample in family.samples]


def test_a_country_without_outages_has_zero() -> None:
    """Zero where a signal measures something; suspected outages do not count; an unknown country has an empty name."""
    running = [
        outage(1, CROWD, country="KZ"),
        outage(2, CROWD, country="KZ", state="recovering"),
        outage(3, CROWD, country="KZ", state="suspected"),
        outage(4, CROWD, country=None, severity="partial"),
    ]
    (family,), left_out = outages.by_place(running, {("IR", "bgp"), ("KZ", "signal1")}, 100)
    found = {(s.labels["country"], s.labels["signal"], s.labels["severity"]): s.value for s in family.samples}
    assert len(found) == 4 * 3
    assert {key: value for key, value in found.items() if value} == {
        ("KZ", "signal0", "total"): 1.0, ("KZ", "signal1", "total"): 1.0, ("", "signal0", "partial"): 1.0,
    }  # fmt: skip
    assert found["IR", "bgp", "total"] == 0
    assert left_out == 0


def test_a_limit_leaves_out_the_places_with_the_fewest_outages() -> None:
    """A place with an outage is listed, however many places have none."""
    running = [outage(1, CROWD, country="ZW")]
    (family,), left_out = outages.by_place(running, {("IR", "signal1"), ("KZ", "signal1")}, 2)
    assert column(family, "country") == ["ZW"] * 3 + ["IR"] * 3
    assert left_out == 1


def test_the_worst_outages_come_first() -> None:
    """By severity, then by the loss; suspected outages come last."""
    running = [
        outage(1, CROWD, state="suspected"),
        outage(2, CROWD, severity="partial"),
        outage(3, CROWD, expected=5.0),
        outage(4, CROWD, expected=50.0),
        outage(5, CROWD, severity="major"),
    ]
    found, left_out = outages.worst_outages(running, {}, 4)
    assert [column(family, "outage_id") for family in found] == [[f"{number:016x}" for number in (4, 3, 5, 2)]] * 4
    assert left_out == 1


def test_an_outage_names_its_incident_and_an_unknown_value_has_no_sample() -> None:
    """The incident comes from the outage, or from the incident that lists it; an unknown value has no sample."""
    running = [outage(1, CROWD, value=None), outage(2, CROWD, incident_id="b" * 16, suppressed_by="exams")]
    (start, drop, expected, value), _ = outages.worst_outages(running, {f"{1:016x}": "a" * 16}, 9)
    assert column(start, "incident_id") == ["a" * 16, "b" * 16]
    assert column(start, "suppressed_by") == ["", "exams"]
    assert [sample.value for sample in start.samples] == [1577253900.0] * 2
    assert [sample.value for sample in drop.samples] == [
        0.9,
        1 - 1 / 11,
    ]  # what is lost of a known value, the level of an unknown one
    assert [sample.value for sample in expected.samples] == [11.0] * 2
    assert column(value, "outage_id") == [f"{2:016x}"]


def test_incidents_come_worst_first_and_faults_of_feeds_are_not_counted() -> None:
    """Numbers and descriptions are those of the messages; a feed fault is listed and not counted."""
    found = [
        incident(1, range(3), severity="partial", services=["skype", "whatsapp"], kinds=["partial", "service-block"]),
        incident(2, range(5), affected_share=None, drops=[]),
        incident(3, range(9), kinds=["feed-fault"], severity="major"),
        incident(4, range(99), state="suspected"),
    ]
    assert {s.labels["severity"]: s.value for s in incidents.counted(found).samples} == {
        "partial": 1.0, "major": 0.0, "total": 1.0,
    }  # fmt: skip
    (start, info, affected, drop, networks), left_out = incidents.worst_incidents(found, 3)
    assert column(start, "kinds") == ["total", "feed-fault", "partial,service-block"]
    assert column(info, "services") == ["", "", "skype,whatsapp"]
    assert [len(affected.samples), len(drop.samples)] == [2, 2]
    assert [sample.value for sample in networks.samples] == [5.0, 9.0, 3.0]
    assert left_out == 1


def test_watched_series_are_listed_with_their_band() -> None:
    """Series of the watched entities in each feed, with the numbers of the detector; unknown entities are absent."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    watch = WatchList([ENTITY, "asn/99"], 10)
    assert list(watch.numbers(watch.rows([partition.shard]))) == []
    learn(partition, CROWD, 30)
    found = list(watch.numbers(watch.rows([partition.shard])))
    assert [(series.feed, series.series.entity) for series in found] == [("signal0", ENTITY), ("signal1", ENTITY)]
    for watched in found:
        feed = partition.shard.feeds[watched.feed]
        now = feed.detector.deviations()
        row = feed.index.by_series[ENTITY, ()]
        assert (watched.value, watched.expected, watched.evidence) == (
            now.value[row],
            now.expected[row],
            now.evidence[row],
        )
        assert 0 <= watched.lower < watched.expected < watched.upper
    shown, left_out = families(found, 1)
    assert [column(family, "feed") for family in shown] == [["signal0"]] * 5
    assert left_out == 1


def test_a_forgotten_series_is_no_longer_watched() -> None:
    """Another series may get its row: the watch list searches again when series change."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    watch, index = WatchList([ENTITY, "asn/7"], 10), partition.shard.feeds["signal0"].index
    assert len(list(watch.numbers(watch.rows([partition.shard])))) == 2
    row = index.by_series[ENTITY, ()]
    index.forget(index.codes.rows[index.codes.rows == row])
    index.put(row, Series("asn/6", (), None, None))
    assert [watched.feed for watched in watch.numbers(watch.rows([partition.shard]))] == ["signal1"]


def test_a_band_does_not_reach_below_zero() -> None:
    """A count cannot be negative."""
    watched = Watched("f", Series("asn/1", (("access", "mobile"),), None, None), 1.0, 10.0, 5.0, 0.0)
    assert (watched.lower, watched.upper, watched.labels) == (0.0, 25.0, ("f", "asn/1", "mobile", "", ""))


def test_labels_from_measurements_are_escaped_and_bounded() -> None:
    """Quotes, line ends, lone surrogates and long texts leave a page that can be read."""
    hostile = ['a"b\\c\nd', "\ud800\u202e", "x" * 5000]
    registry = CollectorRegistry()

    class HostileLabels:
        def collect(self) -> list[Metric]:
            """Return one family."""
            return [gauge("x", "A text.", ("service",), (((text,), 1.0) for text in hostile))]

    registry.register(HostileLabels())
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    found = column(family, "service")
    assert found == ['a"b\\c\\nd', "\\ud800\\u202e", "x" * 199 + "…"]


def test_a_followed_outage_shows_the_evidence_of_its_opening() -> None:
    """A selection of rows has the same numbers as all rows."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    detector = partition.shard.feeds["signal0"].detector
    rows = partition.shard.feeds["signal0"].index.codes.rows[[5, 1]]
    selected, all_ = detector.deviations(rows), detector.deviations()
    assert [column.tolist() for column in selected] == [column[rows].tolist() for column in all_]
