"""Areas: sums that mean the same from bin to bin, nothing counted twice, exact across shards, cuts and snapshots."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.outages.areas import Sums
from schemas.outage import decode_outage, outage_id
from schemas.times import format_time
from streams.config.area_spec import combination
from streams.evaluation.explain import Question, explain
from streams.pipeline.shard import Shard
from streams.state.shard_restore import restore
from streams.state.shard_rows import dump, heads, summed_rows
from tests.streams import area_helpers, helpers
from tests.streams.area_helpers import gauges, placed, revisions, sums_of
from tests.streams.helpers import DAY, HOUR, KINDS, START, interrupted, message, run, same

DAYS = 24 * 4
FEW = settings(max_examples=8)
SEEDS, CUTS = st.integers(0, 10_000), st.lists(st.integers(1, 1500), min_size=1, max_size=5)


def level(value: float, hours: int = DAYS, seed: int = 1) -> list[float | None]:
    """A steady gauge with a little noise."""
    rng = random.Random(f"{seed} {value}")
    return [value * rng.gauss(1, 0.005) for _ in range(hours)]


@FEW
@given(SEEDS, CUTS)
def test_any_cut_into_batches_gives_the_same_bytes_and_state(seed: int, cuts: list[int]) -> None:
    """Outages of areas, too, do not depend on where a run of records ends; nor does what the areas are made of."""
    values = placed(seed)
    whole, cut = run(area_helpers.settings(), values), run(area_helpers.settings(), values, cuts)
    assert cut.ran() == whole.ran()
    assert same(cut.shard, whole.shard)


@FEW
@given(SEEDS, CUTS, st.sampled_from([0, 2 * HOUR]))
def test_a_snapshot_at_any_point_continues_with_the_same_bytes(seed: int, cuts: list[int], forget: int) -> None:
    """After each cut a new shard takes over, cells that are forgotten or not."""
    settings = area_helpers.settings(forget_after=forget) if forget else area_helpers.settings()
    values = placed(seed, bins=28 if forget else 16, feeds=("count", "presence", "distinct") if forget else KINDS)
    whole = run(settings, values)
    outages, shard = interrupted(settings, values, cuts)
    assert outages == whole.outages
    assert same(shard, whole.shard)


def test_the_traffic_has_outages_of_areas_of_every_kind() -> None:
    """What the two tests above compare is something."""
    done = run(area_helpers.settings(), placed(1, bins=20))
    found = {
        (outage.feed, outage.entity)
        for outage in map(decode_outage, done.outages)
        if not outage.entity.startswith("asn/")
    }
    assert {feed for feed, _ in found} == set(KINDS)
    assert {entity for _, entity in found} >= {"region/IR-12", "region/KZ-75"}


def test_a_combination_without_state_starts_anew_and_one_without_settings_is_dropped() -> None:
    """Areas may be added and taken away; the feed's own series keep their state."""
    done = run(area_helpers.settings(("country", "region")), placed(1))
    shard = Shard(area_helpers.settings(("country", "asn")))
    useless = restore(shard, heads(done.shard), dump(done.shard, whole=True))
    assert {row.split("/")[2] for row in useless} == {"region"}
    assert len(shard.areas["count"].summed["country"].index) == 2
    assert len(shard.areas["count"].summed["asn"].index) == 0
    plain = Shard(helpers.settings())
    useless = restore(plain, heads(done.shard), dump(done.shard, whole=True))
    assert {row.split("/")[1] for row in useless} == {"cells", "area"}
    assert not restore(Shard(area_helpers.settings()), heads(plain), dump(plain, whole=True))


def test_sums_of_every_kind_are_exact() -> None:
    """Last level by network and region, counts, different members, pooled trials, members: added up by area."""
    settings, at = area_helpers.settings(("country", "region+access")), START + 60
    where = [(1, "IR-30", "mobile"), (1, "IR-12", "mobile"), (2, "IR-12", "fixed")]
    fields: list[dict[str, Any]] = [{"asn": asn, "region": region, "access": access} for asn, region, access in where]
    values = [message("gauge", at + n, value=10 + n, **place) for n, place in enumerate([*fields, fields[0]])]
    values += [message("count", at, value=2.5, **place) for place in fields]
    values += [message("distinct", at, member=name, **place) for place, name in product(fields, "aab")]
    values += [message("ratio", at, value=3, of=4, **place) for place in fields]
    values += [message("presence", at, member=name, up=name == "a", **place) for place, name in product(fields, "ab")]
    values += [message(kind, at + 2 * HOUR, member="a", up=True, region="IR-30") for kind in KINDS]
    found = dict(zip(KINDS, (summed for summed in sums_of(settings, values) if summed.start == START), strict=True))
    country = {kind: Sums.of(found[kind].sums["country"][1]) for kind in KINDS}
    assert [float(country[kind].value[0]) for kind in KINDS] == [13 + 11 + 12, 7.5, 6, 9, 3]
    assert [float(country[kind].size[0]) for kind in ("ratio", "presence")] == [12, 6]
    assert [float(country["presence"].lost[0]), float(country["presence"].back[0])] == [3, 0]
    areas, limbs = found["gauge"].sums["region+access"]
    names = [(area.series.entity, *dict(area.series.facets).values()) for area in areas]
    assert dict(zip(names, Sums.of(limbs).value.tolist(), strict=True)) == {
        ("region/IR-12", "fixed"): 12,
        ("region/IR-12", "mobile"): 11,
        ("region/IR-30", "mobile"): 13,
    }


def test_an_area_that_goes_dark_is_an_outage_with_the_id_of_its_series() -> None:
    """One region of a network that lies in two: the region is named, the country loses its part."""
    values = gauges({(1, "IR-30"): [*level(60), *[0.0] * 6], (2, "IR-12"): level(100, DAYS + 6)})
    done = run(area_helpers.settings(("country", "region"), ("gauge",)), values)
    found = [outage for outage in map(decode_outage, done.outages) if not outage.entity.startswith("asn/")]
    assert {(outage.entity, outage.state, outage.severity) for outage in found} == {
        ("country/IR", "open", "partial"),
        ("region/IR-30", "open", "total"),
    }
    opened = START + DAYS * HOUR
    assert {outage.outage_id for outage in found} >= {outage_id("gauge", "region/IR-30", {}, opened)}
    assert {(outage.entity, outage.country, outage.region) for outage in found} == {
        ("country/IR", "IR", None),
        ("region/IR-30", "IR", "IR-30"),
    }


@pytest.mark.parametrize("hours", [1, 7, 40])
def test_a_network_that_is_missing_is_no_fall(hours: int) -> None:
    """40 % of a country is not measured for an hour, for some, and for longer than it takes part; then it is back."""
    gap: list[float | None] = [*level(40), *[None] * hours, *level(40, 48, 2)]
    values = gauges({(1, "IR-30"): gap, (2, "IR-30"): level(60, DAYS + hours + 48)})
    assert revisions(run(area_helpers.settings(("country",), ("gauge",)), values).outages) == []


def test_what_is_unknown_is_not_guessed() -> None:
    """With more than half of it missing for hours, nothing is said of a country."""
    away: list[float | None] = [*level(60), *[None] * 15]
    values = gauges({(1, "IR-30"): away, (2, "IR-30"): [*level(40, DAYS + 3), *[2.0] * 12]})
    found = revisions(run(area_helpers.settings(("country",), ("gauge",)), values).outages)
    assert set(found) == {("asn/2",)}


def test_the_rest_of_a_country_falls_while_a_network_is_missing() -> None:
    """A fall is seen with its own depth, not hidden by what is missing."""
    gap: list[float | None] = [*level(40), *[None] * 12]
    values = gauges({(1, "IR-30"): gap, (2, "IR-30"): [*level(60, DAYS + 6), *[15.0] * 6]})
    done = run(area_helpers.settings(("country",), ("gauge",)), values)
    found = [outage for outage in map(decode_outage, done.outages) if outage.entity == "country/IR"]
    assert found[0].state == "open"
    assert found[-1].drop == pytest.approx(0.75, abs=0.03)


def test_a_ratio_of_networks_that_differ_is_no_fall_when_one_is_missing() -> None:
    """A network that nearly always answers is away; the other, which answers a third of the time, is as usual."""
    rng, values = random.Random(3), list[bytes | None]()
    for hour in range(DAYS + 12):
        at = START + hour * HOUR + 60
        share = {1: 0.97, 2: 0.33} if hour < DAYS else {2: 0.33}
        for asn, p in share.items():
            up = sum(rng.random() < p for _ in range(400))
            values.append(message("ratio", at, asn, country="IR", value=up, of=400))
    values.append(message("ratio", START + (DAYS + 14) * HOUR, 9, country="XX", value=1, of=1))
    assert revisions(run(area_helpers.settings(("country",), ("ratio",)), values).outages) == []


@pytest.mark.parametrize("kind", ["gauge", "count"])
def test_a_network_that_is_new_is_no_growth_that_falls_later(kind: str) -> None:
    """It doubles a country on the third day and is gone a day later, silent for good: its own matter."""
    values = list[bytes | None]()
    for hour in range(DAYS + 48):
        at, there = START + hour * HOUR + 60, 48 <= hour < 50
        selected = {1: 100, 2: 100} if there else {1: 100}
        values += [message(kind, at, asn, country="IR", value=v + hour % 3) for asn, v in selected.items()]
    values.append(message(kind, START + (DAYS + 50) * HOUR, 1, country="IR", value=100))
    found = revisions(run(area_helpers.settings(("country",), (kind,)), values).outages)
    assert ("country/IR",) not in found


def test_a_network_that_stays_is_part_of_its_country() -> None:
    """New on the third day, dark on the eighth: the country falls by its part, from what both usually hold."""
    new: list[float | None] = [*[None] * 48, *level(100, 120), *[0.0] * 6]
    values = gauges({(1, "IR-30"): level(100, 174), (2, "IR-30"): new})
    done = run(area_helpers.settings(("country",), ("gauge",)), values)
    found = [outage for outage in map(decode_outage, done.outages) if outage.entity == "country/IR"]
    assert found[0].state == "open"
    assert found[0].expected == pytest.approx(200, rel=0.02)
    assert found[0].drop == pytest.approx(0.5, abs=0.02)


def test_a_network_that_returns_with_a_third_lowers_its_country_at_once_and_a_fall_of_all_is_found() -> None:
    """Away for a day and a half: a country of ten lacks its part from the return on; later all of them fall by half."""
    away, back, dark = 8 * 24, 8 * 24 + 36, 8 * 24 + 60
    names = {(asn, "IR-30"): [*level(60, dark, asn), *level(30, 12, asn)] for asn in range(2, 11)}
    returned = [*level(260, away), *[None] * 36, *level(78, 24, 2), *level(39, 12, 3)]
    done = run(area_helpers.settings(("country",), ("gauge",)), gauges({(1, "IR-30"): returned, **names}))
    found = [outage for outage in map(decode_outage, done.outages) if outage.entity == "country/IR"]
    assert [(outage.started_at, outage.state) for outage in found[:1]] == [(format_time(START + back * HOUR), "open")]
    before = [outage for outage in found if outage.updated_at <= format_time(START + dark * HOUR)]
    assert before[-1].max_drop == pytest.approx(182 / 800, abs=0.02)
    assert found[-1].max_drop == pytest.approx(1 - (39 + 270) / 800, abs=0.02)
    assert {outage.outage_id for outage in found} == {found[0].outage_id}


def test_an_area_that_is_measured_itself_is_not_derived() -> None:
    """A region's own series goes dark while its networks do not: one outage, of the region, from its own values."""
    lines = gauges({(1, "IR-30"): level(60, DAYS + 6)})
    whole = [*level(500), *[5.0] * 6]
    own = [
        place(START + hour * HOUR + 30, region="IR-30", country="IR", value=value) for hour, value in enumerate(whole)
    ]
    values = sorted([*own, *lines], key=time_of)
    done = run(area_helpers.settings(("region", "country"), ("gauge",)), values)
    found = [decode_outage(sent) for sent in done.outages]
    assert [(outage.entity, outage.value) for outage in found] == [("region/IR-30", 5.0)]
    assert len(done.shard.areas["gauge"].summed["region"].index) == 0
    country = done.shard.areas["gauge"].summed["country"]
    assert country.index.by_series.keys() == {("country/IR", ())}
    assert country.base[country.index.by_series["country/IR", ()]] == pytest.approx(60, rel=0.02)


def place(ts: float, **fields: object) -> bytes:
    """A gauge of a place, without a network."""
    return orjson.dumps({"feed": "gauge", "ts": ts, **fields})


def time_of(value: bytes | None) -> float:
    """The event time of a message."""
    return float(orjson.loads(value or b"{}")["ts"])


def test_regions_add_up_to_a_country_where_there_are_no_networks() -> None:
    """A feed that measures regions has countries, too; where a network comes, the country is summed anew from that."""
    regions = [
        place(START + hour * HOUR + 60, region=region, value=value)
        for hour in range(DAYS + 4)
        for region, value in (("IR-30", 50 + hour % 2), ("IR-12", 70 if hour < DAYS else 0))
    ]
    values = [*regions, place(START + (DAYS + 6) * HOUR, region="IR-30", value=50)]
    done = run(area_helpers.settings(("country",), ("gauge",)), values)
    assert revisions(done.outages, "open") == [("region/IR-12",), ("country/IR",)]
    done.take([message("gauge", START + (DAYS + 6 + n) * HOUR + 60, 7, country="IR", value=9) for n in range(1, 12)])
    assert revisions(done.outages, "expired") == [("country/IR",)]
    assert done.shard.areas["gauge"].summed["country"].rank[0] == 1


def test_a_combination_takes_what_has_its_facets_and_sums_over_others() -> None:
    """Mobile lines of a country abroad; what has no direction is not among them."""
    settings = area_helpers.settings(("country+direction", "country+access+direction", "country+service"), ("count",))
    place = {"country": "IR", "access": "mobile", "direction": "international"}
    lots = [
        place,
        {**place, "access": "fixed"},
        {**place, "direction": "domestic"},
        {"country": "IR", "access": "mobile"},
    ]
    values = [message("count", START + n, 1, value=2**n, **lot) for n, lot in enumerate(lots)]
    closing = message("count", START + 2 * HOUR, 1, country="IR")
    (found,) = (summed for summed in sums_of(settings, [*values, closing]) if summed.start == START)
    areas, limbs = found.sums["country+direction"]
    assert [dict(area.series.facets)["direction"] for area in areas] == ["domestic", "international"]
    assert Sums.of(limbs).value.tolist() == [4, 3]
    areas, limbs = found.sums["country+access+direction"]
    assert [tuple(dict(area.series.facets).values()) for area in areas] == [
        ("fixed", "international"),
        ("mobile", "domestic"),
        ("mobile", "international"),
    ]
    assert Sums.of(limbs).value.tolist() == [2, 4, 1]
    assert found.sums["country+service"][0] == []


def test_areas_of_a_feed_at_fault_are_only_suspected() -> None:
    """Twelve networks of two countries fall together: too few areas to tell, but the networks do."""
    dark = {(asn, f"{'IR' if asn % 2 else 'KZ'}-1"): [*level(100, seed=asn), *[20.0] * 4] for asn in range(1, 13)}
    done = run(area_helpers.settings(("country",), ("gauge",)), gauges(dark))
    found = [outage for outage in map(decode_outage, done.outages) if outage.entity.startswith("country/")]
    assert {outage.state for outage in found} == {"suspected"}
    assert {outage.explain["held"] for outage in found} == {"feed"}


def test_areas_of_a_feed_that_stops_expire() -> None:
    """An outage that was open when all fell silent is unknown, like that of a network."""
    values = gauges({(1, "IR-30"): [*level(60), *[0.0] * 4], (2, "IR-12"): level(90, DAYS + 4)})[:-1]
    done = run(area_helpers.settings(("region",), ("gauge",), max_ahead=30 * DAY), values)
    done.take([message("gauge", START + (DAYS + 40) * HOUR, 2, region="IR-12", value=90)])
    assert revisions(done.outages, "expired") == [("asn/1",), ("region/IR-30",)]


def test_a_withdrawn_outage_of_an_area_does_not_come_back_from_a_snapshot() -> None:
    """What ends between two bins is in the snapshot before the next bin closes."""
    values = gauges({(1, "IR-30"): [*level(60), *[0.0] * 4], (2, "IR-12"): level(90, DAYS + 4)})
    (areas,) = run(area_helpers.settings(("region",), ("gauge",)), values).shard.areas.values()
    (summed,) = areas.summed.values()
    list(summed_rows(summed))
    assert [change.state for _, change in areas.withdraw(START + (DAYS + 4) * HOUR, START)] == ["retracted"]
    assert "ongoing" in dict(summed_rows(summed))


def test_an_area_without_cells_is_forgotten() -> None:
    """Its row is free for another, its baseline gone."""
    settings = area_helpers.settings(("region",), ("gauge",), forget_after=DAY)
    values = gauges({(1, "IR-30"): level(60, 24), (2, "IR-12"): level(90, DAYS)})
    summed = run(settings, values).shard.areas["gauge"].summed["region"]
    assert [series and series.entity for series in summed.index.rows] == ["region/IR-12", None]
    assert float(summed.detector.state.store.levels.level[1]) == 0


@pytest.mark.parametrize("text", ["", "city", "country+", "country+speed", "access", "country+access+access"])
def test_what_is_no_combination(text: str) -> None:
    """Refused in a line that says what may stand there."""
    with pytest.raises(ValueError, match="an area is one of country, region, asn"):
        combination(text)


def test_explain_knows_areas(tmp_path: Path) -> None:
    """A country that nobody measured has a table of what its networks add up to."""
    file = tmp_path / "measurements.jsonl"
    values = gauges({(1, "IR-30"): [*level(60), *[0.0] * 6], (2, "IR-12"): level(40, DAYS + 6)})
    file.write_bytes(b"\n".join(filter(None, values)))
    settings, question = area_helpers.settings(("country",), ("gauge",)), Question("country/IR", at=START + DAYS * HOUR)
    (view,) = explain(settings, question, [str(file)], lambda: helpers.LATER, lambda _: None).views
    dark = [bin_ for bin_ in view.bins if bin_.start >= START + DAYS * HOUR]
    assert [bin_.why for bin_ in dark[:3]] == ["below", "fired", "followed"]
    assert dark[0].value == pytest.approx(40, rel=0.03)
    assert dark[0].expected == pytest.approx(100, rel=0.03)
