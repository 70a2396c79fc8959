"""`ebbtide source` and `ebbtide detect --source` as their users meet them: files of others, printed as measurements."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.ebbtide import FEEDS, MEASUREMENTS, ebbtide

FIELDS = """
[sources.own.fields]
ts = { path = "when", unit = "ms" }
asn = "as"
member = "probe.id"
up = "state"
"""
SETTINGS = f'{FEEDS.read_text()}\n[sources.own]\ntype = "files"\nfeed = "atlas"\npaths = ["*.day.gz"]\n{FIELDS}'


def others(table: bool) -> bytes:
    """Return the recorded day in names and units of somebody else: as a table, or as JSON lines."""
    day = [json.loads(line) for line in gzip.decompress(MEASUREMENTS.read_bytes()).splitlines()]
    rows = [(round(m["ts"] * 1000), f"AS{m['asn']}", m["member"], m["up"]) for m in day]
    if not table:
        objects = ({"when": when, "as": asn, "probe": {"id": m}, "state": up, "x": [1]} for when, asn, m, up in rows)
        return b"".join(json.dumps(item).encode() + b"\n" for item in objects)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerows([("when", "note", "as", "probe.id", "state"), *((t, 'a;"b', a, m, u) for t, a, m, u in rows)])
    return text.getvalue().encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with settings and the day in two files."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS)
    lines = others(table=False).splitlines(keepends=True)
    for name, part in (("1.day.gz", lines[:5000]), ("2.day.gz", lines[5000:])):
        (tmp_path / name).write_bytes(gzip.compress(b"".join(part)))
    return tmp_path


def fault(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one line of a command that failed."""
    lines = done.stderr.decode().splitlines()
    assert done.returncode != 0
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("table", [False, True])
def test_detect_reads_files_of_others(folder: Path, table: bool) -> None:
    """The same outages, byte for byte, as from the recorded day in our own form: JSON lines, and a table."""
    file = folder / ("day.csv" if table else "day.jsonl")
    file.write_bytes(others(table))
    ours = ebbtide("detect", "--settings", FEEDS, MEASUREMENTS)
    theirs = ebbtide("detect", "--source", "own", file, cwd=folder)
    assert b'"entity":"asn/43754"' in ours.stdout
    assert theirs.stdout == ours.stdout
    assert theirs.stderr.startswith(b"10,550 records")


def test_a_dry_run_prints_measurements_for_detect(folder: Path) -> None:
    """Piped into `ebbtide detect -` it gives the outages of the day; files are found by a pattern, in order."""
    printed = ebbtide("source", "own", "--dry-run", cwd=folder)
    piped = ebbtide("detect", "-", cwd=folder, input=printed.stdout)
    assert printed.returncode == piped.returncode == 0
    assert len(printed.stdout.splitlines()) == 10_550
    assert piped.stdout == ebbtide("detect", "--settings", FEEDS, MEASUREMENTS).stdout
    assert printed.stderr.decode().startswith("10,550 records · 10,550 measurements")


def test_a_run_ends_where_until_says(folder: Path) -> None:
    """After a number of measurements, or at an event time."""
    whole = ebbtide("source", "own", "--dry-run", cwd=folder).stdout.splitlines()
    assert ebbtide("source", "own", "--dry-run", "--until", 7, cwd=folder).stdout.splitlines() == whole[:7]
    early = ebbtide("source", "own", "--dry-run", "--until", "2016-06-16T06:00:00Z", cwd=folder).stdout.splitlines()
    before = [line for line in whole if json.loads(line)["ts"] < 1_466_056_800]
    assert early == before
    assert 0 < len(early) < len(whole)
    assert ebbtide("source", "own", "--dry-run", "--until", "soon", cwd=folder).returncode == 2


def test_sources_are_listed_and_checked(folder: Path) -> None:
    """`--list` names type, feed and kind; `settings check` names sources; a wrong one is a line with its name."""
    assert ebbtide("source", "--list", cwd=folder).stdout == b"own: files, feed atlas (presence)\n"
    check = ebbtide("settings", "check", cwd=folder)
    assert check.stdout == b"settings are right: 1 feed: atlas; 1 source: own\n"
    (folder / "ebbtide.toml").write_text(SETTINGS.replace('up = "state"', ""))
    assert "sources.own: `fields` has no `up`" in fault(ebbtide("settings", "check", cwd=folder))
    (folder / "ebbtide.toml").write_text(SETTINGS.replace('unit = "ms"', 'unit = "eons"'))
    assert "sources.own.fields.ts: `unit`" in fault(ebbtide("settings", "check", cwd=folder))
    overridden = ebbtide("settings", "check", cwd=folder, environment={"EBBTIDE_SOURCES_OWN_FEED": "none"})
    assert overridden.returncode == 2


def test_wrong_use_is_one_line(folder: Path) -> None:
    """No name, an unknown one, files that are not there, an unknown format."""
    assert "names no source" in fault(ebbtide("source", "--dry-run", cwd=folder))
    assert "no source 'x': there are own" in fault(ebbtide("source", "x", "--dry-run", cwd=folder))
    assert "none.csv: cannot be read" in fault(ebbtide("detect", "--source", "own", "none.csv", cwd=folder))
    assert "*.none: matches no file" in fault(ebbtide("detect", "--source", "own", "*.none", cwd=folder))
    (folder / "ebbtide.toml").write_text(SETTINGS.replace('type = "files"', 'type = "files"\nformat = "parquet"'))
    assert "sources.own.format: 'parquet' is none of csv, json" in fault(
        ebbtide("source", "own", "--dry-run", cwd=folder)
    )


@pytest.mark.parametrize("broken", [600, 400])
def test_a_mapping_that_does_not_fit_stops_the_source(folder: Path, broken: int) -> None:
    """More than half of the first 1,000 records: one line with a record, its place and the path."""
    lines = others(table=False).splitlines()[:2000]
    for at in range(broken):
        lines[at] = lines[at].replace(b'"when"', b'"then"')
    (folder / "x.jsonl").write_bytes(b"\n".join(lines[::-1][1000:] + lines[::-1][:1000]))
    done = ebbtide("detect", "--source", "own", "x.jsonl", cwd=folder)
    if broken > 500:
        assert "of the first" in fault(done)
        assert "x.jsonl:" in fault(done)
        assert "missing-field: ts: when is not there" in fault(done)
        assert done.stdout == b""
    else:
        assert (done.returncode, b"400 rejected (missing-field)" in done.stderr) == (0, True)


def test_a_short_file_that_does_not_fit_is_one_line_with_a_record(folder: Path) -> None:
    """Also where it ends before the first 1,000 records."""
    (folder / "x.csv").write_text("then,as,probe.id,state\n1466089500000,1,7,1\n1466089500000,1,8,1\n")
    line = fault(ebbtide("detect", "--source", "own", "x.csv", cwd=folder))
    assert "2 of the first 2 records do not fit the mapping, such as x.csv:0: missing-field: ts: when is not" in line


def test_empty_cells_at_the_ends_of_a_row_are_absent(folder: Path) -> None:
    """Between tabs, too, which are no spaces around a row; columns are told apart without spaces around them."""
    (folder / "x.tsv").write_text("note\twhen\tas\tprobe.id\tstate\tend\n\t1466089500000\t1\t7\t1\t\n")
    done = ebbtide("detect", "--source", "own", "x.tsv", cwd=folder)
    assert b"1 records \xc2\xb7 1 measurements" in done.stderr
    (folder / "y.csv").write_text("when,as,probe.id,state, state\n")
    assert "y.csv:1: two columns have one name" in fault(ebbtide("detect", "--source", "own", "y.csv", cwd=folder))


def test_records_without_a_network_stop_the_source(folder: Path) -> None:
    """Flows all of whose networks are 0, or have another name, give nothing for ever, which is said instead."""
    for network in (b'"as": 0', b'"asn": 3333'):
        record = b'{"when": 1466089500000, "probe": {"id": 1}, "state": 1, %s}\n' % network
        (folder / "x.jsonl").write_bytes(record * 1200)
        line = fault(ebbtide("detect", "--source", "own", "x.jsonl", cwd=folder))
        assert "sources.own.fields.asn: none of the first 1,000 records names a network: all are missing, 0" in line


def test_a_row_with_a_cell_too_many_is_rejected(folder: Path) -> None:
    """And counted; the others are read, with quoted line ends in them."""
    rows = ["when,as,probe.id,state", "1466089500000,1,7,1", "1466089500000,1,7,1,9", '1466089501000,1,"8\n\n9",1']
    (folder / "x.csv").write_text("\n".join([*rows, "1466089502000,1,9,1"]) + "\n")
    done = ebbtide("detect", "--source", "own", "x.csv", cwd=folder)
    assert b"4 records \xc2\xb7 2 measurements" in done.stderr
    assert b"1 rejected (out-of-range)" in done.stderr
    assert b"1 rejected (wrong-type)" in done.stderr


NOWHERE = "127.0.0.1:9"
AWAY = {
    "atlas": ("presence", f'stream = "ws://{NOWHERE}"\napi = "http://{NOWHERE}"', f"ws://{NOWHERE}"),
    "prometheus": (
        "gauge",
        f'url = "http://{NOWHERE}"\nquery = "up"\nfields = {{ asn = "asn" }}',
        f"http://{NOWHERE}/",
    ),
    "ioda": ("gauge", f'api = "http://{NOWHERE}"\ndatasource = "bgp"\nentities = ["country/IR"]', f"http://{NOWHERE}/"),
    "ris": ("gauge", f'stream = "ws://{NOWHERE}"\narchive = "http://{NOWHERE}"', f"http://{NOWHERE}/"),
    "ooni": ("ratio", f'countries = ["IR"]\naccept_terms = true\nbucket = "http://{NOWHERE}"', f"http://{NOWHERE}"),
    "goflow2": ("count", f'bootstrap_servers = ["{NOWHERE}"]', f"sources.own.bootstrap_servers {NOWHERE}: no Kafka"),
    "akvorado": ("count", f'schema = "http://{NOWHERE}/x"', f"http://{NOWHERE}/x: cannot connect: Connection refused"),
}


@pytest.mark.parametrize("kind", AWAY)
def test_a_service_that_cannot_be_reached_is_one_line_with_its_address(kind: str, tmp_path: Path) -> None:
    """And why; what stands before it are the terms of use."""
    feed, settings, address = AWAY[kind]
    (tmp_path / "ebbtide.toml").write_text(
        f'[feeds.f]\nsignal="s"\nkind = "{feed}"\nbin = "1h"\n[sources.own]\ntype = "{kind}"\nfeed = "f"\n{settings}\n'
    )
    done = ebbtide("source", "own", "--dry-run", cwd=tmp_path)
    (line,) = [text for text in done.stderr.decode().splitlines() if not text.startswith("source own: ")]
    assert done.returncode == 1
    assert line.startswith(f"ebbtide: {address}")
    assert "refused" in line.lower()
