"""The mapping: JSON of others to rows, what is left out, and what is rejected and why."""

from __future__ import annotations

import json

import pytest

from streams.config.errors import SettingsError
from streams.config.settings import from_builtins
from streams.sources.json_decoder import JsonDecoder
from streams.sources.records import LineRecord
from tests.streams.sources.helpers import TOPIC, decoded, line, settings

NOW = 1_466_089_500  # Unix seconds

TS = 'ts = "t"'
PLAIN = f'{TS}\nasn = "a"'


@pytest.mark.parametrize(
    ("origin", "value"),
    [
        ('"t"', 1_466_089_500.25),
        ('"t"', "1466089500.25"),
        ('{ path = "t", unit = "ms" }', 1_466_089_500_250),
        ('{ path = "t", unit = "us" }', 1_466_089_500_250_000),
        ('{ path = "t", unit = "ns" }', 1_466_089_500_250_000_000),
        ('{ path = "t", unit = "ns" }', "1466089500250000000"),
        ('{ path = "t", unit = "rfc3339" }', "2016-06-16T17:05:00.25+02:00"),
        ('{ path = "t", unit = "%Y-%m-%d %H:%M:%S.%f", zone = "Europe/Oslo" }', "2016-06-16 17:05:00.25"),
        ('{ path = "t", unit = "%d/%b/%Y:%H:%M:%S.%f %z" }', "16/Jun/2016:17:05:00.25 +0200"),
    ],
)
def test_times(origin: str, value: object) -> None:
    """Each unit and form gives the same moment."""
    (row,) = decoded(f'ts = {origin}\nasn = "a"', line({"t": value, "a": 3333})).rows
    assert row.ts == 1_466_089_500.25


PRESENT = {"s": NOW, "ms": 1_466_089_500_000, "us": 1_466_089_500_000_000, "ns": 1_466_089_500_000_000_000}


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        *[(unit, value) for unit in PRESENT for other, value in PRESENT.items() if other != unit],
        *[(unit, str(value)) for unit in PRESENT for other, value in PRESENT.items() if other != unit],
        ("s", "soon"),
        ("s", -1),
        ("s", 253_402_300_800),
        ("s", True),
        ("ms", "NaN"),
        ("rfc3339", "2016-06-16T17:05:00"),
        ("rfc3339", NOW),
        ("%Y", "1969"),
    ],
)
def test_bad_times(unit: str, value: object) -> None:
    """What is no time is rejected with the name of the field, and the records beside it are not."""
    zone = ', zone = "UTC"' if "%" in unit else ""
    good = line(
        {"t": "2016" if "%" in unit else "2016-06-16T17:05:00Z" if unit == "rfc3339" else PRESENT[unit], "a": 1}
    )
    found = decoded(f'ts = {{ path = "t", unit = "{unit}"{zone} }}\nasn = "a"', line({"t": value, "a": 3333}), good)
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(0, "bad-time")]
    assert found.rejected[0].detail.startswith("ts: t: ")
    assert [row.index for row in found.rows] == [1]


def test_networks_of_a_list_count_each() -> None:
    """A flow counts for source and destination, once where both are one; bad numbers are left out and counted."""
    pairs = [(3333, 1103), (3333, 3333), (0, 1103), (23_456, 64_512), ("AS1103", "3333"), (4_294_967_295, None)]
    records = [line({"t": NOW, "s": a, "d": b}, at) for at, (a, b) in enumerate(pairs)]
    found = decoded(f'{TS}\nasn = ["s", "d"]', *records)
    assert [(row.index, row.series[0]) for row in found.rows] == [
        (0, 3333),
        (0, 1103),
        (1, 3333),
        (2, 1103),
        (4, 1103),
        (4, 3333),
    ]
    assert (found.bad_networks, found.without_network, found.objects) == (5, 2, 6)


@pytest.mark.parametrize("asn", ["ASx", "-1", 4_294_967_296, 1.5, True, "AS12345678901234567890"])
def test_what_is_no_number_of_a_network_is_rejected(asn: object) -> None:
    """It is another thing than a number that is no network: the mapping is wrong."""
    found = decoded(PLAIN, line({"t": NOW, "a": asn}))
    assert ([rejected.reason for rejected in found.rejected], found.rows) == (["out-of-range"], [])


def test_values_by_a_second_name() -> None:
    """Bytes times the sampling rate; a rate of 0 counts as `zero` says, else the product is 0."""
    flows = [line({"t": NOW, "a": 1, "bytes": 70, "rate": rate}) for rate in (1000, 0, "10", 0.5)]
    fields = PLAIN + '\nvalue = { path = "bytes", times = "rate"%s }'
    assert [row.value for row in decoded(fields % ", zero = 1", *flows).rows] == [70_000, 70, 700, 35]
    assert [row.value for row in decoded(fields % "", *flows).rows] == [70_000, 0, 700, 35]


def test_large_values_are_exact() -> None:
    """2^60 + 1 stays what it is."""
    (row,) = decoded(f'{PLAIN}\nvalue = "v"', line({"t": NOW, "a": 1, "v": 2**60 + 1})).rows
    assert row.value == 2**60 + 1


@pytest.mark.parametrize("value", ["x", -1, 2**63, "inf", "nan", True, None, ""])
def test_bad_values(value: object) -> None:
    """Only numbers from 0 to 2^63; one that is missing has a reason of its own, and is never 0."""
    found = decoded(f'{PLAIN}\nvalue = "v"', line({"t": NOW, "a": 1, "v": value}))
    reason = "missing-field" if value in (None, "") else "out-of-range"
    assert ([rejected.reason for rejected in found.rejected], found.rows) == ([reason], [])


def test_a_product_that_is_too_large_is_rejected() -> None:
    """Each factor is a number, the product is not a sensible one."""
    fields = PLAIN + '\nvalue = { path = "v", times = "w" }'
    found = decoded(
        fields,
        line({"t": NOW, "a": 1, "v": 2**40, "w": 2**40}),
        line({"t": NOW, "a": 1, "v": 2, "w": 3}),
    )
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(0, "out-of-range")]
    assert [row.value for row in found.rows] == [6]


def test_dotted_paths_and_facets() -> None:
    """A dot leads into an object; what is absent there is absent; a constant is the same for all."""
    fields = f'{PLAIN}\ncountry = "geo.country"\nregion = "geo.sub.code"\ndirection = {{ const = "international" }}'
    found = decoded(
        fields,
        line({"t": NOW, "a": 1, "geo": {"country": "IR", "sub": {"code": "IR-30"}}}),
        line({"t": NOW, "a": 1, "geo": {"country": "IR"}}),
        line({"t": NOW, "a": 1, "geo": None}),
        line({"t": NOW, "a": 1}),
    )
    assert [row.series[1:] for row in found.rows] == [
        ("IR", "IR-30", None, "international", None),
        ("IR", None, None, "international", None),
        *[(None, None, None, "international", None)] * 2,
    ]


def test_key_header_and_time_of_the_message() -> None:
    """Fields may stand around the message."""
    fields = """
ts = { kafka_timestamp = true }
asn = { key = true }
country = { header = "cc" }"""
    record = LineRecord(b"{}", 0, b"AS3333", (("x", b"y"), ("cc", b"NL")), 1_466_089_500_250)
    decoder = JsonDecoder(settings(fields, source=TOPIC).sources["s"])
    (row,) = decoder.decode([record]).rows
    assert (row.ts, row.series[:2]) == (1_466_089_500.25, (3333, "NL"))
    without = decoder.decode([LineRecord(b"{}", 0)])
    assert [rejected.reason for rejected in without.rejected] == ["missing-field"]


def test_facets_that_a_worker_would_reject_are_rejected_here() -> None:
    """The reason names the field, so that no dead letter of the worker has to."""
    found = decoded(
        f'{PLAIN}\ncountry = "c"',
        *[line({"t": NOW, "a": 1, "c": country}) for country in ("NL", "Holland", 31, "")],
    )
    assert [(rejected.at, "country" in rejected.detail) for rejected in found.rejected] == [(1, True), (2, True)]
    assert [row.series[1] for row in found.rows] == ["NL", None]


def test_a_record_of_no_place_is_rejected() -> None:
    """Without a network, region or country nothing is measured."""
    found = decoded(f'{TS}\ncountry = "c"', line({"t": NOW, "c": "NL"}), line({"t": NOW}))
    assert [row.series[:2] for row in found.rows] == [(None, "NL")]
    assert [rejected.at for rejected in found.rejected] == [1]


def test_keep_leaves_out_and_counts() -> None:
    """Equality with one of the values, of any type; what is left out is no rejection."""
    more = "[sources.s.keep]\nevent = ['purge', 'end']\n'geo.v' = 4\nup = true"
    events = [("purge", 4, True), ("end", "4", True), ("start", 4, True), ("purge", 6, True), ("purge", 4, False)]
    records = [line({"t": NOW, "a": 1, "event": e, "geo": {"v": v}, "up": up}) for e, v, up in events]
    found = decoded(PLAIN, *records, more=more)
    assert ([row.index for row in found.rows], found.left_out, found.rejected) == ([0, 1], 3, [])


def test_several_objects_a_message() -> None:
    """One a line, as pmacct sends them, or an array; a line that is none is rejected by itself."""
    objects = [{"t": NOW, "a": n} for n in (1, 2, 3)]
    lines = b"\n".join(json.dumps(item).encode() for item in objects)
    found = decoded(PLAIN, line(lines, 0), line(objects, 1), line(lines + b"\n{\n", 2), line(objects[0], 3))
    assert [row.index for row in found.rows] == [0] * 3 + [1] * 3 + [2] * 3 + [3]
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(2, "not-json")]
    assert found.objects == 11


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not-json"),
        (b"x", "not-json"),
        (b"\xff\xfe{}", "not-json"),
        (b'{"t": NOW, "a": 1', "not-json"),
        (b"3", "wrong-type"),
        (b'{"t": [1], "a": 1}', "wrong-type"),
        (b"[" * 100_000, "wrong-type"),
        (b'{"x":' + b"[" * 100_000, "not-json"),
        (b'{"t": ' + b"9" * 10_000 + b', "a": 1}', "wrong-type"),
        (b'{"t": ' + b"9" * 400 + b', "a": 1}', "bad-time"),
        (b'{"t": 1e400, "a": 1}', "wrong-type"),
        (b'{"a": 1}', "missing-field"),
    ],
)
def test_what_is_no_object_is_rejected(value: bytes, reason: str) -> None:
    """Whatever the bytes are, one reason and one line; records beside it are read."""
    found = decoded(PLAIN, line({"t": NOW, "a": 1}), line(value), line({"t": NOW, "a": 1}))
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(1, reason)]
    assert "\n" not in found.rejected[0].detail
    assert [row.index for row in found.rows] == [0, 2]


def test_members_and_states() -> None:
    """Names are texts of visible characters, numbers are their text; a state has a few spellings."""
    states = [("7", True), (8, "down"), ("9", 1), ("", True), ("a\nb", True), ("c", "perhaps"), ("d", None)]
    records = [line({"t": NOW, "a": 1, "m": member, "u": up}) for member, up in states]
    found = decoded(f'{PLAIN}\nmember = "m"\nup = "u"', *records, kind="presence")
    assert [(row.member, row.up) for row in found.rows] == [("7", True), ("8", False), ("9", True)]
    assert [rejected.at for rejected in found.rejected] == [3, 4, 5, 6]


def test_more_successes_than_trials_are_rejected() -> None:
    """A ratio above one is a wrong mapping."""
    found = decoded(
        f'{PLAIN}\nvalue = "ok"\nof = "n"',
        *[line({"t": NOW, "a": 1, "ok": ok, "n": 3}) for ok in (3, 4)],
        kind="ratio",
    )
    assert ([(row.value, row.of) for row in found.rows], [r.at for r in found.rejected]) == ([(3, 3)], [1])


def test_places_are_written_one_way() -> None:
    """A country in lower case is the same series as in capitals, as for the worker; a wrong one is rejected."""
    records = [line({"t": NOW, "a": 1, "c": c, "r": r}) for c, r in (("ir", "ir-30"), ("IR", None), ("IRN", ""))]
    found = decoded(f'{TS}\nasn = "a"\ncountry = "c"\nregion = "r"', *records)
    assert [row.series[1:3] for row in found.rows] == [("IR", "IR-30"), ("IR", None)]
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(2, "out-of-range")]


def test_a_network_as_a_decimal_number_is_no_other_network() -> None:
    """A table with a hole has `3333.0`: as a number it is whole, as a text it may be asdot, and is rejected."""
    found = decoded(f'{TS}\nasn = "a"', *[line({"t": NOW, "a": asn}) for asn in (3333.0, "3333.0", 1.5)])
    assert [row.series[0] for row in found.rows] == [3333]
    assert [(rejected.at, rejected.reason) for rejected in found.rejected] == [(1, "out-of-range"), (2, "out-of-range")]
    assert "asdot" in found.rejected[0].detail


def test_a_bad_record_changes_nothing_for_its_neighbours() -> None:
    """The quick way of a sound chunk and the slow way of one with a fault give the same rows."""
    fields = f'{TS}\nasn = ["a", "b"]\nvalue = {{ path = "v", times = "w", zero = 2 }}\ncountry = "c"'
    records = [
        line({"t": NOW + n, "a": n % 5, "b": str(n), "v": n * 3, "w": n % 3, "c": "NL" if n % 2 else None}, n)
        for n in range(50)
    ]
    whole = decoded(fields, *records)
    disturbed = decoded(fields, *records, line(b"{", 50), line({"t": "x", "a": 1, "v": 1, "w": 1}, 51))
    assert (len(whole.rejected), len(disturbed.rejected)) == (0, 2)
    assert disturbed.rows == whole.rows


@pytest.mark.parametrize(
    ("fields", "kind", "fault"),
    [
        ('asn = "a"', "count", "has no `ts`"),
        (TS, "count", "none of `asn`, `country` and `region`"),
        (f"{PLAIN}\nvalue = 'v'", "ratio", "has no `of`"),
        (PLAIN, "distinct", "has no `member`"),
        (f"{PLAIN}\nup = 'u'\nmember = 'm'", "count", "no effect"),
        ('ts = { path = "t", unit = "%H:%M" }\nasn = "a"', "count", "zone"),
        ('ts = { path = "t", unit = "weeks" }\nasn = "a"', "count", "weeks"),
        ('ts = { path = "t", unit = "%H", zone = "Mars/Base" }\nasn = "a"', "count", "Mars/Base"),
        ('ts = { path = "t", key = true }\nasn = "a"', "count", "exactly one of"),
        (f'{TS}\nasn = {{ path = "a", unit = "ms" }}', "count", "for `ts` only"),
        (f'{PLAIN}\nvalue = {{ path = "v", zero = 1 }}', "count", "without `times`"),
        (f'{PLAIN}\ncountry = ["a", "b"]', "count", "country"),
        (f'{PLAIN}\nvelocity = "v"', "count", "velocity"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_at_once(fields: str, kind: str, fault: str) -> None:
    """In one line that names the source and the field."""
    with pytest.raises((ValueError, SettingsError), match=fault) as error:
        settings(fields, kind)
    assert "sources.s" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_source_needs_its_feed() -> None:
    """A feed that is not there is named."""
    with pytest.raises(ValueError, match=r"'g' is not in \[feeds\] - at `\$\.sources\.s\.feed`"):
        from_builtins({"sources": {"s": {"type": "files", "feed": "g", "fields": {"ts": "t", "asn": "a"}}}})
