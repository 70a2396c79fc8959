"""Reading values by layout: the outcome is that of decoding them, whatever they hold and whatever is known."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.decode import Decoded, decode, decode_parts
from schemas.measurement import Measurement
from streams.ingest import layout_cache, message_reader
from streams.ingest.columns import Reader
from streams.ingest.message_reader import Pool, read
from streams.pipeline.feed import Feed
from tests.schemas.examples import MEASUREMENTS, VALUES, message
from tests.streams import helpers

PLAIN = {"bgp", "flows", "a"}
ODD: list[bytes | None] = [b"", b"{", b"[]", b"[1]", message(asn=0), message(of=2), message(feed="other")]


def texts_of(feed: str) -> st.SearchStrategy[bytes]:
    """Return texts of measurements that have, most of them, a layout."""
    number = st.integers(0, 10**9) | st.decimals(0, 10**6, places=3) | st.sampled_from(["00", "1.", "1e3", "-1"])
    asn = st.integers(0, 10**8) | st.none()
    blank = st.sampled_from(["", " ", "\t", "  "])
    pairs = st.tuples(
        number.map(lambda ts: f'"ts":{ts}'),
        asn.map(lambda asn: f'"asn":{asn if asn is not None else "null"}'),
        st.sampled_from(["", '"value":7', '"value" : 0.25', '"region":"IR-30"', '"service":"v\u00f6ip"', '"up":true']),
    )
    return st.builds(
        lambda pairs, blank: f'{{{blank}"feed":"{feed}",{f"{blank},".join(p for p in pairs if p)}{blank}}}'.encode(),
        pairs.flatmap(st.permutations),
        blank,
    )


_TEXTS = st.lists(texts_of("a") | texts_of("b") | st.sampled_from(MEASUREMENTS), max_size=4)
_ARRAYS = st.builds(
    lambda texts, comma, end: b"[%b%b" % (comma.join(texts), end),
    _TEXTS,
    st.sampled_from([b",", b", ", b",,", b" ", b" , ", b"}{"]),
    st.sampled_from([b"]", b" ]", b"", b"] ", b"]]", b",]"]),
)


def decoded(values: list[bytes | None], reader: Reader) -> message_reader.Read:
    """What decoding says of values."""
    every = decode(values)
    return message_reader.Read(
        every.measurements, every.source, reader.columns([reader.look(every.measurements)]), every.dead
    )


def all_of(found: message_reader.Read) -> tuple[object, ...]:
    """All that is read, as values that can be compared."""
    columns = [column.tolist() for column in found.columns]
    return list(found.measurements), list(found.source), columns, found.dead


def check(values: list[bytes | None], reader: Reader) -> message_reader.Read:
    """Read values, and see that all is as decoding says."""
    found = read(values, reader)
    assert all_of(found) == all_of(decoded(values, reader))
    return found


def shuffled(value: bytes | None, seed: int) -> bytes | None:
    """Return a value with other digits."""
    digit = random.Random(seed)
    return value and re.sub(rb"[0-9]", lambda _: str(digit.randrange(10)).encode(), value)


def traffic(count: int, seed: int = 1) -> list[bytes | None]:
    """Return measurements of some layouts."""
    rng = random.Random(seed)
    return [
        message(ts=1577254200 + at, asn=rng.randrange(1, 10**6), value=rng.randrange(10**4), region=rng.choice("AB"))
        .replace(b'"A"', b'"IR-Fars"')
        .replace(b'"B"', b'"IR-30"')
        for at in range(count)
    ]


@settings(deadline=None)
@given(st.lists(st.one_of(VALUES, texts_of("a"), _ARRAYS), max_size=12), st.integers())
@example([b'[{"feed":"a","ts":1,"asn":1}', b'{"feed":"a","ts":1,"asn":1}]'], 1)
@example([b'{"feed":"a","ts":1,"asn":1}\0', b'{"feed":"a","ts":1,"asn":1}'], 1)
def test_reading_is_decoding(values: list[bytes | None], seed: int) -> None:
    """The same measurements, columns, sources and dead letters: with nothing known, with layouts, with other digits."""
    reader = Reader(PLAIN)
    others = [shuffled(value, seed) for value in values]
    for run in (values, values, others, [*others, *values, *values], values):
        assert all_of(read(run, reader)) == all_of(decoded(run, reader))


@pytest.mark.parametrize("odd", [None, *ODD])
def test_most_are_never_decoded(monkeypatch: pytest.MonkeyPatch, odd: bytes | None) -> None:
    """Once layouts are known, what has one stays text, also beside what has none or is dead, in order."""
    reader, values = Reader(PLAIN), traffic(300)
    check(values, reader)
    decoding = _Counted()
    monkeypatch.setattr(message_reader, "decode_parts", decoding)
    mixed = [*values[:100], *([odd] if odd is not None else []), *values[100:]]
    found = check(mixed, reader)
    assert isinstance(found.measurements, Pool)
    assert decoding.seen == ([odd] if odd is not None else [])


@pytest.mark.parametrize(
    ("fields", "is_by_layout"),
    [
        ({"country": "ir"}, True),
        ({"region": "ir-30"}, False),
        ({"asn": "AS64500"}, False),
        ({"ts": 1577254200000}, False),
        ({"ts": "2019-12-25T06:05:00+0000"}, False),
    ],
)
def test_other_forms_are_read_by_layout_or_decoded(fields: dict[str, object], is_by_layout: bool) -> None:
    """Both give the canonical measurement, again and again, with other digits too."""
    reader = Reader(PLAIN)
    values: list[bytes | None] = [message(**fields, value=at) for at in range(100)]
    found = [check(run, reader) for run in (values, values, [shuffled(value, 1) for value in values])]
    assert isinstance(found[1].measurements, Pool) == is_by_layout
    assert {m.region or m.country for m in found[1].measurements} <= {"IR", "IR-30", None}


class _Counted:
    """Decodes, and remembers what."""

    def __init__(self) -> None:
        self.seen: list[bytes | None] = []

    def __call__(self, texts: Sequence[bytes | None], first: int = 0) -> Iterator[Decoded]:
        self.seen += texts
        return decode_parts(texts, first)


@pytest.mark.parametrize("comma", [b",", b", "])
def test_arrays_are_read_by_layout(monkeypatch: pytest.MonkeyPatch, comma: bytes) -> None:
    """Several at once, of different lengths; each measurement comes of its own element."""
    reader, texts = Reader(PLAIN), [text for text in traffic(500) if text]
    cuts = [0, 1, 4, 200, 201, 499, 500]
    arrays: list[bytes | None] = [b"[%b]" % comma.join(texts[a:b]) for a, b in pairwise(cuts)]
    check(arrays, reader)
    decoding = _Counted()
    monkeypatch.setattr(message_reader, "decode_parts", decoding)
    assert isinstance(check(arrays, reader).measurements, Pool)
    assert not decoding.seen
    for odd in (b"[]", b"[%b %b]" % (texts[0], texts[1]), b"[%b, 1]" % texts[0], None, texts[0]):
        check([*arrays[:3], odd, *arrays[3:]], reader)


@pytest.mark.parametrize("value", [b"[%b]" % b",".join([b"{"] * 9_000), b"[%b]" % b",".join([message()] * 10_001)])
def test_arrays_keep_their_bounds(value: bytes) -> None:
    """Rows that would take far more memory than the text are not made, and no more elements are taken than may be."""
    reader = Reader(PLAIN)
    check([message(member="x" * 90)], reader)
    assert not isinstance(check([value, value], reader).measurements, Pool)


def test_it_is_tried_ever_less_where_it_fails() -> None:
    """So what has no layout costs next to nothing; what has one is read by it again as soon as it is tried."""
    reader = Reader(PLAIN)
    tried = [not reader.layouts.is_resting() for _ in range(200) if not check([message(of=9)], reader).dead]
    assert sum(tried) < 20
    assert any(isinstance(check(traffic(9), reader).measurements, Pool) for _ in range(140))


def test_layouts_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """With that many known no more are learnt, and those that are known are still read."""
    monkeypatch.setattr(layout_cache, "_MOST", 3)
    reader = Reader(PLAIN)
    for many in range(1, 30):
        check([message(member="x" * many)] * 3, reader)
    assert len(reader.layouts._layouts) == 4
    assert any(isinstance(check([message(member="x")] * 3, reader).measurements, Pool) for _ in range(70))


def test_columns_alone_lead_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outages, dead letters and counts of all kinds of feeds are those of decoding everything."""
    settings, values = helpers.settings(), helpers.traffic(5)
    cuts = range(0, len(values), 40)
    by_layout = helpers.run(settings, values, cuts).ran()
    monkeypatch.setattr(Feed, "is_columnar", False)
    assert helpers.run(settings, values, cuts).ran() == by_layout


def test_a_pool_is_a_sequence() -> None:
    """Its parts too; what was decoded stays as it is."""
    measurement = Measurement(feed="bgp", ts=1, asn=2)
    pool = Pool([message(), measurement])
    assert len(pool) == 2
    assert pool[1] is measurement
    assert pool[0].feed == pool[:1][0].feed == "bgp"
