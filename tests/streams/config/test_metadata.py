"""Metadata: the table, what is wrong with one, what it does to series and to shares, and tables of others."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from streams.config.errors import InputError
from streams.config.metadata import Metadata, Register, read_metadata
from streams.config.reference_data import ReferenceData
from streams.evaluation.detect import incident_lines
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from tests.streams import area_helpers, helpers
from tests.streams.helpers import HOUR, START, message
from tests.streams.worker.web.site import worker_of

TABLE = """entity,name,country,operator,weight,remark
asn/29355,Kcell,KZ,Kcell JSC,6000000,mobile
asn/21299,"Kar-Tel, Beeline",KZ,VEON,8.5e6,
region/KZ-75,Almaty,KZ,,,
asn/3216,VimpelCom,RU,VEON,9000000,
asn/3216,,KZ,,12,
"""


def written(folder: Path, text: str) -> Path:
    """A file that holds this."""
    file = folder / "m.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_table(tmp_path: Path) -> None:
    """Columns in any order, others left alone; an entity belongs to the country in which it weighs most."""
    found = read_metadata(written(tmp_path, "\ufeff" + TABLE))
    assert found.names == {
        "asn/29355": "Kcell",
        "asn/21299": "Kar-Tel, Beeline",
        "region/KZ-75": "Almaty",
        "asn/3216": "VimpelCom",
    }
    assert found.operators == {"asn/29355": "Kcell JSC", "asn/21299": "VEON", "asn/3216": "VEON"}
    assert found.countries == {"asn/29355": "KZ", "asn/21299": "KZ", "region/KZ-75": "KZ", "asn/3216": "RU"}
    assert found.weights["KZ"] == {"asn/29355": 6e6, "asn/21299": 8.5e6, "asn/3216": 12.0}
    assert found.weights["RU"] == {"asn/3216": 9e6}
    assert read_metadata(None) == Metadata()


def test_numbers_of_networks(tmp_path: Path) -> None:
    """A column `asn` does as well, with or without the letters."""
    found = read_metadata(written(tmp_path, "asn,name\nAS29355,Kcell\n21299,Beeline\n"))
    assert found.names == {"asn/29355": "Kcell", "asn/21299": "Beeline"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("entity", "network", "1: needs the column entity or asn"),
        ("name,country,operator,weight", "a,b,c,d", "1: needs one of the columns name, country, operator, weight"),
        ("asn/29355", "29355 KZ", "2: entity: '29355 KZ' is none, such as asn/43754 or region/IR-30"),
        ("asn/21299", "", "3: asn: '' is none, such as asn/43754 or region/IR-30"),
        ("KZ,Kcell JSC", "k1,Kcell JSC", "2: country: 'k1' is no ISO 3166-1 code of two letters"),
        ("8.5e6", "many", "3: weight: 'many' is no number of at least 0"),
        ("8.5e6", "-1", "3: weight: '-1' is no number of at least 0"),
        ("8.5e6", "inf", "3: weight: 'inf' is no number of at least 0"),
        ("8.5e6", "nan", "3: weight: 'nan' is no number of at least 0"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, old: str, new: str, fault: str) -> None:
    """One line names the file, the line, the column and the value."""
    file = written(tmp_path, TABLE.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_metadata(file)
    assert str(caught.value) == f"{file}:{fault}"


def test_a_number_that_is_far_too_long_is_none(tmp_path: Path) -> None:
    """Longer than Python would turn into a number: told like any other that is no network."""
    file = written(tmp_path, f"asn,name\n{'1' * 5000},Kcell\n")
    with pytest.raises(InputError, match=r":2: asn: '1{80}' is none, such as asn/43754"):
        read_metadata(file)


def test_a_device_without_end_is_refused() -> None:
    """Such a path is read up to the limit, not until the memory is full."""
    with pytest.raises(InputError, match=r"^/dev/zero: is larger than 32 MiB$"):
        read_metadata(Path("/dev/zero"))


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Once after each change; a broken one, or none, leaves what was known and is told once."""
    file = written(tmp_path, TABLE)
    register = Register(file)
    assert not register.is_stale()
    written(tmp_path, TABLE.replace("Kcell", "K-cell"))
    assert register.is_stale()
    register.renew()
    assert (register.names["asn/29355"], register.is_stale(), register.size) == ("K-cell", False, 4)
    written(tmp_path, "broken")
    with pytest.raises(InputError):
        register.renew()
    assert (register.names["asn/29355"], register.is_stale()) == ("K-cell", False)
    file.unlink()
    assert register.is_stale()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        register.renew()
    assert (register.names["asn/29355"], register.is_stale()) == ("K-cell", False)


def dark(country: str | None) -> list[bytes | None]:
    """Five networks of one hour's bins; three of them fall."""
    place = {} if country is None else {"country": country}
    return [
        message("gauge", START + hour * HOUR + 60, asn, value=1 if asn <= 3 and hour >= 60 else 100 * asn, **place)
        for hour in range(72)
        for asn in range(1, 6)
    ]


def test_a_network_that_is_measured_without_a_country_is_in_that_of_the_metadata() -> None:
    """Its outages and its areas are those of a network that is measured with it, byte for byte."""
    settings, register = area_helpers.settings(("country",), ("gauge",)), Register()
    register.now = Metadata(countries={f"asn/{asn}": "KZ" for asn in range(1, 6)})
    with_it, without = (
        helpers.Run(Shard(settings)),
        helpers.Run(Shard(settings, reference=ReferenceData(register=register))),
    )
    with_it.take(dark("KZ"))
    without.take(dark(None))
    assert with_it.outages == without.outages
    assert b'"entity":"country/KZ"' in b"".join(with_it.outages)


@pytest.mark.parametrize(
    ("weights", "share"),
    [
        ({}, 0.4),  # 100, 200 and 300 of 1500
        ({"asn/1": 40.0, "asn/2": 30.0, "asn/3": 10.0, "asn/4": 10.0, "asn/5": 10.0}, 0.8),
        ({"asn/1": 40.0, "asn/2": 30.0, "asn/4": 10.0, "asn/5": 10.0}, 0.4),  # of one that fell it is not known
    ],
)
def test_shares_are_of_weights_where_they_are_known(weights: dict[str, float], share: float) -> None:
    """Three networks of one operator fall by nearly all: by what is measured, or by what they weigh."""
    register = Register()
    operators = {f"asn/{asn}": "KT" for asn in (1, 2, 3)}
    register.now = Metadata({"asn/1": "First"}, operators, {}, {"KZ": weights})
    shard, tally = Shard(helpers.settings(("gauge",)), reference=ReferenceData(register=register)), Tally()
    values = dark("KZ")
    batches = (
        process(shard, tally, values[at : at + 5], range(at, at + 5), helpers.LATER) for at in range(0, len(values), 5)
    )
    revisions = [orjson.loads(line) for lines in incident_lines(shard, batches) for line in lines]
    last = revisions[-1]
    assert last["scope"]["asns"] == [1, 2, 3]
    assert last["affected_share"] == pytest.approx(share, abs=0.02)
    assert "AS1 (First)" in last["headline"]


async def test_a_worker_reads_a_table_that_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is new counts from the next tick on; what is broken is one line and a metric until it is mended."""
    file = written(tmp_path, TABLE)
    worker = worker_of(helpers.settings(("gauge",)))
    worker.reference = ReferenceData(register=Register(file))
    revisions = []
    for text in (TABLE, "broken", TABLE.replace("Kcell", "K-cell")):
        written(tmp_path, text)
        await worker.tick()
        await worker.tick()
        metric = worker.metrics.registry.get_sample_value
        revisions.append((worker.reference.register.names["asn/29355"], metric("ebbtide_metadata_broken")))
    assert revisions == [("Kcell", 0.0), ("Kcell", 1.0), ("K-cell", 0.0)]
    assert metric("ebbtide_metadata_entities") == 4
    assert [record.getMessage() for record in caplog.records] == [
        f"metadata: the previous file stays in use: {file}:1: needs the column entity or asn"
    ]
