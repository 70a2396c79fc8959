"""Tables about networks as CAIDA, APNIC and PeeringDB publish them, and the table of metadata made of them.

The contents are made up; their form is that of the publishers' documentation.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.config.errors import InputError
from streams.config.metadata import MetadataRow, read_metadata
from streams.sources import as_tables
from streams.sources.as_tables import as_csv, merged, read_table

CAIDA_TEXT = """# program start time: Tue Jul  5 00:00:00 2022
# format:org_id|changed|org_name|country|source
KAZ-TEL|20200101|JSC "Kazakh"   Telecom|KZ|RIPE
EU-ORG|20200101|Somewhere|EU|RIPE
# format:aut|changed|aut_name|org_id|opaque_id|source
9198|20200101|KAZTELECOM-AS|KAZ-TEL|x_RIPE|RIPE
29355|20200101|KCELL-AS|KAZ-TEL|x_RIPE|RIPE
3320|20200101|ELSEWHERE|EU-ORG|x_RIPE|RIPE
1299|20200101|NOBODY|GONE|x_RIPE|RIPE
64512|20200101|PRIVATE|KAZ-TEL|x_RIPE|RIPE
"""
CAIDA_LINES = """{"changed":"20200101","country":"KZ","name":"Kazakhtelecom","organizationId":"K","type":"Organization"}
{"asn":"9198","changed":"","name":"KAZTELECOM-AS","opaqueId":"x","organizationId":"K","type":"ASN"}
{"asn":"23456","changed":"","name":"TRANS","opaqueId":"x","organizationId":"K","type":"ASN"}
"""
APNIC_JSON = """{"copyright": "", "Date": "1/1/2026", "Data": [
{"rank": 1, "AS": 9198, "Description": "KAZTELECOM", "CC": "KZ", "Users": 3000000, "Samples": 9},
{"rank": 2, "AS": 9198, "Description": "KAZTELECOM", "CC": "RU", "Users": 1000.5, "Samples": 1},
{"rank": 3, "AS": 0, "Description": "", "CC": "ZZ", "Users": 5, "Samples": 1},
{"rank": 4, "AS": 9009, "Description": "M", "CC": "GB", "Users": null, "Samples": 1}]}"""
APNIC_CSV = """Rank,AS,AS Name,CC,Users (est.),Samples
1,AS9198,KAZTELECOM,KZ,"3,000,000",9
2,AS29355,"KCELL, JSC",KZ,many,9
"""
PEERINGDB_API = '{"meta": {}, "data": [{"id": 1, "org_id": 2, "name": "Kazakhtelecom", "asn": 9198, "status": "ok"}]}'
PEERINGDB_DUMP = """{"org": {"data": [{"id": 2, "name": "Kazakhtelecom JSC", "country": "KZ"}]},
"net": {"data": [{"id": 1, "org_id": 2, "name": "Kazakhtelecom", "asn": 9198},
 {"id": 3, "org_id": null, "asn": 1299}]}}"""
OWN = "asn,name,operator\nAS9198,Our name,Group\n"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., as_tables.AsTable]:
    """Return a function that reads a text as a file."""

    def read(content: str | bytes) -> as_tables.AsTable:
        file = tmp_path / "table"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(file)

    return read


def test_caida_text(table: Callable[..., as_tables.AsTable]) -> None:
    """Comments name the columns; a network has the country and the name of its organization, EU is no country."""
    found = table(CAIDA_TEXT)
    operator = 'JSC "Kazakh" Telecom'
    assert found.rows == [
        MetadataRow("asn/9198", "KAZTELECOM-AS", "KZ", operator, None),
        MetadataRow("asn/29355", "KCELL-AS", "KZ", operator, None),
        MetadataRow("asn/3320", "ELSEWHERE", "", "Somewhere", None),
        MetadataRow("asn/1299", "NOBODY", "", "", None),
    ]
    assert found.left_out == {"a number that no network has": 1}


def test_caida_lines(table: Callable[..., as_tables.AsTable]) -> None:
    """The same as JSON lines."""
    found = table(CAIDA_LINES)
    assert found.kind == "CAIDA AS organizations"
    assert found.rows == [MetadataRow("asn/9198", "KAZTELECOM-AS", "KZ", "Kazakhtelecom", None)]


def test_apnic(table: Callable[..., as_tables.AsTable]) -> None:
    """JSON has a row for each network and country; a number of users that is unknown is left out, not 0."""
    found = table(APNIC_JSON)
    assert found.rows == [
        MetadataRow("asn/9198", "KAZTELECOM", "KZ", "", 3_000_000.0),
        MetadataRow("asn/9198", "KAZTELECOM", "RU", "", 1000.5),
    ]
    assert found.left_out == {"a number that no network has": 1, "no number of users": 1}
    assert table(APNIC_CSV).rows == found.rows[:1]


def test_peeringdb(table: Callable[..., as_tables.AsTable]) -> None:
    """The answer for networks has names only; the dump has organizations beside them."""
    assert table(PEERINGDB_API).rows == [MetadataRow("asn/9198", "Kazakhtelecom", "", "", None)]
    assert table(PEERINGDB_DUMP).rows == [
        MetadataRow("asn/9198", "Kazakhtelecom", "KZ", "Kazakhtelecom JSC", None),
        MetadataRow("asn/1299", "", "", "", None),
    ]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("text", [CAIDA_TEXT, CAIDA_LINES, APNIC_JSON, APNIC_CSV, PEERINGDB_DUMP, OWN])
def test_compressed_files_are_the_same(
    table: Callable[..., as_tables.AsTable], text: str, compress: Callable[[bytes], bytes]
) -> None:
    """The content says what a file is, not its name; a byte order mark is no content."""
    assert table(compress(text.encode())) == table(text) == table("\ufeff" + text)


def test_the_first_table_that_has_a_text_gives_it(table: Callable[..., as_tables.AsTable], tmp_path: Path) -> None:
    """Our own name, CAIDA's operator where we have none, and the country with most users, in a file that is read."""
    rows = merged(table(text).rows for text in (OWN, CAIDA_TEXT, APNIC_JSON))
    file = tmp_path / "metadata.csv"
    file.write_text(as_csv(rows))
    assert file.read_text().splitlines()[:4] == [
        "entity,name,country,operator,weight",
        "asn/1299,NOBODY,,,",
        "asn/3320,ELSEWHERE,,Somewhere,",
        "asn/9198,Our name,KZ,Group,3000000",
    ]
    metadata = read_metadata(file)
    assert metadata.countries["asn/9198"] == "KZ"
    assert metadata.weights == {"KZ": {"asn/9198": 3_000_000.0}, "RU": {"asn/9198": 1000.5}}
    assert metadata.operators["asn/29355"] == 'JSC "Kazakh" Telecom'
    assert merged([rows]) == rows


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "needs the column entity or asn"),
        ("# a comment\n", "needs the column entity or asn"),
        ("{", "is not what it looks like"),
        ('{"features": []}', "JSON without Data, data, net"),
        ('{"data": [{"asn": "x"}]}', r"Expected `int`, got `str` - at `\$.data\[0\].asn`"),
        ('{"data": []}', "PeeringDB networks: has no network that can be used"),
        (b"\x1f\x8bxx", "cannot be decompressed"),
        (b"\xff\xfe", "is no text in UTF-8"),
        ("asn,name\nAS0x,y\n", "table:2: asn: 'AS0x' is none"),
    ],
)
def test_what_is_no_table_is_one_line(
    table: Callable[..., as_tables.AsTable], content: str | bytes, fault: str
) -> None:
    """The line names the file and what is wrong with it."""
    with pytest.raises(InputError, match=rf"table.*{fault}"):
        table(content)


def test_a_table_is_bounded_once_decompressed(
    table: Callable[..., as_tables.AsTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file may hold a large one."""
    monkeypatch.setattr(as_tables, "MAX_FILE", 1 << 20)
    with pytest.raises(InputError, match="is larger than 1 MiB once decompressed"):
        table(gzip.compress(bytes(3 << 20)))
