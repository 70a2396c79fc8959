"""Partials as messages: whole or in pieces, below what a broker takes; what does not fit is left out or named."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from detectors.exact_sums import LIMBS
from detectors.outages.areas import Sums
from schemas.partial import MAX_AREAS, MAX_BYTES, decode_partial, encode
from streams.config.area_spec import Area
from streams.config.settings import Settings
from streams.ingest.series_index import Series
from streams.pipeline.areas.cells import Partial
from streams.pipeline.areas.gathering import Gathering
from streams.pipeline.areas.partials import AreaSumSource, nothing, partial_of, pieces_of, place_of
from streams.state.area_stage import AreaStage
from tests.streams import divided
from tests.streams.divided import Divided, split, traffic
from tests.streams.helpers import HOUR, START, records

SOURCE = AreaSumSource("gauge", "gauge", HOUR, 1)


def partial(areas: int, start: int = START) -> Partial:
    """A partial of regions with long names and the largest numbers that a sum may have."""
    names = [f"IR-{number:05}{'é' * 56}" for number in range(areas)]
    found = [Area(Series(f"region/{name}", (("access", "mobile"),), "IR", name), 1) for name in names]
    limbs = np.full((len(Sums._fields), LIMBS, areas), 2.0**53 - 1)
    limbs[:, 0, ::2] = 0
    return Partial(start, 7, True, True, {"region+access": (found, limbs)})


@pytest.mark.parametrize("areas", [0, 1, MAX_AREAS, 2 * MAX_AREAS + 1])
def test_pieces_come_back_as_what_they_were(areas: int) -> None:
    """Through bytes; none is longer than a broker takes, however long the names and large the numbers."""
    whole = partial(areas)
    messages = [encode(piece) for piece in pieces_of(SOURCE, whole)]
    assert len(messages) == max(1, -(-areas // MAX_AREAS))
    assert max(map(len, messages)) < MAX_BYTES * 0.9
    again = partial_of([decode_partial(message) for message in messages])
    assert again[:4] == whole[:4]
    assert again.sums["region+access"][0] == whole.sums["region+access"][0]
    assert (again.sums["region+access"][1] == whole.sums["region+access"][1]).all()


def test_a_partial_is_told_with_its_last_piece() -> None:
    """One that broke off and comes again replaces itself; nothing closes before it is whole."""
    pieces = list(pieces_of(SOURCE, partial(2 * MAX_AREAS + 1)))
    gathering = Gathering()
    for piece in (*pieces[:2], *pieces[:2]):
        assert gathering.put(piece, encode(piece), None)
        assert gathering.ready([1]) == []
    gathering.put(pieces[2], encode(pieces[2]), None)
    assert (gathering.ready([1]), gathering.ready([0, 1])) == ([START], [])
    (found,) = gathering.pop(START)
    assert len(found.sums["region+access"][0]) == 2 * MAX_AREAS + 1


def test_what_is_repeated_is_not_late_and_what_was_denied_is() -> None:
    """A bin that has closed: told before and again, or told to be empty and then not."""
    (piece,), gathering = pieces_of(SOURCE, partial(3)), Gathering()
    gathering.put(piece, encode(piece), None)
    gathering.pop(START)
    assert gathering.put(piece, encode(piece), START)
    other = msgspec.structs.replace(piece, shard=0)
    (denied,) = nothing(SOURCE._replace(shard=0), ["region+access"], START)
    gathering.put(denied, encode(denied), START)
    assert not gathering.put(other, encode(other), START)
    assert gathering.waiting == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"piece": 1},
        {"start": START + 1},
        {"ranks": [1]},
        {"sums": {"value": [1.5, 0, 0]}},
        {"ranks": [1, 1, 9]},
        {"x": 1},
    ],
)
def test_what_is_no_partial(changes: dict[str, object]) -> None:
    """A piece beyond the last, a start within a bin, lists of other lengths, numbers that no limb has, other fields."""
    (piece,) = pieces_of(SOURCE, partial(3))
    with pytest.raises(msgspec.DecodeError):
        decode_partial(msgspec.json.encode({**msgspec.to_builtins(piece), **changes}))


def stage_with(settings: Settings) -> tuple[int, AreaStage]:
    """Return the stage that sums the countries of gauges, and its number."""
    number = place_of("gauge", "country", settings.kafka.partitions)
    return number, AreaStage(settings, number, {}, 0.0)


def test_messages_that_are_none_and_those_of_other_settings() -> None:
    """The first are named by their offset, once; the others are left out, as is what is of no partition of now."""
    settings = divided.settings(2, ("gauge",))
    number, stage = stage_with(settings)
    (good,) = nothing(SOURCE, ["country"], START)
    strange = [{"kind": "count"}, {"bin": 2 * HOUR, "start": 0}, {"areas": "asn"}, {"feed": "x"}, {"shard": 2}]
    others = [encode(msgspec.structs.replace(good, **change)) for change in strange]  # type: ignore[arg-type]
    emitted = stage.process(records([b"{", None, *others, b"[]"]), 0.0)
    assert [line.split(":")[0] for line in emitted.unreadable] == [
        f"partition {number}, offset {at}" for at in (0, 1, 7)
    ]
    assert (emitted.bin_reports, stage.sites["gauge", "country"].gathering.reported) == ([], {})


def test_what_a_newer_version_wrote_is_said_to_be_so() -> None:
    """An older worker beside it leaves the message out, and says in one line what to do."""
    number, stage = stage_with(divided.settings(2, ("gauge",)))
    (good,) = nothing(SOURCE, ["country"], START)
    newer = msgspec.json.encode({**msgspec.to_builtins(good), "learnt_later": 1})
    (line,) = stage.process(records([newer]), 0.0).unreadable
    assert line.startswith(f"partition {number}, offset 0: not a partial: Object contains unknown field")
    assert line.endswith("a newer version wrote it, run that one everywhere")


def test_combinations_start_anew_when_their_bins_change_and_are_dropped_with_their_settings() -> None:
    """What is known of sums of hours says nothing of those of half-hours; rows of what is not asked for go."""
    settings = divided.settings(1, ("gauge",))
    done = Divided(settings, split(traffic(1, ("gauge",)), dict.fromkeys(range(1, 9), 0), 1)).run()
    done.save()
    table = done.stages[0].store.table
    fewer = msgspec.structs.replace(settings.feeds["gauge"], areas=("country",))
    again = AreaStage(msgspec.structs.replace(settings, feeds={"gauge": fewer}), 0, table, 0.0)
    assert again.series("gauge") == len(done.stages[0].sites["gauge", "country"].summed.index) > 0
    again.save(0.0)
    assert not [key for key in table if b"/gauge/region" in key and key.startswith(b"areas:")]
    narrow = msgspec.structs.replace(fewer, bin=type(fewer.bin)(HOUR / 2))
    assert AreaStage(msgspec.structs.replace(settings, feeds={"gauge": narrow}), 0, table, 0.0).series("gauge") == 0


def test_the_place_of_a_combination_stays() -> None:
    """It must not change with a version: what was told lies there."""
    assert [place_of("reach", name, 4) for name in ("country", "region", "region+access")] == [0, 3, 2]
