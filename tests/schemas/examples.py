"""The messages of the contract, as they stand there, and ways to make others."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Any
from unicodedata import normalize

from hypothesis import strategies as st

MEASUREMENTS = [
    b'{"feed": "atlas", "ts": 1466089620, "asn": 43754, "member": "12345", "up": false}',
    b'{"feed": "bgp", "ts": "2019-12-25T06:05:00Z", "asn": 197207, "country": "IR", "value": 1312}',
    b'{"feed": "reach", "ts": 1577254200, "asn": 44244, "country": "IR", "region": "IR-30", "access": "mobile", '
    b'"direction": "international", "value": 3, "of": 60}',
    b'{"feed": "voip", "ts": 1433116800, "asn": 29049, "country": "AZ", "service": "skype", "value": 0, "of": 1}',
]

OUTAGE = (
    b'{"schema":1,"outage_id":"4e423aff2ba6c822","revision":3,"state":"open","entity":"asn/43754","country":"IR",'
    b'"region":null,"facets":{},"feed":"atlas","signal":"ripe-atlas","started_at":"2016-06-16T15:05:00Z",'
    b'"started_between":["2016-06-16T15:05:00Z","2016-06-16T15:10:00Z"],"detected_at":"2016-06-16T15:10:00Z",'
    b'"updated_at":"2016-06-16T15:15:00Z","ended_at":null,"value":1,"expected":11.0,"drop":0.91,"max_drop":0.91,'
    b'"severity":"total","shape":"sudden","drops":[{"at":"2016-06-16T15:05:00Z","drop":0.91}],"evidence":37.2,'
    b'"suppressed_by":null,"incident_id":"0123456789abcdef","explain":{"bins":2,"baseline":"hour-of-week",'
    b'"spread":0.4,"reason":"almost everything is gone"}}'
)

INCIDENT = (
    b'{"schema":1,"incident_id":"9b5c1d27a0e4f386","revision":7,"state":"spreading",'
    b'"scope":{"countries":["IR"],"regions":["IR-12","IR-30"],"asns":[44244,197207]},'
    b'"kinds":["mobile-only","international-only","partial"],"severity":"major","affected_share":0.31,"recovered_share":0,"services":[],'
    b'"headline":"Mobile Internet to the outside is mostly down in IR-12 and IR-30, Iran.",'
    b'"started_at":"2019-12-25T05:00:00Z","detected_at":"2019-12-25T05:20:00Z","confirmed_at":"2019-12-25T05:20:00Z","updated_at":"2019-12-25T10:00:00Z",'
    b'"ended_at":null,"drops":[{"at":"2019-12-25T05:00:00Z","drop":0.42},{"at":"2019-12-25T06:40:00Z","drop":0.88}],'
    b'"spread":[{"at":"2019-12-25T05:00:00Z","entity":"region/IR-30"}],"feeds":["reach"],'
    b'"outage_ids":["4e423aff2ba6c822"],"confidence":{"for":["reach"],"against":["bgp"],"silent":["telescope"],'
    b'"evidence":112.0,"note":null},"suppressed_by":null,"merged_into":null,"absorbed":["af31b6f0959342e0"]}'
)
FINDING = (
    b'{"schema":1,"reporter":"shard/3","feed":"atlas","end":1466089800,"piece":0,"last":true,"silent":false,'
    b'"fault":false,"empty":false,"outages":[%b],"levels":[{"country":"IR","facets":{"access":"mobile"},"entities":["asn/43754","asn/197207"],'
    b'"expected":[11.0,1312.0],"spread":[0.4,20.5]}],"doubts":[{"country":"IR","facets":{},"entities":["asn/12880"],'
    b'"evidence":[5.25],"drop":[0.15],"since":[1466085600]}]}'
) % OUTAGE
ENTRY = (
    b'{"schema":1,"entry_id":"f44ef491724f5d69","starts":"2017-07-01T00:00:00Z","ends":"2017-08-01T00:00:00Z","entities":["country/KZ"],'
    b'"facets":{"access":"mobile"},"note":"unregistered phones are blocked from this day",'
    b'"known":[{"added_at":"2017-06-20T08:00:00Z","removed_at":"2017-06-21T08:00:00Z"},{"added_at":"2017-06-22T08:00:00Z","removed_at":null}]}'
)
CLOCK = b'{"feed":"atlas","newest":1466089620,"partition":2}'


def message(**fields: object) -> bytes:
    """One good measurement as JSON, with these fields changed."""
    return json.dumps({"feed": "bgp", "ts": 1577254200, "asn": 44244, **fields}).encode()


_TEXT = st.text(max_size=70)
_NUMBERS = st.one_of(
    st.integers(min_value=-2, max_value=10**12), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_TIMES = st.one_of(
    st.integers(min_value=0, max_value=253_402_300_799),
    st.floats(min_value=0, max_value=253_402_300_799),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    st.sampled_from(["2019-12-25t06:05:00z", "2019-12-25T06:05:00+03:30", "1969-12-31T23:59:59Z", "yesterday"]),
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "asn": st.integers(min_value=1, max_value=4_294_967_295) | st.none(),
    "country": st.sampled_from(["IR", "KZ", "ZZ", "ir", "IRN", "IR\n"]) | st.none(),
    "region": st.from_regex(r"\A[A-Z]{2}-.{0,66}\Z") | st.sampled_from(["IR-30", "IR-30\n", "VE-Anzoátegui", "30"]),
    "access": st.sampled_from(["mobile", "fixed", "wifi"]) | st.none(),
    "direction": st.sampled_from(["domestic", "international", "up"]) | st.none(),
    "service": _TEXT | st.none(),
    "value": st.integers(min_value=-1, max_value=100) | st.floats(min_value=0, max_value=1e9),
    "of": st.integers(min_value=0, max_value=100) | st.floats(min_value=0, max_value=1e9),
    "member": st.text(max_size=130) | st.none(),
    "up": st.booleans() | st.none(),
    "unknown": _ANYTHING,
}


def _names(most: int) -> st.SearchStrategy[str]:
    """Return names of visible characters in Unicode's form NFC, in which a name may be longer."""
    texts = st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1, max_size=most)
    return texts.map(partial(normalize, "NFC")).filter(lambda text: len(text) <= most)


_GOOD_TIMES = st.integers(min_value=0, max_value=253_402_300_799) | st.datetimes(
    min_value=datetime(1970, 1, 1)  # noqa: DTZ001 (the zone is written behind it)
).map(lambda moment: f"{moment.isoformat()}Z")
#: Objects that are measurements, as Python values.
SOUND = st.fixed_dictionaries(
    {"feed": st.text(min_size=1, max_size=64), "ts": _GOOD_TIMES, "asn": st.integers(1, 4_294_967_295)},
    optional={
        "country": st.sampled_from(["IR", "KZ", "ZZ"]) | st.none(),
        "region": _names(61).map("IR-{}".format) | st.none(),
        "access": st.sampled_from(["mobile", "fixed"]) | st.none(),
        "direction": st.sampled_from(["domestic", "international"]) | st.none(),
        "service": _names(64) | st.none(),
        "value": st.integers(min_value=0, max_value=60) | st.floats(min_value=0, max_value=60),
        "of": st.integers(min_value=60, max_value=100) | st.floats(min_value=60, max_value=1e308),
        "member": _names(128) | st.none(),
        "up": st.booleans() | st.none(),
        "unknown": _ANYTHING,
    },
)
#: The same with fields that may break a rule.
NEARLY = st.fixed_dictionaries({"feed": st.text(min_size=1, max_size=64), "ts": _TIMES}, optional=_FIELDS)
#: The same with one field of any type.
SPOILT = st.builds(
    lambda good, field, anything: {**good, field: anything},
    SOUND,
    st.sampled_from(["feed", "ts", *_FIELDS]),
    _ANYTHING,
)
OBJECTS = st.one_of(SOUND, NEARLY, SPOILT, _ANYTHING)
JSON = st.one_of(OBJECTS, st.lists(OBJECTS, max_size=4)).map(lambda value: json.dumps(value).encode())
_SHARDS = st.builds(lambda text, cut: text[: cut % (len(text) + 1)], JSON, st.integers(min_value=0, max_value=500))
_HALVES = st.sampled_from([*MEASUREMENTS, b"[%b, %b]" % tuple(MEASUREMENTS[:2])]).flatmap(
    lambda text: st.integers(min_value=0, max_value=len(text)).map(lambda cut: (text[:cut], text[cut:]))
)
#: Values as Kafka may hand them over: JSON with or without white space, parts of it, any bytes, nothing at all.
VALUES = st.one_of(
    st.sampled_from(MEASUREMENTS),
    JSON,
    JSON.map(lambda text: b" \n" + text + b"\r\n\t"),
    _SHARDS,
    st.binary(max_size=20),
    st.none(),
    st.sampled_from([b"", b" ", b"[", b"]", b"{", b"}", b"{}\n{}", b"[]", b"null", b'{"feed":"\xff","ts":1,"asn":1}']),
)
#: Runs of values, some of them cut in two so that the halves are good JSON only when they are joined.
RUNS = st.lists(st.one_of(VALUES.map(lambda value: (value,)), _HALVES), max_size=12).map(
    lambda groups: [value for group in groups for value in group]
)
