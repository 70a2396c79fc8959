"""The lists of outages, incidents and watched series: their elements, order, labels and numbers."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from schemas.incident import Incident, Scope
from streams.config.settings import Duration, FeedSettings, MetricsSettings, Settings, WebSettings
from streams.ingest.series_index import Series
from streams.state.measurement_stage import MeasurementStage
from streams.worker.exposition import countries, incidents, outages
from streams.worker.exposition.families import gauge
from streams.worker.exposition.newest_bins import NewestBins
from streams.worker.exposition.state_metrics import StateMetrics, descriptions
from streams.worker.exposition.watch_list import Watched, WatchList, families
from tests.benchmarks.crowd import Crowd, learn, learnt
from tests.benchmarks.messages import FIRST_ASN
from tests.benchmarks.scrape import incident, outage

ENTITY = f"asn/{FIRST_ASN + 2}"
CROWD = Crowd(8, signals=2, partitions=1, countries=2)


def column(family: Metric, name: str) -> list[str]:
    """Return one label of all samples."""
    return [sample.labels.get(name, "") for sample in family.samples]


def _families(metrics: StateMetrics, silent: tuple[str, ...]) -> dict[str, Metric]:
    return {family.name: family for family in metrics.families(metrics.read(silent))}


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
    """By the share of the country, then by the level that is missing; suspected outages come last."""
    running = [
        outage(1, CROWD, state="suspected", expected=1e6),
        outage(2, CROWD, expected=6.0, drop=1.0),  # six probes, all of them lost
        outage(3, CROWD, expected=900.0, drop=0.5, severity="partial"),  # a country of which half is lost
        outage(4, CROWD, expected=2.0),
        outage(5, CROWD, expected=1.0),
    ]
    country = incident(1, [4], affected_share=0.3)
    found, left_out = outages.worst_outages(running, {f"{4:016x}": country}, NewestBins([]), 4)
    assert [column(family, "outage_id") for family in found[:2]] == [[f"{number:016x}" for number in (4, 3, 2, 5)]] * 2
    assert left_out == 1


def test_an_outage_names_its_incident() -> None:
    """The incident comes from the outage, or from the incident that lists it."""
    running = [outage(1, CROWD), outage(2, CROWD, incident_id="b" * 16, suppressed_by="exams")]
    (start, *_), _ = outages.worst_outages(running, {f"{1:016x}": incident(10, [1])}, NewestBins([]), 9)
    assert column(start, "incident_id") == [f"{10:016x}", "b" * 16]
    assert column(start, "suppressed_by") == ["", "exams"]
    assert [sample.value for sample in start.samples] == [1577253900.0] * 2


def test_an_outage_shows_its_newest_bin() -> None:
    """Numbers are those of the bin closed last; where it says nothing, only the drop of the last revision is there."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    dark, gone = outage(2, CROWD, facets={}), outage(1, CROWD, entity="asn/99", facets={}, value=None)
    index, detector = partition.shard.feeds["signal0"].index, partition.shard.feeds["signal0"].detector
    now = detector.deviations()
    row = index.by_series[dark.entity, ()]
    (_, drop, expected, value), _ = outages.worst_outages([dark, gone], {}, NewestBins(partition.shard.scored()), 9)
    assert [(s.labels["entity"], s.value) for s in value.samples] == [(dark.entity, now.value[row])]
    assert [(s.labels["entity"], s.value) for s in expected.samples] == [(dark.entity, now.expected[row])]
    lost = {sample.labels["entity"]: sample.value for sample in drop.samples}
    assert lost == {dark.entity: max(0.0, 1 - now.value[row] / now.expected[row]), "asn/99": gone.drop}


def test_a_feed_that_is_silent_shows_no_bins() -> None:
    """Its newest bin is old: what it measures is unknown, and no country is well because of it."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    settings = msgspec.structs.replace(learnt(CROWD), metrics=MetricsSettings(watch=(ENTITY,)))
    partition.open_outages["dark"] = outage(2, CROWD, facets={})
    found_faults = list[Incident]()
    metrics = StateMetrics(settings, lambda: [partition], list, lambda: found_faults)
    found = {silent: _families(metrics, silent) for silent in ((), ("signal0",), ("signal0", "signal1"))}
    watched = {silent: column(families["ebbtide_watched_value"], "feed") for silent, families in found.items()}
    assert list(watched.values()) == [["signal0", "signal1"], ["signal1"], []]
    assert [len(families["ebbtide_outage_value"].samples) for families in found.values()] == [1, 0, 0]
    judged = [column(families["ebbtide_country_affected_ratio"], "country") for families in found.values()]
    assert judged == [["IR", "IS"], ["IR", "IS"], []]
    found_faults.append(incident(1, [2], kinds=["feed-fault"], affected_share=None, feeds=["signal1"]))
    assert _families(metrics, ("signal0",))["ebbtide_country_affected_ratio"].samples == []


def test_a_country_has_the_share_of_its_worst_incident() -> None:
    """What is back is taken off; suspected incidents and faults of feeds do not count; 0 only where a feed judges."""
    found = [
        incident(1, [1], affected_share=0.4),
        incident(2, [2], affected_share=0.8, recovered_share=0.75),
        incident(3, [3], affected_share=0.9, state="suspected"),
        incident(4, [4], affected_share=None, kinds=["feed-fault"]),
        incident(5, [5], affected_share=0.1, scope=Scope(["KZ"], [], [])),
    ]
    (family,), left_out = countries.affected(found, {"IR", "DE", "FR"}, 3)
    shares = [(s.labels["country"], s.labels["alpha3"], s.value) for s in family.samples]
    assert shares == [("IR", "IRN", 0.4), ("KZ", "KAZ", 0.1), ("DE", "DEU", 0.0)]
    assert left_out == 1


def test_feeds_are_described() -> None:
    """Signal, kind and unit of each feed; and where the pages of the worker are."""
    feed = FeedSettings(signal="active-probing", kind="ratio", bin=Duration(300), unit="probes")
    feed_info, web_info = descriptions(Settings(feeds={"ping": feed}, web=WebSettings(url="https://ebbtide.example")))
    described = {"feed": "ping", "signal": "active-probing", "kind": "ratio", "unit": "probes"}
    assert [(sample.labels, sample.value) for sample in feed_info.samples] == [(described, 1.0)]
    assert [sample.labels["url"] for sample in web_info.samples] == ["https://ebbtide.example"]


def test_incidents_come_worst_first_and_faults_of_feeds_are_not_counted() -> None:
    """Numbers and descriptions are those of the messages; a feed fault is listed and not counted."""
    found = [
        incident(
            1,
            range(3),
            severity="partial",
            affected_share=0.1,
            services=["skype", "whatsapp"],
            kinds=["partial", "service-block"],
        ),
        incident(2, range(5), drops=[]),
        incident(3, range(9), kinds=["feed-fault"], severity="major", affected_share=None),
        incident(4, range(99), state="suspected"),
    ]
    assert {s.labels["severity"]: s.value for s in incidents.counted(found).samples} == {
        "partial": 1.0, "major": 0.0, "total": 1.0,
    }  # fmt: skip
    (start, info, affected, drop, networks), left_out = incidents.worst_incidents(found, 3)
    assert column(start, "kinds") == ["total", "partial,service-block", "feed-fault"]
    assert column(info, "services") == ["", "skype,whatsapp", ""]
    assert [len(affected.samples), len(drop.samples)] == [2, 2]
    assert [sample.value for sample in networks.samples] == [5.0, 3.0, 9.0]
    assert left_out == 1


def test_watched_series_are_listed_with_their_band() -> None:
    """Series of the watched entities in each feed, with the numbers of the detector; unknown entities are absent."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    watch = WatchList([ENTITY, "asn/99"], 10)
    assert list(watch.numbers(watch.rows(partition.shard.scored()))) == []
    learn(partition, CROWD, 30)
    found = list(watch.numbers(watch.rows(partition.shard.scored())))
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
    assert [column(family, "feed") for family in shown] == [["signal0"]] * 6
    threshold = partition.shard.feeds["signal0"].detector.state.threshold
    assert [sample.value for sample in shown[-1].samples] == [threshold]
    assert left_out == 1


def test_a_forgotten_series_is_no_longer_watched() -> None:
    """Another series may get its row: the watch list searches again when series change."""
    partition = MeasurementStage(learnt(CROWD), 0, {}, 0.0)
    learn(partition, CROWD, 30)
    watch, index = WatchList([ENTITY, "asn/7"], 10), partition.shard.feeds["signal0"].index
    assert len(list(watch.numbers(watch.rows(partition.shard.scored())))) == 2
    row = index.by_series[ENTITY, ()]
    index.forget(index.codes.rows[index.codes.rows == row])
    index.put(row, Series("asn/6", (), None, None))
    assert [watched.feed for watched in watch.numbers(watch.rows(partition.shard.scored()))] == ["signal1"]


def test_a_band_does_not_reach_below_zero() -> None:
    """A count cannot be negative."""
    watched = Watched("f", Series("asn/1", (("access", "mobile"),), None, None), 1.0, 10.0, 5.0, 0.0, 9.0)
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
