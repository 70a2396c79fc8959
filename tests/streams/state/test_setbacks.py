"""A feed whose time was false, in two partitions: areas and incidents go back with it; what is sent again is void."""

from __future__ import annotations

import msgspec
import numpy as np
import orjson
import pytest

from detectors.types import Kind
from schemas.bin_report import encode as encode_report
from schemas.incident import OVER, Incident
from schemas.outage import Outage
from schemas.partial import encode as encode_partial
from schemas.times import format_time
from streams.config.settings import Settings
from streams.ingest.record_run import LOG_APPEND_TIME
from streams.ingest.record_run import Run as Records
from streams.pipeline.areas.partials import place_of
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import pieces_of
from streams.state.area_stage import AreaStage
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.worker.clock_announcer import ClockAnnouncer
from tests.streams import helpers
from tests.streams.helpers import START, records
from tests.streams.pipeline.test_setback import MINUTE, NETWORKS, WIDTH, Wrong

WRONG, DARK = Wrong(400, 420, 7200.0), range(470, 520)
FEEDS: tuple[Kind, ...] = ("count", "gauge")


def settings() -> Settings:
    """Return settings of two feeds with countries, in two partitions."""
    made = helpers.settings(FEEDS, WIDTH, 60, idle_after=0.0)
    feeds = {name: msgspec.structs.replace(feed, areas=("country",)) for name, feed in made.feeds.items()}
    return msgspec.structs.replace(made, feeds=feeds, kafka=msgspec.structs.replace(made.kafka, partitions=2))


class Group:
    """Two partitions of measurements, the areas and the incidents behind them, without Kafka."""

    def __init__(self) -> None:
        self.settings = settings()
        self.tables: list[dict[bytes, bytes]] = [{}, {}, {}, {}, {}]
        self.load()
        self.findings: list[bytes] = []
        self.partials: list[list[bytes]] = [[], []]
        self.grouped, self.summed, self.read = 0, [0, 0], [0, 0]
        self.outages: dict[str, Outage] = {}
        self.revisions: list[Outage] = []
        self.incidents: list[Incident] = []
        self.announcers: dict[str, ClockAnnouncer] = {
            feed: ClockAnnouncer(self.settings.time_rule(feed)) for feed in FEEDS
        }

    def load(self) -> None:
        """Load all stages from their tables."""
        self.measuring = [MeasurementStage(self.settings, n, self.tables[n], 0.0) for n in range(2)]
        self.summing = [AreaStage(self.settings, n, self.tables[2 + n], 0.0) for n in range(2)]
        self.grouping = IncidentStage(self.settings, 0, self.tables[4], 0.0)

    def save(self) -> None:
        """Write all snapshots."""
        for stage in (*self.measuring, *self.summing, self.grouping):
            stage.save(0.0)

    def give(self, number: int, sent: list[tuple[float, bytes]]) -> None:
        """Give received messages to a partition, and all that comes of them to the other stages."""
        times = np.array([round(received * 1000) for received, _ in sent], dtype=np.int64)
        offsets, values = range(self.read[number], self.read[number] + len(sent)), [value for _, value in sent]
        self.read[number] += len(sent)
        run = Records(offsets, times, [b"asn/1"] * len(sent), list(values), LOG_APPEND_TIME)
        emitted = self.measuring[number].process(run, 0.0)
        self.publish(emitted)
        for feed, _ in emitted.setbacks:
            self.announcers[feed].go_back()
        for feed, activity in emitted.activity.items():
            for time in self.announcers[feed].due(activity.bins, activity.newest):
                for stage in self.measuring:
                    stage.note_clock(feed, time)
        self.pump()

    def publish(self, emitted: Emitted) -> None:
        """Put what a stage emitted into the topics."""
        for outage in emitted.outages:
            self.revisions.append(outage)
            if outage.revision > (self.outages[outage.outage_id].revision if outage.outage_id in self.outages else 0):
                self.outages[outage.outage_id] = outage
        self.findings += [encode_report(piece) for report in emitted.bin_reports for piece in pieces_of(report)]
        for part in emitted.area_sums:
            self.partials[place_of(part.feed, part.areas, 2)].append(encode_partial(part))
        self.incidents += emitted.incidents

    def pump(self) -> None:
        """Let areas and incidents read their topics to the end."""
        for number, stage in enumerate(self.summing):
            values = self.partials[number][self.summed[number] :]
            if values:
                emitted = stage.process(records(values, self.summed[number]), 0.0)
                assert emitted.unreadable == []
                self.summed[number] += len(values)
                self.publish(emitted)
        values = self.findings[self.grouped :]
        if values:
            emitted = self.grouping.process(records(values, self.grouped), 0.0)
            assert emitted.unreadable == []
            self.grouped += len(values)
            self.publish(emitted)

    def lasting(self) -> set[str]:
        """Return the ids of incidents that are not over."""
        newest = {incident.incident_id: incident for incident in self.incidents}
        return {name for name, incident in newest.items() if incident.state not in OVER}


def scene(
    minute: int, number: int, wrong: Wrong | None, wrong_feeds: tuple[Kind, ...], brokers: tuple[int, ...] = (0, 1)
) -> list[tuple[float, bytes]]:
    """Return what a partition receives in a minute; the first half of the networks is in the first one.

    The clocks of the brokers of these partitions are ahead for the feeds that are `wrong_feeds`, and those of some of
    their networks. In `DARK` minutes all but four networks of IR send nothing.
    """
    sent, start = [], START + MINUTE * minute
    for feed in FEEDS:
        is_wrong = (
            wrong is not None and wrong.first <= minute < wrong.last and feed in wrong_feeds and number in brokers
        )
        shift = min(wrong.ahead, 500.0 * (minute - wrong.first + 1)) if wrong and is_wrong else 0.0
        found = []
        for asn in range(1 + number, NETWORKS + 1, 2):
            if asn > 12 or minute not in DARK:
                own = start + asn + (shift if asn > 16 else 0.0)
                place = {"country": "IR" if asn <= 14 else "KZ"}
                found.append({"feed": feed, "ts": own, "asn": asn, "value": 50 + (asn * minute) % 3, **place})
        sent.append((start + shift + NETWORKS + 1, orjson.dumps(found)))
    return sorted(sent)


def run(
    wrong: Wrong | None,
    wrong_feeds: tuple[Kind, ...],
    minutes: int,
    restart: int | None = None,
    brokers: tuple[int, ...] = (0, 1),
) -> Group:
    """Return a group after so many minutes; it saves at `restart`, and begins anew there 5 minutes later."""
    group, again = Group(), []
    for minute in range(minutes):
        for number in range(2):
            sent = scene(minute, number, wrong, wrong_feeds, brokers)
            group.give(number, sent)
            if restart is not None and restart <= minute < restart + 5:
                again.append((number, sent))
        if restart is not None and minute == restart - 1:
            group.save()
        if restart is not None and minute == restart + 4:  # killed: the topics have what was sent since the snapshot
            group.load()
            group.summed = [stage.applied + 1 for stage in group.summing]
            group.grouped = group.grouping.applied + 1
            group.read = [stage.applied + 1 for stage in group.measuring]
            for where, sent in again:
                group.give(where, sent)
    return group


def _time(minute: int) -> str:
    return format_time(START + MINUTE * minute)


def found(group: Group) -> set[tuple[str, str, str]]:
    """Return entity, feed and start of the outages of the dark minutes, whatever their ids."""
    shown = {"open", "closed", "recovering"}
    return {(o.entity, o.feed, o.started_at) for o in group.outages.values() if o.state in shown}


@pytest.fixture(scope="module")
def right() -> Group:
    """Return a group after ten hours of right clocks."""
    return run(None, FEEDS, 600)


@pytest.fixture(scope="module")
def whole() -> Group:
    """Return a group with wrong clocks that is never killed."""
    return run(WRONG, FEEDS, 560)


@pytest.mark.parametrize(
    ("feeds", "brokers"),
    [(FEEDS, (0, 1)), (FEEDS[:1], (0, 1)), (FEEDS, (0,)), (FEEDS, (1,))],
    ids=["all", "one feed", "broker 0", "broker 1"],
)
def test_areas_and_incidents_go_back_with_their_feed(
    feeds: tuple[Kind, ...], brokers: tuple[int, ...], right: Group
) -> None:
    """A country goes dark in bins that close for the second time: the same outages and one incident, as without.

    What opened in false bins is withdrawn, of series, of areas and as incidents, whether the clock of one broker was
    wrong or of all. The feed was at fault no longer than its time was false.
    """
    wrong = run(WRONG, feeds, 600, brokers=brokers)
    assert [stage.shard.feeds["count"].rewound.times for stage in wrong.measuring] == [
        int(n in brokers) for n in (0, 1)
    ]
    false = [o for o in wrong.outages.values() if o.started_at < _time(min(DARK))]
    assert len(false) >= 10
    assert {o.state for o in false} == {"retracted"}
    for incident in {i.incident_id: i for i in wrong.incidents}.values():
        if incident.started_at < _time(min(DARK)) and not incident.merged_into:
            assert incident.state == "retracted" or "feed-fault" in incident.kinds
            assert _time(WRONG.first) < str(incident.ended_at) < _time(WRONG.last + 20)
    assert found(wrong) == found(right)
    assert ("country/IR", "count") in {(entity, feed) for entity, feed, _ in found(wrong)}
    assert not wrong.lasting()
    ended = {incident.incident_id: incident for incident in wrong.incidents if "feed-fault" not in incident.kinds}
    shown = [i for i in ended.values() if i.state == "ended" and not i.merged_into]
    others = [i for i in {i.incident_id: i for i in right.incidents}.values() if i.state == "ended"]
    assert [(i.started_at, i.ended_at, i.scope) for i in shown] == [(i.started_at, i.ended_at, i.scope) for i in others]
    assert not [o for o in wrong.outages.values() if o.state in ("open", "suspected", "recovering")]


@pytest.mark.parametrize("restart", [399, 416, 428, 430, 433])
def test_a_kill_on_the_way_back_changes_nothing(restart: int, whole: Group) -> None:
    """What is sent again after a restart, of before and behind the way back, has the same ids and revisions."""
    killed = run(WRONG, FEEDS, 560, restart)
    assert killed.outages == whole.outages
    for ours, theirs in zip(killed.measuring, whole.measuring, strict=True):
        assert helpers.same(ours.shard, theirs.shard)
    newest = {incident.incident_id: incident for incident in whole.incidents}
    assert {incident.incident_id: incident for incident in killed.incidents} == newest


def test_what_ended_in_bins_that_are_void_does_not_go_on_for_ever() -> None:
    """Outages of the first false bins had ended in later ones, which incidents had not come to yet."""
    group = run(Wrong(393, 418, 1300.0), FEEDS[:1], 460)
    assert [stage.shard.feeds["count"].rewound.times for stage in group.measuring] == [1, 1]
    assert group.incidents
    assert not group.lasting()
    incidents = group.grouping.grouping.state.incidents.values()
    assert not [o for incident in incidents for o in incident.outages.values() if o.running]
