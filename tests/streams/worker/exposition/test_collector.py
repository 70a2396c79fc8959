"""What is listed of outages, incidents and watched series: which, in which order, with which labels and numbers."""

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


def test_a_country_without_outages_is_told_to_have_none() -> None:
    """Zero where a signal measures; what is suspected does not count; a country that nobody knows has no name."""
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
    """One that has an outage is there, however many have none."""
    running = [outage(1, CROWD, country="ZW")]
    (family,), left_out = outages.by_place(running, {("IR", "signal1"), ("KZ", "signal1")}, 2)
    assert column(family, "country") == ["ZW"] * 3 + ["IR"] * 3
    assert left_out == 1


def test_the_worst_outages_come_first() -> None:
    """By severity, then by what is lost; what is only suspected comes last."""
    running = [
        outage(1, CROWD, state="suspected"),
        outage(2, CROWD, severity="partial"),
        outage(3, CROWD, expected=5.0),
        outage(4, CROWD, expected=50.0),
        outage(5, CROWD, severity="major"),
    ]
    found, left_out = outages.one_by_one(running, {}, 4)
    assert [column(family, "outage_id") for family in found] == [[f"{number:016x}" for number in (4, 3, 5, 2)]] * 4
    assert left_out == 1


def test_an_outage_names_its_incident_and_has_no_value_where_none_is_known() -> None:
    """The incident comes from the outage, or from the incident that lists it; an unknown value has no sample."""
    running = [outage(1, CROWD, value=None), outage(2, CROWD, incident_id="b" * 16, suppressed_by="exams")]
    (start, drop, expected, value), _ = outages.one_by_one(running, {f"{1:016x}": "a" * 16}, 9)
    assert column(start, "incident_id") == ["a" * 16, "b" * 16]
    assert column(start, "suppressed_by") == ["", "exams"]
    assert [sample.value for sample in start.samples] == [1577253900.0] * 2
    assert [sample.value for sample in drop.samples] == [0.9] * 2
    assert [sample.value for sample in expected.samples] == [11.0] * 2
    assert column(value, "outage_id") == [f"{2:016x}"]


def test_incidents_come_worst_first_and_faults_of_feeds_are_not_counted() -> None:
    """The number of networks and what is said; a fault has a place in the list, none in the count."""
    those = [
        incident(1, range(3), severity="partial", services=["skype", "whatsapp"], kinds=["partial", "service-block"]),
        incident(2, range(5), affected_share=None, drops=[]),
        incident(3, range(9), kinds=["feed-fault"], severity="major"),
        incident(4, range(99), state="suspected"),
    ]
    assert {s.labels["severity"]: s.value for s in incidents.counted(those).samples} == {
        "partial": 1.0, "major": 0.0, "total": 1.0,
    }  # fmt: skip
    (start, info, affected, drop, networks), left_out = incidents.one_by_one(those, 3)
    assert column(start, "kinds") == ["total", "feed-fault", "partial,service-block"]
    assert column(info, "services") == ["", "", "skype,whatsapp"]
    assert [len(affected.samples), len(drop.samples)] == [2, 2]
    assert [sample.value for sample in networks.samples] == [5.0, 9.0, 3.0]
    assert left_out == 1


def test_what_is_watched_is_told_with_its_band() -> None:
    """Of the entities asked for, in each feed; numbers are those of the detector; strangers are not there."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    watch = WatchList([ENTITY, "asn/99"])
    assert list(watch.numbers([partition.shard])) == []
    learn(partition, CROWD, 30)
    found = list(watch.numbers([partition.shard]))
    assert [(one.feed, one.series.entity) for one in found] == [("signal0", ENTITY), ("signal1", ENTITY)]
    for one in found:
        feed = partition.shard.feeds[one.feed]
        now = feed.detector.deviations()
        row = feed.index.by_series[ENTITY, ()]
        assert (one.value, one.expected, one.evidence) == (now.value[row], now.expected[row], now.evidence[row])
        assert 0 <= one.lower < one.expected < one.upper
    told, left_out = families(found, 1)
    assert [column(family, "feed") for family in told] == [["signal0"]] * 5
    assert left_out == 1


def test_a_series_that_is_forgotten_is_watched_no_more() -> None:
    """Its row may be another's: the watch list looks again when series change."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    watch, index = WatchList([ENTITY, "asn/7"]), partition.shard.feeds["signal0"].index
    assert len(list(watch.numbers([partition.shard]))) == 2
    row = index.by_series[ENTITY, ()]
    index.forget(index.codes.rows[index.codes.rows == row])
    index.put(row, Series("asn/6", (), None, None))
    assert [one.feed for one in watch.numbers([partition.shard])] == ["signal1"]


def test_a_band_does_not_reach_below_nothing() -> None:
    """A count cannot be negative."""
    one = Watched("f", Series("asn/1", (("access", "mobile"),), None, None), 1.0, 10.0, 5.0, 0.0)
    assert (one.lower, one.upper, one.labels) == (0.0, 25.0, ("f", "asn/1", "mobile", "", ""))


def test_labels_from_strangers_are_escaped_and_bounded() -> None:
    """Quotes, line ends, lone surrogates and long texts leave a page that can be read."""
    hostile = ['a"b\\c\nd', "\ud800\u202e", "x" * 5000]
    registry = CollectorRegistry()

    class One:
        def collect(self) -> list[Metric]:
            """Return one family."""
            return [gauge("x", "A text.", ("service",), (((text,), 1.0) for text in hostile))]

    registry.register(One())
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    found = column(family, "service")
    assert found == ['a"b\\c\\nd', "\\ud800\\u202e", "x" * 199 + "…"]


def test_a_followed_outage_shows_the_evidence_of_its_opening() -> None:
    """Some rows or all: the same numbers."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    detector = partition.shard.feeds["signal0"].detector
    rows = partition.shard.feeds["signal0"].index.codes.rows[[5, 1]]
    some, all_ = detector.deviations(rows), detector.deviations()
    assert [column.tolist() for column in some] == [column[rows].tolist() for column in all_]
