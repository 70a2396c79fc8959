"""The run of a source without a broker: waits, ends, and what is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from schemas.decode import decode
from streams.sources.backoff import Backoff
from streams.sources.json_decoder import JsonDecoder
from streams.sources.lines import stage_of
from streams.sources.metrics import SourceMetrics, SourceRecorder
from streams.sources.part_clock import Position
from streams.sources.positions import SavedSource
from streams.sources.records import Arrival, LineRecord, RecordChunk
from streams.sources.run import Connected, transfer
from streams.sources.senders import SourceBatch, arrays
from streams.sources.stage import SourceStage
from streams.sources.until import until_named
from tests.streams.sources.helpers import START, line, settings

FIELDS = 'ts = "t"\nasn = "a"'


def test_waits_double_to_a_minute_and_are_drawn() -> None:
    """At most 1, 2, 4 … 60 s; after a minute of data at most 1 s again; many sources do not come back at once."""
    longest = [max(_waits(seed)[n] for seed in range(300)) for n in range(10)]
    assert [round(wait) for wait in longest] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert min(_waits(seed)[9] for seed in range(300)) < 2
    backoff = Backoff(Random(1), failures=9)
    assert backoff.next(connected=61) <= 1
    assert backoff.failures == 1


def _waits(seed: int) -> list[float]:
    backoff = Backoff(Random(seed))
    return [backoff.next(connected=5) for _ in range(10)]


class KeptBatches:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.batches: list[SourceBatch] = []

    async def send(self, batch: SourceBatch) -> None:
        """Keep a batch."""
        self.batches.append(batch)


def stage(positions: Mapping[str, Position] | None = None) -> SourceStage:
    """Return the stage of a source."""
    given = settings(FIELDS)
    return stage_of(given, "s", JsonDecoder(given.sources["s"]), SavedSource(positions or {}))


async def sent(
    arrivals: list[Arrival],
    until: str | None = None,
    positions: Mapping[str, Position] | None = None,
    begins: Mapping[str, int] | None = None,
) -> list[SourceBatch]:
    """Return what a source sends of arrivals."""

    async def arriving() -> AsyncIterator[Arrival]:
        for arrival in arrivals:
            yield arrival

    sender = KeptBatches()
    connected = Connected(stage(positions), arriving(), sender, "others", begins=begins or {})
    await transfer(connected, until_named(until) if until else None)
    return sender.batches


def records(*seconds: float, first: int = 0) -> list[LineRecord]:
    """Return records of a network at these times; a negative one is none."""
    values = [{"t": START + s, "a": 3333} if s >= 0 else "none" for s in seconds]
    return [line(value, offset) for offset, value in enumerate(values, start=first)]


async def test_an_idle_part_is_not_waited_for() -> None:
    """Measurements come with the arrival that says so, before the end of the input."""
    chunks = [RecordChunk("others/0", records(0, 200)), RecordChunk("others/1", records(5))]
    batches = await sent([Arrival(chunks), Arrival([], frozenset({"others/1"})), Arrival([])])
    assert [[(m.ts, m.value) for m in batch.measurements] for batch in batches] == [[(START, 2)], [(START + 180, 1)]]
    assert batches[0].positions["others/0"] == Position(offset=1, newest=START, sent=START + 180, done=2)
    assert batches[0].positions["others/1"].offset == 1


async def test_dead_letters_come_with_the_positions_and_once() -> None:
    """Also where nothing is measured; after a restart what was sent is not sent again."""
    arrivals = [Arrival([RecordChunk("others/3", records(0, 10, 20, -1, 30))]), Arrival([]), Arrival([])]
    first, *_ = await sent(arrivals)
    assert [(dead.topic, dead.part, dead.offset, dead.value) for dead in first.dead] == [("others", "3", 3, b'"none"')]
    assert first.positions["others/3"].done == 5
    again = await sent(arrivals, positions=first.positions)
    assert [batch.dead for batch in again] == [[]]
    assert [m.value for batch in again for m in batch.measurements] == [4]


@pytest.mark.parametrize(("until", "values"), [("2", [1, 1]), ("2023-11-14T22:17:00Z", [1, 1, 1])])
async def test_until_ends_the_run(until: str, values: list[int]) -> None:
    """After a number of measurements, or when all before a time have come, though more would."""
    arrivals = [Arrival([RecordChunk("others/0", records(60.0 * n, first=n))]) for n in range(9)]
    batches = await sent(arrivals, until)
    assert [m.value for batch in batches for m in batch.measurements] == values


async def test_what_happens_is_recorded() -> None:
    """Counts grow by what was counted since the connection, also over a second one; silence does not move the time."""
    metrics = SourceMetrics(CollectorRegistry(), {"s": "f"}, {"s": 300.0})
    recorder, clock = SourceRecorder(metrics, "s", "f"), iter((100.0, 101.0, 102.0, 103.0))

    async def arriving() -> AsyncIterator[Arrival]:
        for chunks in ([RecordChunk("others/0", records(0, -1, 100))], [], []):
            yield Arrival(chunks)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"ebbtide_source_{name}", {"source": "s", **labels})

    assert value("up", feed="f") == 0
    for connection in (1, 2):
        recorder.connected(lost=5, now=50.0)
        connected = Connected(stage(), arriving(), KeptBatches(), "others", lambda: 7)
        await transfer(connected, None, lambda it: recorder.progress(it.stage, it.lag(), next(clock, 200.0)))
        assert value("records_total") == 3 * connection
        assert value("measurements_total") == 2 * connection
        assert value("rejected_total", reason="not-json") == 0
        assert value("rejected_total", reason="wrong-type") == connection
        assert (value("lag_records"), value("lost_records_total")) == (7, 5 * connection)
        assert value("last_data_timestamp_seconds") == (100.0 if connection == 1 else 200.0)
        recorder.disconnected("silent")
        assert value("up", feed="f") == 0
        assert [value("reconnects_total", reason=reason) for reason in ("silent", "closed")] == [connection, 0]


def test_arrays_hold_what_belongs_to_a_partition() -> None:
    """At most 500 measurements a message, keyed by the first; a single one is an object."""
    made = stage()
    made.process(RecordChunk("0", [line({"t": START, "a": asn}, asn) for asn in range(1, 1300)]))
    measurements = made.rest().measurements
    messages = list(arrays(measurements, lambda entity: int(entity[4:]) % 2 if entity != "asn/7" else 2))
    assert [(partition, key) for partition, key, _ in messages] == [
        (0, b"asn/2"),
        (0, b"asn/1002"),
        (1, b"asn/1"),
        (1, b"asn/1003"),
        (2, b"asn/7"),
    ]
    assert json.loads(messages[-1][2])["asn"] == 7
    decoded = [m for _, _, value in messages for m in decode([value]).measurements]
    assert sorted(decoded, key=lambda m: m.asn or 0) == sorted(measurements, key=lambda m: m.asn or 0)


async def test_where_a_source_begins_is_saved_before_its_first_sums() -> None:
    """As where `start = "latest"` has put it: killed before them, it goes on there. A position that is there stays."""
    begin, *_ = await sent([Arrival([])], begins={"others/0": 700})
    assert (begin.measurements, begin.positions) == ([], {"others/0": Position(offset=700, done=700)})
    assert not stage(begin.positions).is_proved
    (rest,) = await sent([Arrival([])], positions=begin.positions, begins={"others/0": 900})
    assert rest.positions.get("others/0", begin.positions["others/0"]).offset == 700
