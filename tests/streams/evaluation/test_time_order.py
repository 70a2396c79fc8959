"""Files that are not in order of time."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from schemas.decode import decode
from streams.config.line_files import place_of
from streams.evaluation.time_order import sorted_chunks
from tests.ebbtide import ebbtide

SETTINGS = '[feeds.a]\nsignal = "a"\nkind = "gauge"\nbin = "5m"\nlateness = "10m"\n'
NETWORKS, BINS, START = 8, 600, 1_700_000_000 // 300 * 300
DARK = range(500, 540)


def lines() -> list[bytes]:
    """Return measurements of some networks in order of time; one network is dark in some bins."""
    rng = random.Random(5)
    return [
        json.dumps(
            {
                "feed": "a",
                "ts": START + 300 * at,
                "asn": 64500 + network,
                "value": 0 if network == 3 and at in DARK else 1000 + rng.randrange(20),
            }
        ).encode()
        for at in range(BINS)
        for network in range(NETWORKS)
    ]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return the measurements in order, and grouped by network."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS)
    ordered, grouped = tmp_path / "ordered.jsonl", tmp_path / "grouped.jsonl"
    ordered.write_bytes(b"\n".join(lines()))
    grouped.write_bytes(b"\n".join(sorted(lines(), key=lambda line: int(json.loads(bytes(line))["asn"]))))
    return ordered, grouped


def test_detect_and_explain_sort_what_is_grouped(files: tuple[Path, Path]) -> None:
    """The outages are those of the ordered file, with a note; `--as-is` says how much is late."""
    ordered, grouped = files
    cwd = ordered.parent
    wanted, found = (ebbtide("detect", file, cwd=cwd) for file in files)
    assert found.stdout == wanted.stdout != b""
    assert b"in order of time" not in wanted.stderr
    assert b"87% late: the files are not in order of time; they are sorted (--as-is: not)" in found.stderr
    as_is = ebbtide("detect", "--as-is", grouped, cwd=cwd)
    assert as_is.stdout == b""
    assert b"without --as-is they are sorted" in as_is.stderr
    plain, sorted_too = (ebbtide("explain", "AS64503", file, cwd=cwd) for file in files)
    assert plain.stdout == sorted_too.stdout != b""


def test_runs_on_disk_give_the_same(files: tuple[Path, Path]) -> None:
    """However little fits into memory, the order is that of time, then of the file; no line is lost."""
    broken = files[1].with_name("broken")
    broken.write_bytes(b"{}\n" + files[1].read_bytes() + b"\nno JSON\n")
    small, large = (
        [line for chunk in sorted_chunks([str(broken)], 7, size) for line in chunk] for size in (5_000, 1 << 30)
    )
    assert small == large
    assert sorted(small) == sorted(broken.read_bytes().split(b"\n")[:-1])
    times = [measurement.ts for measurement in decode(small).measurements]
    assert times == sorted(times)


def test_few_stragglers_are_no_other_order(files: tuple[Path, Path]) -> None:
    """A file in order of receipt is read as a worker would: what little is late stays late."""
    ordered = files[0].read_bytes().split(b"\n")
    files[0].write_bytes(b"\n".join([*ordered[:4000], ordered[0], *ordered[4000:]]))
    done = ebbtide("detect", files[0], cwd=files[0].parent)
    assert b" 1 late" in done.stderr
    assert b"order of time" not in done.stderr


def test_standard_input_is_read_as_it_is(files: tuple[Path, Path]) -> None:
    """It may never end, so it is not sorted; what is late is said."""
    done = ebbtide("detect", "-", cwd=files[1].parent, input=files[1].read_bytes())
    assert b"87% late" in done.stderr


def test_bad_files_are_shown(tmp_path: Path) -> None:
    """The first message that was not used, with file and line; exit code 1 when nothing was usable."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS)
    (tmp_path / "good").write_bytes(lines()[0] + b"\n")
    (tmp_path / "bad").write_bytes(b'\n\n{"feed": "a", "ts": 1577254200, "asn": "x"}\nnope\n')
    done = ebbtide("detect", "bad", cwd=tmp_path)
    assert done.returncode == 1
    *_, place, last = done.stderr.decode().splitlines()
    assert place.startswith("ebbtide: bad:3: out-of-range: asn: 'x' is no network")
    assert last == "ebbtide: bad: no measurement was usable"
    explained = ebbtide("explain", "AS64500", "bad", cwd=tmp_path)
    assert (explained.returncode, explained.stderr.decode().splitlines()) == (1, [place, last])
    both = ebbtide("detect", "good", "bad", cwd=tmp_path)
    assert both.returncode == 0
    assert b"ebbtide: bad:3: out-of-range" in both.stderr


def test_the_line_of_a_short_message_is_its_own(tmp_path: Path) -> None:
    """A line that is the message counts, not an earlier one in which its bytes stand; an array holds several."""
    file = tmp_path / "file"
    file.write_bytes(b'{"a": "{"}\n \n{ \n[{"b": 1}, {"c": 2}]\n')
    assert place_of([str(file)], b"{") == f"{file}:3"
    assert place_of([str(file)], b'{"c": 2}') == f"{file}:4"
    assert place_of(["-", str(file)], b'{"b": 2}') is None


def test_plots_are_svg_or_png(files: tuple[Path, Path]) -> None:
    """The end of the name decides; another is wrong before anything is read."""
    pytest.importorskip("matplotlib")
    cwd = files[0].parent
    assert ebbtide("explain", "AS64503", files[0], "--plot", "a.png", cwd=cwd).returncode == 0
    assert (cwd / "a.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert b"FILE.svg or FILE.png" in ebbtide("explain", "AS64503", files[0], "--plot", "a.pdf", cwd=cwd).stderr
