"""Parquet files by the same fields as others."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.config.errors import InputError
from streams.sources.files import read_files
from streams.sources.parquet import parquet_rows
from streams.sources.part_clock import Position
from tests.ebbtide import ebbtide
from tests.streams.sources.helpers import START

SETTINGS = """[feeds.f]
signal = "traffic"
kind = "count"
bin = "1m"
[sources.s]
type = "files"
feed = "f"
paths = ["*.parquet"]
[sources.s.fields]
ts = { path = "at", unit = "rfc3339" }
asn = "net.as"
country = "cc"
value = "hits"
"""


def table(rows: int) -> pa.Table:
    """Return a table with a time, an object, a text that may be null, and decimals."""
    return pa.table(
        {
            "at": [datetime.fromtimestamp(START + n % 60, UTC) for n in range(rows)],
            "net": [{"as": 3333 if n % 2 else 1103} for n in range(rows)],
            "cc": [None if n % 2 else "NL" for n in range(rows)],
            "hits": pa.array([Decimal(n) for n in range(rows)], pa.decimal128(9, 1)),
        }
    )


def test_rows_are_measured(tmp_path: Path) -> None:
    """Times, objects, nulls and decimals; more rows than a batch; several files."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS)
    pq.write_table(table(5000), tmp_path / "a.parquet")
    pq.write_table(table(10), tmp_path / "b.parquet")
    done = ebbtide("source", "s", "--dry-run", cwd=tmp_path)
    even, odd = sum(range(0, 5000, 2)) + 20, sum(range(1, 5000, 2)) + 25
    assert done.stdout.decode().splitlines() == [
        f'{{"feed":"f","ts":{START},"asn":1103,"country":"NL","value":{even}}}',
        f'{{"feed":"f","ts":{START},"asn":3333,"value":{odd}}}',
    ]


def test_reading_goes_on_at_a_position_and_a_fault_names_the_file(tmp_path: Path) -> None:
    """A row is a record with an offset; what is no Parquet is one line."""
    name = str(tmp_path / "a.parquet")
    pq.write_table(table(9), name)
    chunks = list(read_files([name], False, {name: Position(offset=7)}))
    assert [record.offset for chunk in chunks for record in chunk.records] == [7, 8]
    Path(name).write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match=r"a.parquet: cannot be read as Parquet: "):
        list(parquet_rows(name))


def test_texts_in_bytes_and_networks_with_a_hole(tmp_path: Path) -> None:
    """Impala writes texts as bytes, and pandas a column of numbers with a hole as decimals."""
    cells = {"cc": pa.array([b"nl", None], pa.binary()), "asn": [3333.0, float("nan")], "n": pa.array([2**63, 1], "u8")}
    pq.write_table(pa.table(cells), tmp_path / "a.parquet")
    assert list(parquet_rows(str(tmp_path / "a.parquet"))) == [
        b'{"cc":"nl","asn":3333.0,"n":9223372036854775808}',
        b'{"asn":null,"n":1}',
    ]


def test_two_columns_of_one_name_are_one_line(tmp_path: Path) -> None:
    """Which of them is meant nobody can know."""
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["v", "v"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet: two columns have one name$"):
        list(parquet_rows(str(tmp_path / "a.parquet")))
