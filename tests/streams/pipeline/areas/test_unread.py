"""Areas over a gap: measurements that a partition never read make the sums of their bins unknown, not low."""

from __future__ import annotations

import orjson
import pytest

from schemas.outage import Outage, decode_outage
from schemas.partial import AreaSumPart, decode_partial
from schemas.times import parse_time
from streams.config.settings import Settings
from tests.streams import divided
from tests.streams.divided import NETWORKS, Divided, Values, split, traffic
from tests.streams.helpers import HOUR, KINDS, START

HOMES = {asn: asn % 2 for asn in range(1, NETWORKS + 1)}
DARK = range(18, 28)
GAP = range(20, 23)


def logs_of(kind: str) -> list[Values]:
    """Return the logs of two partitions; a region, with networks in both, is dark for a while."""
    return split(traffic(3, (kind,), 34, DARK), HOMES, 2)


def hour_of(value: bytes | None) -> int:
    """Return the hour of a measurement."""
    return (int(orjson.loads(value or b"")["ts"]) - START) // HOUR


def with_gap(settings: Settings, logs: list[Values], saved: bool) -> Divided:
    """Return what two partitions did, of which the first has lost its messages of the hours of the gap.

    `saved`: all stages are restored from their snapshots within the gap, as after a crash.
    """
    kept = [[value for value in logs[0] if hour_of(value) not in GAP], logs[1]]
    before = [sum(hour_of(value) < GAP.start for value in log) for log in kept]
    within = [sum(hour_of(value) <= GAP.stop for value in log) for log in kept]
    done = Divided(settings, kept)
    _read_to(done, before)
    done.partitions[0].note_gap()
    _read_to(done, within)
    return Divided(settings, kept, done, len(done.journal)).run() if saved else done.run()


def _read_to(done: Divided, ends: list[int]) -> None:
    for number, end in enumerate(ends):
        done.take(number, end - done.read[number])
    done.sum()
    done.save()


def revisions(done: Divided) -> list[Outage]:
    """Return the revisions of the dark region, each once, in order."""
    found = {outage.revision: outage for outage in map(decode_outage, done.sent) if is_whole_region(outage)}
    return [found[number] for number in sorted(found)]


def is_whole_region(outage: Outage) -> bool:
    """Whether an outage is of the dark region as a whole."""
    return outage.entity == "region/IR-12" and not outage.facets


def hours_until(outage: Outage) -> int:
    """Return the hour that has ended when a revision was made."""
    return int(parse_time(outage.updated_at) - START) // HOUR


def parts_of(done: Divided) -> list[tuple[AreaSumPart, bytes]]:
    """Return all parts of areas with their messages."""
    return [(decode_partial(message), message) for sent in done.partials for message in sent]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ratio"}))  # whose fall is no outage in so few bins
@pytest.mark.parametrize("saved", [False, True])
def test_an_outage_of_an_area_says_which_bins_are_missing(kind: str, saved: bool) -> None:
    """One partition has lost hours of an outage of a region: they are counted, have no value and close nothing."""
    done = with_gap(divided.settings(2, (kind,)), logs_of(kind), saved)
    parts = parts_of(done)
    unread = {(part.shard, (part.start - START) // HOUR) for part, _ in parts if part.unread is True}
    assert {(0, hour) for hour in GAP} <= unread
    assert {shard for shard, _ in unread} == {0}
    assert len({part.areas for part, _ in parts if part.unread is True}) == 3
    found = [outage for outage in revisions(done) if outage.missing_bins]
    assert found
    assert [outage.missing_bins for outage in found][-1] == len(unread)
    assert found[0].missing_bins == 1 and found[0].value is None
    assert found[-1].state in ("closed", "retracted")
    within = [outage for outage in revisions(done) if (0, hours_until(outage) - 1) in unread]
    assert {(outage.state, outage.value) for outage in within} == {(found[0].state, None)}


def test_parts_without_a_gap_keep_their_bytes() -> None:
    """The field is there only where it says something, so that a worker of an older version reads all others."""
    parts = parts_of(with_gap(divided.settings(2, ("gauge",)), logs_of("gauge"), saved=False))
    assert {b'"unread"' in message for _, message in parts} == {False, True}
    assert all((b'"unread":true' in message) == (part.unread is True) for part, message in parts)
    assert all(b'"unread"' not in message for part, message in parts if part.shard == 1)
