"""What fields look up: the network of an address, and the country of a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.config.errors import InputError
from streams.sources.enrichment import Enrichment
from streams.sources.json_decoder import JsonDecoder
from tests.ebbtide import ebbtide
from tests.streams.sources.helpers import START, line, settings

PREFIXES = "192.0.2.0\t24\t3333\n198.51.100.0\t24\t1103\n2001:db8::\t32\t286\n"
METADATA = "entity,name,country,operator,weight\nasn/3333,RIPE,NL,RIPE NCC,\nasn/1103,SURF,DE,SURF,\n"
FIELDS = (
    'ts = "t"\nasn = {{ path = ["a", "b"], prefixes = "{prefixes}" }}\ncountry = {{ metadata = true }}\nvalue = "v"'
)


@pytest.fixture
def fields(tmp_path: Path) -> str:
    """Return fields with both tables, which are written."""
    (tmp_path / "prefixes.txt").write_text(PREFIXES)
    (tmp_path / "metadata.csv").write_text(METADATA)
    return FIELDS.format(prefixes=tmp_path / "prefixes.txt")


def test_addresses_become_networks_and_these_have_countries(fields: str, tmp_path: Path) -> None:
    """Of both ends of a flow; an address without a network is counted, one that is none is rejected."""
    source = settings(fields, more=f'[metadata]\nfile = "{tmp_path}/metadata.csv"').sources["s"]
    found = JsonDecoder(source, enrichment=Enrichment(source, tmp_path / "metadata.csv")).decode(
        [
            line({"t": START, "a": "192.0.2.9", "b": "198.51.100.7", "v": 5}),
            line({"t": START, "a": "2001:db8:1::1", "b": "203.0.113.1", "v": 1}, 1),
            line({"t": START, "a": "192.0.2.300", "v": 1}, 2),
        ]
    )
    assert [row.series[:2] for row in found.rows] == [(3333, "NL"), (1103, "DE"), (286, None)]
    assert found.bad_networks == 1
    assert [(rejected.at, rejected.detail) for rejected in found.rejected] == [(2, "asn: a: no address: '192.0.2.300'")]


def test_tables_are_read_again_when_they_change(fields: str, tmp_path: Path) -> None:
    """One line says so; a broken one is a line too, and what was read before stays."""
    source = settings(fields, more=f'[metadata]\nfile = "{tmp_path}/metadata.csv"').sources["s"]
    tables = Enrichment(source, tmp_path / "metadata.csv")
    assert tables.prefixes is not None
    assert (tables.prefixes.network_of("192.0.2.1"), tables.renewed()) == (3333, [])
    (tmp_path / "prefixes.txt").write_text(PREFIXES.replace("3333", "33330"))
    assert tables.renewed() == [f"{tmp_path}/prefixes.txt: read again"]
    assert tables.prefixes.network_of("192.0.2.1") == 33_330
    (tmp_path / "prefixes.txt").write_text("192.0.2.0 24\n")
    (fault,) = tables.renewed()
    assert fault.startswith(f"{tmp_path}/prefixes.txt:1: '192.0.2.0 24' is no address, length and network")
    assert (tables.prefixes.network_of("192.0.2.1"), tables.renewed()) == (33_330, [])


def test_a_broken_table_is_a_line(fields: str, tmp_path: Path) -> None:
    """At the start, from the command too: it names the file and the line."""
    (tmp_path / "prefixes.txt").write_text("nothing\n")
    with pytest.raises(InputError, match=r"prefixes.txt:1: 'nothing' is no address"):
        JsonDecoder(settings(fields, more='[metadata]\nfile = "m.csv"').sources["s"])
    feed = '[feeds.f]\nsignal = "traffic"\nkind = "count"\nbin = "1m"\n[metadata]\nfile = "metadata.csv"\n'
    source = f'[sources.s]\ntype = "files"\nfeed = "f"\npaths = ["x.jsonl"]\n[sources.s.fields]\n{fields}\n'
    (tmp_path / "ebbtide.toml").write_text(feed + source)
    (tmp_path / "x.jsonl").write_text(json.dumps({"t": START, "a": "192.0.2.9", "b": "", "v": 5}))
    broken = ebbtide("source", "s", "--dry-run", cwd=tmp_path)
    assert (broken.returncode, len(broken.stderr.splitlines())) == (1, 1)
    (tmp_path / "prefixes.txt").write_text(PREFIXES)
    printed = ebbtide("source", "s", "--dry-run", cwd=tmp_path).stdout
    assert printed.decode() == f'{{"feed":"f","ts":{START},"asn":3333,"country":"NL","value":5}}\n'


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ('ts = "t"\nasn = "a"\ncountry = { metadata = true }', r"`metadata` needs a `file` in \[metadata\]"),
        ('ts = "t"\nregion = "r"\ncountry = { metadata = true }', "`metadata` needs `fields.asn`"),
        ('ts = "t"\nasn = "a"\nvalue = { path = "v", prefixes = "x" }', "`prefixes` is for `asn` only"),
    ],
)
def test_tables_that_have_no_use_are_refused(fields: str, fault: str) -> None:
    """When the settings are read."""
    with pytest.raises(ValueError, match=fault):
        settings(fields)
