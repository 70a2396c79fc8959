"""Decoding of what the topic `measurements` may hold: good values, and each way to be bad."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas.decode import RejectedValue, decode
from schemas.documents.generate import FOLDER
from schemas.measurement import entity_of
from schemas.validate import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS
from tests.schemas.examples import MEASUREMENTS, message

GOOD = MEASUREMENTS[0]


def dead_of(value: bytes | None) -> RejectedValue:
    """The one dead letter of a value that holds nothing good."""
    decoded = decode([value])
    assert decoded.measurements == []
    assert list(decoded.source) == []
    (dead,) = decoded.dead
    return dead


def test_examples_of_the_contract() -> None:
    """The examples decode to their fields, times become numbers, and the source is a range."""
    decoded = decode(MEASUREMENTS)
    atlas, bgp, reach, voip = decoded.measurements
    assert decoded.source == range(4)
    assert decoded.dead == []
    assert (atlas.feed, atlas.ts, atlas.member, atlas.up) == ("atlas", 1466089620, "12345", False)
    assert (atlas.value, atlas.of, atlas.country, atlas.access) == (1.0, 1.0, None, None)
    assert (bgp.ts, bgp.asn, bgp.country, bgp.value) == (1577253900.0, 197207, "IR", 1312.0)
    assert (reach.region, reach.access, reach.direction) == ("IR-30", "mobile", "international")
    assert (reach.value, reach.of) == (3.0, 60.0)
    assert (voip.service, voip.value) == ("skype", 0.0)
    assert [entity_of(m) for m in decoded.measurements] == ["asn/43754", "asn/197207", "asn/44244", "asn/29049"]


def test_nothing_decodes_to_nothing() -> None:
    """No values give no measurements, and so does an empty array."""
    for values in ([], [b"[]"]):
        decoded = decode(values)
        assert (decoded.measurements, list(decoded.source), decoded.dead) == ([], [], [])


def test_arrays_are_opened_in_order() -> None:
    """Measurements of arrays stand in order, each with the index of its message."""
    array = b"[" + b",".join(MEASUREMENTS[1:]) + b"]"
    decoded = decode([GOOD, array, b" [\n]\n", GOOD])
    assert [m.feed for m in decoded.measurements] == ["atlas", "bgp", "reach", "voip", "atlas"]
    assert list(decoded.source) == [0, 1, 1, 1, 3]
    assert decoded.dead == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"not JSON", "not-json"),
        (b'{"feed": "bgp", "ts": 1577254200, "asn": 1', "not-json"),
        (GOOD + GOOD, "not-json"),
        (b"\xef\xbb\xbf" + GOOD, "not-json"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "value": NaN}', "not-json"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "value": -Infinity}', "not-json"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "member": "\\ud800"}', "not-json"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "member": "\xff"}', "not-utf8"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "unknown": "\xed\xa0\x80"}', "not-utf8"),
        (b"null", "wrong-type"),
        (b'"text"', "wrong-type"),
        (b"1577254200", "wrong-type"),
        (message(feed=7), "wrong-type"),
        (message(ts=True), "wrong-type"),
        (message(ts=None), "wrong-type"),
        (message(asn=["44244"]), "wrong-type"),
        (message(asn=1.5), "wrong-type"),
        (message(value="3"), "wrong-type"),
        (message(value=None), "wrong-type"),
        (message(of=[1]), "wrong-type"),
        (message(member=12345), "wrong-type"),
        (message(up=1), "wrong-type"),
        (b'{"ts": 1577254200, "asn": 44244}', "missing-field"),
        (b'{"feed": "bgp", "asn": 44244}', "missing-field"),
        (message(access="wifi"), "out-of-range"),
        (message(direction="sideways"), "out-of-range"),
        (message(country="i1"), "out-of-range"),
        (message(asn="AS0"), "out-of-range"),
        (message(asn="AS4294967296"), "out-of-range"),
        (message(asn="1.65536"), "out-of-range"),
        (message(asn="AS64500,AS64501"), "out-of-range"),
        (message(country="IRN"), "out-of-range"),
        (message(region="30"), "out-of-range"),
        (message(region="IR-"), "out-of-range"),
        (message(region="IR-30\n"), "out-of-range"),
        (message(region="IR-\x1b[31m"), "out-of-range"),
        (message(region="IR-" + "x" * 62), "out-of-range"),
        (message(service=""), "out-of-range"),
        (message(service="Zoom\n<b>"), "out-of-range"),
        (message(service="Zoom\u202e"), "out-of-range"),
        (message(service="Cafe\u0301"), "out-of-range"),
        (message(member="probe\x1b[31m"), "out-of-range"),
        (message(member="e\u0301"), "out-of-range"),
        (message(region="VE-Anzoa\u0301tegui"), "out-of-range"),
        (message(service="x" * 65), "out-of-range"),
        (message(member="x" * 129), "out-of-range"),
        (message(feed=""), "out-of-range"),
        (message(feed="x" * 65), "out-of-range"),
        (message(asn=0), "out-of-range"),
        (message(asn=4_294_967_296), "out-of-range"),
        (message(value=-1), "out-of-range"),
        (message(value=-0.5), "out-of-range"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "value": 1e999}', "out-of-range"),
        (b'{"feed": "bgp", "ts": 1, "asn": 1, "of": 1e999}', "out-of-range"),
        (message(value=3, of=2), "out-of-range"),
        (message(value=1, of=0), "out-of-range"),
        (message(ts=-1), "bad-time"),
        (message(ts=-0.5), "bad-time"),
        (message(ts=253_402_300_800), "bad-time"),
        (b'{"feed": "bgp", "ts": 1e999, "asn": 1}', "bad-time"),
        (message(ts="25/12/2019 06:05:00Z"), "bad-time"),
        (message(ts="2019-12-25"), "bad-time"),
        (message(ts=1_577_254_200_000_000), "bad-time"),
        (message(ts="2019-12-25T06:05:00"), "bad-time"),
        (message(ts="2019-02-30T06:05:00Z"), "bad-time"),
        (message(ts="1969-12-31T23:59:59Z"), "bad-time"),
        (message(ts="9999-12-31T23:59:60Z"), "bad-time"),
        (message(ts="x" * 65), "bad-time"),
        (message(asn=None), "no-entity"),
        (b'{"feed": "bgp", "ts": 1577254200}', "no-entity"),
    ],
)
def test_each_way_to_be_bad(value: bytes | None, reason: str) -> None:
    """A bad value is one dead letter with its exact bytes and its reason, and harms no neighbour on either side."""
    dead = dead_of(value)
    assert (dead.index, dead.payload, dead.reason) == (0, value or b"", reason)
    among = decode([GOOD, value, MEASUREMENTS[1]])
    assert [m.feed for m in among.measurements] == ["atlas", "bgp"]
    assert list(among.source) == [0, 2]
    assert among.dead == [RejectedValue(1, dead.payload, dead.reason, dead.detail)]


@pytest.mark.parametrize(
    "value",
    [
        message(asn=None, country="IR"),
        message(asn=None, region="VE-Anzoátegui"),
        message(region="US-Arkansas-St. Francis"),
        message(region="IR-" + "x" * 61),
        message(access=None, direction=None, service=None, member=None, up=None),
        message(value=0, of=0),
        message(value=1312),
        message(value=1e308),
        message(asn=4_294_967_295, ts=0, member="\xe9"),
        message(ts=253_402_300_799.5),
        message(ts="2019-12-25t09:35:00.25+03:30"),
        b"\r\n " + GOOD + b"\t\n",
        b'{"feed": "old", "feed": "new", "ts": 1, "asn": 1}',
    ],
)
def test_edges_that_are_good(value: bytes) -> None:
    """Values at the edge of a rule, and null for an optional field, are good."""
    decoded = decode([value])
    assert decoded.dead == []
    assert len(decoded.measurements) == 1


def test_a_field_that_nobody_knows_is_ignored() -> None:
    """Unknown fields of any type change nothing."""
    plain, more = decode([message(), message(colour="red", nested={"a": [1, {"b": None}]}, Asn=-1)]).measurements
    assert plain == more


def test_a_string_time_becomes_a_number() -> None:
    """A time with fraction and offset is Unix seconds after decoding; so is every `ts`."""
    decoded = decode([message(ts="2019-12-25T09:35:00.25+03:30"), message(ts=12), message(ts=12.5)])
    assert [m.ts for m in decoded.measurements] == [1577253900.25, 12, 12.5]


CANONICAL = message(asn=64500, country="IR", region="IR-30", ts=1577253900)
#: Fields of `CANONICAL` in another form.
OTHER_FORMS: list[Any] = [
    *({"asn": text} for text in ("AS64500", "as64500", "64500", "asn/64500", "0.64500", "AS0.64500")),
    *({"country": "ir"}, {"country": "Ir"}, {"region": "ir-30"}),
    *({"ts": 1577253900000}, {"ts": "1577253900"}, {"ts": "1577253900000"}, {"ts": "2019-12-25 06:05Z"}),
    *({"ts": f"2019-12-25T09:35:00{offset}"} for offset in ("+0330", "+03:30", " +0330")),
    *({"ts": f"2019-12-25T06:05:00{offset}"} for offset in ("+0000", "+00", "UTC", " UTC")),
    {"asn": "AS64500", "country": "ir", "ts": 1577253900000},
]


@pytest.mark.parametrize("fields", OTHER_FORMS)
def test_other_forms_that_mean_one_thing(fields: dict[str, object]) -> None:
    """They are the measurement of the canonical form: alone, among others, in an array, and by what the schema says."""
    text = json.dumps({**json.loads(CANONICAL), **fields}).encode()
    (wanted,) = decode([CANONICAL]).measurements
    decoded = decode([GOOD, text, b"[" + text + b"," + text + b"]", GOOD])
    assert decoded.dead == []
    assert [m == wanted for m in decoded.measurements] == [False, True, True, True, False]
    assert Draft202012Validator(json.loads((FOLDER / "measurement.schema.json").read_bytes())).is_valid(
        json.loads(text)
    )


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"asn": 1.1}, 'such as "AS64500"'),
        ({"asn": "AS64500 AS64501"}, 'such as "AS64500"'),
        ({"country": "IRN"}, 'two letters such as "IR"'),
        ({"ts": "2019-12-25T06:05:00"}, "add Z if it is UTC"),
        ({"ts": 1_577_254_200_000_000}, "as microseconds and nanoseconds do: divide it"),
        ({"value": "3"}, "without quotes"),
        ({"up": 1}, "send true or false"),
        ({"access": "wifi"}, 'send "mobile" or "fixed"'),
        ({"region": "Tehran"}, "such as IR-30"),
    ],
)
def test_a_dead_letter_says_what_to_change(fields: dict[str, object], advice: str) -> None:
    """What could mean several things, or nothing, is refused with the form to send."""
    assert advice in dead_of(message(**fields)).detail


def test_only_the_bad_element_of_an_array_is_dead() -> None:
    """The good elements stay in order; each bad one is a dead letter of its own with its own bytes."""
    bad = [b"17", message(value=-1), b'{"feed": "bgp",  "ts": 1}', b"[" + GOOD + b"]", b'{"feed": "\xff"}']
    array = b"[" + b", ".join([GOOD, bad[0], bad[1], GOOD, *bad[2:], GOOD]) + b"]"
    decoded = decode([GOOD, array])
    assert list(decoded.source) == [0, 1, 1, 1]
    assert [(d.index, d.payload) for d in decoded.dead] == [(1, payload) for payload in bad]
    assert [d.reason for d in decoded.dead] == ["wrong-type", "out-of-range", "no-entity", "wrong-type", "not-utf8"]
    assert decoded.dead[1].detail.startswith("element 2: ")


def test_an_array_that_is_no_json_is_dead_as_a_whole() -> None:
    """Where an array breaks off nobody knows what its elements are: it is one dead letter."""
    broken = b"[" + GOOD + b"," + GOOD
    dead = dead_of(broken)
    assert (dead.payload, dead.reason) == (broken, "not-json")


def test_oversized_values() -> None:
    """A value of 1 MiB is read, one byte more is dead; so is an array of more than 10,000 elements."""
    full = GOOD + b" " * (MAX_BYTES - len(GOOD))
    assert decode([GOOD, full]).dead == []
    assert len(decode([b"x", full]).measurements) == 1
    assert dead_of(full + b" ").reason == "too-large"
    small = b'{"feed":"a","ts":1,"asn":1}'
    most = b"[" + b",".join([small] * MAX_ELEMENTS) + b"]"
    assert len(decode([most]).measurements) == len(decode([b"x", most]).measurements) == MAX_ELEMENTS
    assert dead_of(b"[" + b",".join([small] * (MAX_ELEMENTS + 1)) + b"]").reason == "too-large"


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_limited(brackets: tuple[bytes, bytes]) -> None:
    """An unknown field may nest up to the limit; one level more is dead, however deep; brackets in text are none."""
    opening, closing = brackets
    most = MAX_DEPTH - 1

    def nested(levels: int) -> bytes:
        return message(x=0).replace(b'"x": 0', b'"x": ' + opening * levels + b"0" + closing * levels)

    assert decode([nested(most), message(service="{[" * 30), message(unknown="[" * 1000)]).dead == []
    assert decode([b"[" + nested(most) + b"]"]).dead == []
    assert len(decode([b"[1," + nested(most) + b"]"]).measurements) == 1
    for levels in (most + 1, 500, 100_000):
        assert dead_of(nested(levels)).reason == "too-large"
        dead = dead_of(b"[" + nested(levels) + b"]")
        assert (dead.payload, dead.reason) == (b"[" + nested(levels) + b"]", "too-large")


def test_brackets_that_nobody_closes_are_too_deep() -> None:
    """A value of opening brackets only is dead for its depth, not for how the decoder's stack ended."""
    assert dead_of(b"[" * 100_000).reason == "too-large"
    assert dead_of(b'{"x":' * 50_000).reason == "too-large"


def test_details_are_one_printable_line() -> None:
    """What is quoted from a message cannot break a log line or a terminal, nor grow."""
    for value in (message(access="\x1b[2J\n" + "x" * 500), message(region="\u2028é\n"), message(ts="\x00" * 60)):
        detail = dead_of(value).detail
        assert detail.isprintable()
        assert 0 < len(detail) <= 200


def test_bad_values_among_thousands() -> None:
    """In a large run every good value is kept, in order, and every bad one named by its index."""
    bad = {0: b"x", 777: message(asn=None), 1999: b"[1]", 3500: b""}
    values = [bad.get(index) if index in bad else message(member=str(index)) for index in range(4000)]
    decoded = decode(values)
    assert [dead.index for dead in decoded.dead] == list(bad)
    expected = [index for index in range(4000) if index not in bad]
    assert list(decoded.source) == expected
    assert [m.member for m in decoded.measurements] == [str(index) for index in expected]


def test_lines_of_a_file_decode_the_same() -> None:
    """Lines of a recording, line feeds included, are values like any other."""
    lines = [json.dumps(json.loads(text)).encode() + b"\n" for text in MEASUREMENTS]
    assert decode(lines) == decode(MEASUREMENTS)
