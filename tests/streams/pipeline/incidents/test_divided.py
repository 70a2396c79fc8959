"""Incidents over several partitions with areas: those that `ebbtide detect` finds in all measurements at once."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as example
from hypothesis import strategies as st

from schemas.bin_report import encode as encode_bin_report
from schemas.incident import encode
from streams.config.settings import Settings
from streams.evaluation.detect import incident_lines
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import pieces_of
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from streams.state.incident_stage import IncidentStage
from tests.streams import divided
from tests.streams.divided import NETWORKS, Divided, Values, split, traffic
from tests.streams.helpers import LATER, records

KINDS = ("gauge", "count")
HOMES = st.lists(st.integers(0, 3), min_size=NETWORKS, max_size=NETWORKS)


class Grouped(Divided):
    """The same with the stage of incidents behind it. `topic`: the findings, as each was sent."""

    def __init__(self, settings: Settings, logs: Sequence[Values]) -> None:
        super().__init__(settings, logs)
        self.topic: list[bytes] = []
        self.incidents = IncidentStage(settings, 0, {}, 0.0)
        self.revisions: list[bytes] = []

    def publish(self, emitted: Emitted) -> None:
        """Send bin reports, too, and group what comes of each."""
        super().publish(emitted)
        for piece in (piece for report in emitted.bin_reports for piece in pieces_of(report)):
            self.topic.append(encode_bin_report(piece))
            grouped = self.incidents.process(records(self.topic[-1:], len(self.topic) - 1), 0.0)
            assert grouped.unreadable == []
            self.revisions += map(encode, grouped.incidents)


def placed(seed: int) -> list[tuple[int, bytes]]:
    """Return traffic of which countries are known."""
    found = [(asn, orjson.loads(value)) for asn, value in traffic(seed, KINDS)]
    return [(asn, orjson.dumps({"country": fields["region"][:2], **fields})) for asn, fields in found]


def homes_of(homes: Sequence[int], partitions: int) -> dict[int, int]:
    """Return the partition of each network. Some partitions may have none, and some feeds may stop in some."""
    return {asn: home % partitions for asn, home in enumerate(homes, 1)}


def detected(settings: Settings, messages: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Return what `ebbtide detect --incidents` finds in all messages, before the end of the input."""
    shard, values = Shard(settings), [value for _, value in messages]
    steps = (process(shard, Tally(), values, range(len(values)), LATER) for _ in (0,))
    lines = list(incident_lines(shard, steps))
    return [line.rstrip(b"\n") for line in lines[0]]


@example(max_examples=6)
@given(st.integers(0, 10_000), HOMES, st.sampled_from([1, 2, 4]), st.sampled_from([170, 100_000]))
def test_any_split_makes_the_incidents_of_one(seed: int, homes: list[int], partitions: int, every: int) -> None:
    """Networks spread at random: byte by byte the same, in the same order."""
    settings, messages = divided.settings(partitions, KINDS), placed(seed)
    logs = split(messages, homes_of(homes, partitions), partitions)
    assert Grouped(settings, logs).run(every).revisions == detected(settings, messages)


@pytest.mark.parametrize(
    ("seed", "homes", "partitions"),
    [
        (3, [0] * NETWORKS, 4),
        (3, [*[0] * 7, 2], 2),
        (3, [*[0] * 7, 3], 4),
        (6818, [0, 0, 0, 0, 1, 0, 0, 0], 4),
        (0, [0, 0, 2, 1, 2, 0, 0, 3], 4),
    ],
)
def test_empty_and_sparse_partitions(seed: int, homes: list[int], partitions: int) -> None:
    """Incidents wait for areas whatever silent partitions said last, and keep the time of the report. A network moves
    to the country that a measurement names which waited to be believed.
    """
    settings, messages = divided.settings(partitions, KINDS), placed(seed)
    logs = split(messages, homes_of(homes, partitions), partitions)
    assert Grouped(settings, logs).run(170).revisions == detected(settings, messages)


@pytest.mark.parametrize("partitions", [1, 3])
def test_what_is_compared_is_something(partitions: int) -> None:
    """Regions are down by their sums and networks by their own: one incident, found by both feeds."""
    settings, messages = divided.settings(partitions, KINDS), placed(3)
    done = Grouped(settings, split(messages, homes_of(range(1, NETWORKS + 1), partitions), partitions)).run()
    assert done.revisions == detected(settings, messages)
    last = {incident["incident_id"]: incident for incident in map(orjson.loads, done.revisions)}
    assert any(
        incident["scope"]["regions"] and incident["scope"]["asns"] and incident["ended_at"]
        for incident in last.values()
    )
