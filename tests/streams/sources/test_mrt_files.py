"""MRT files as a source: `ebbtide source` and `ebbtide detect --source`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.config.errors import InputError, SettingsError
from streams.config.loader import load
from streams.sources.lines import file_measurements
from tests.ebbtide import PROGRAM
from tests.streams.sources.bgp_bytes import attributes, keepalive, message, prefix, state, table, update
from tests.streams.sources.helpers import START

BEGIN = START // 300 * 300
DAYS, RESET, GONE, BACK = 3, 50 * 3600, 60 * 3600, 64 * 3600  # seconds since BEGIN
PEERS = [f"192.0.2.{n}" for n in range(1, 6)]
NETWORKS = (3333, 1103, 286, 1136, 8075)
SETTINGS = """
[feeds.bgp]
signal = "bgp"
kind = "KIND"
bin = "5m"
lateness = "0s"
unit = "prefixes"
[sources.mrt]
type = "mrt"
feed = "bgp"
paths = ["FOLDER/*.mrt"]
"""


def prefixes(network: int) -> list[str]:
    """Return the prefixes of a network."""
    at = NETWORKS.index(network)
    return [f"198.{51 + at}.{n}.0/24" for n in range(8)]


def announced(network: int) -> bytes:
    """Return an announcement of a network's prefixes."""
    return update([], attributes([64_496, network]), list(map(prefix, prefixes(network))))


def course() -> Iterator[bytes]:
    """Yield three days: all peers but one lose their sessions, and later all peers withdraw a network's prefixes."""
    for second in range(60, DAYS * 86_400, 300):
        ts = BEGIN + second
        for at, peer in enumerate(PEERS):
            if second == RESET + 60 and at:
                yield state(ts, peer, 6, 1)
                yield state(ts + 30 * at, peer, 5, 6)
            if RESET <= second - 300 * at < RESET + 300 * len(NETWORKS) and at:
                yield message(ts + 200, peer, announced(NETWORKS[(second - RESET) // 300 - at]))
            if second == GONE + 60:
                yield message(ts + at, peer, update(list(map(prefix, prefixes(3333)))))
            if second == BACK + 60:
                yield message(ts + at, peer, announced(3333))
            yield message(ts + 230, peer, keepalive())


def written(folder: Path, kind: str = "gauge") -> Path:
    """Write settings, a table and updates; the names are not in the order of time."""
    rows = [(text, [(at, [64_496, network]) for at in range(5)]) for network in NETWORKS for text in prefixes(network)]
    (folder / "z-table.mrt").write_bytes(table(BEGIN, PEERS, rows))
    (folder / "a-updates.mrt").write_bytes(b"".join(course()))
    file = folder / "ebbtide.toml"
    file.write_text(SETTINGS.replace("FOLDER", str(folder)).replace("KIND", kind))
    return file


def run(*arguments: str) -> list[dict[str, object]]:
    """Return the lines that a command prints."""
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_withdrawn_prefixes_are_one_outage_and_a_reset_of_four_of_five_peers_is_none(tmp_path: Path) -> None:
    """Of a network whose prefixes all peers withdraw; the reset peers send their routes again over half an hour."""
    settings = str(written(tmp_path))
    found = run(
        "detect",
        "--settings",
        settings,
        "--source",
        "mrt",
        str(tmp_path / "z-table.mrt"),
        str(tmp_path / "a-updates.mrt"),
    )
    ended = {(o["entity"], o["started_at"], o["ended_at"]) for o in found if o["state"] == "closed"}
    assert {o["entity"] for o in found} == {"asn/3333"}
    assert ended == {("asn/3333", "2023-11-17T10:10:00Z", "2023-11-17T14:10:00Z")}


def test_a_source_of_files_prints_each_bin_once(tmp_path: Path) -> None:
    """One measurement of each network and bin; during the reset fewer peers count than suffice, so there is none."""
    found = run("source", "mrt", "--dry-run", "--settings", str(written(tmp_path)))
    bins = {(value["asn"], value["ts"]) for value in found}
    assert len(bins) == len(found)
    starts = {int(str(ts)) // 300 * 300 for _, ts in bins}
    missing = [start - BEGIN for start in range(BEGIN, BEGIN + DAYS * 86_400, 300) if start not in starts]
    assert missing
    assert missing[0] >= RESET
    assert missing[-1] < RESET + 3600
    assert {value["value"] for value in found} == {0, 8}


@pytest.mark.parametrize(("places", "years"), [((0,), 1), ((700, 701, 2000), 2), ((-1,), 40)])
def test_a_record_that_is_far_ahead_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, places: tuple[int, ...], years: int
) -> None:
    """Wherever it is: nothing else changes, it is counted, and the log has a line of the file."""
    settings = load(written(tmp_path), {})
    updates = list(course())
    (tmp_path / "a-updates.mrt").write_bytes(b"".join(updates))
    stage, dues = file_measurements(settings, "mrt", [])
    whole = [measured for due in dues for measured in due.measurements]
    ahead = message(BEGIN + years * 365 * 86_400, PEERS[0], update(list(map(prefix, prefixes(3333)))))
    for place in places:
        updates.insert(place if place >= 0 else len(updates), ahead)
    (tmp_path / "a-updates.mrt").write_bytes(b"".join(updates))
    stage, dues = file_measurements(settings, "mrt", [])
    assert [measured for due in dues for measured in due.measurements] == whole
    assert stage.tally.rejected == {"not-bgp": len(places)}
    # A client of Kafka that another test left may log as well.
    (record,) = (each for each in caplog.records if each.name.startswith("ebbtide"))
    assert record.getMessage().startswith(f"{tmp_path}/a-updates.mrt: a record of 20")
    assert record.getMessage().endswith(": it is left out")


def test_the_first_record_of_all_may_be_far_ahead(tmp_path: Path) -> None:
    """It begins no time: there is no gap before the second."""
    settings = load(written(tmp_path), {})
    (tmp_path / "z-table.mrt").unlink()
    ahead = message(BEGIN + 86_400 * 365, PEERS[0], keepalive())
    (tmp_path / "a-updates.mrt").write_bytes(ahead + b"".join(course()))
    stage, dues = file_measurements(settings, "mrt", [])
    list(dues)
    assert stage.tally.rejected == {"not-bgp": 1}
    assert stage.tally.gap_seconds == 0


def test_what_is_wrong_with_the_settings_is_said(tmp_path: Path) -> None:
    """Prefixes are a level; files must be MRT."""
    with pytest.raises(SettingsError, match="needs a feed of kind `gauge`, got `count`"):
        load(written(tmp_path, "count"), {})
    settings = load(written(tmp_path), {})
    (tmp_path / "no.mrt").write_text("")
    with pytest.raises(InputError, match=r"no.mrt: has no record"):
        list(file_measurements(settings, "mrt", [str(tmp_path / "no.mrt")])[1])
