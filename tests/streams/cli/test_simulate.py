"""`ebbtide simulate` as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli import main
from streams.config.line_files import read_lines
from streams.evaluation import cases
from streams.evaluation.simulate.situations import SCENARIOS
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days of a scenario in the place of the whole."""
    whole = SCENARIOS["xinjiang-2015"]
    monkeypatch.setitem(SCENARIOS, whole.name, whole._replace(start="2015-11-15T00:00:00Z", end="2015-11-18T00:00:00Z"))


@pytest.mark.usefixtures("short")
def test_a_scenario_is_a_case_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder can be scored like a recording, and says what must come out."""
    folder = tmp_path / "small"
    assert main.main(["simulate", "xinjiang-2015", "--seed", "3", "--output", str(folder)]) == 0
    assert [label.entity for label in cases.read(folder).labels] == ["region/CN-XJ"]
    (incident,) = map(json.loads, (folder / "truth.jsonl").read_text().splitlines())
    assert incident["scope"] == {"countries": ["CN"], "regions": ["CN-XJ"], "asns": [9808, 17816]}
    written = len(list(read_lines(str(folder / cases.MEASUREMENTS))))
    assert capsys.readouterr() == ("", f"{written:,} measurements in {folder}\n")


@pytest.mark.usefixtures("short")
def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with a recording stays as it is, unless `--force` says otherwise."""
    (tmp_path / cases.LABELS).write_text("mine")
    arguments = ["simulate", "xinjiang-2015", "--output", str(tmp_path)]
    assert main.main(arguments) == 2
    assert "labels.csv is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [cases.LABELS]
    assert main.main([*arguments, "--force"]) == 0


@pytest.mark.kafka
@pytest.mark.usefixtures("short")
def test_a_scenario_goes_to_kafka(kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the folder is a message, in order."""
    cluster = Cluster(kafka.address, "simulated", tmp_path)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    assert main.main(["simulate", "xinjiang-2015", "--output", str(tmp_path), "--kafka"]) == 0
    sent = [record.value for record in cluster.all_records(cluster.kafka.measurements)]
    assert sent == list(read_lines(str(tmp_path / cases.MEASUREMENTS)))


def test_all_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, its name first."""
    assert main.main(["simulate", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SCENARIOS)


def test_wrong_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No scenario, a speed without Kafka, a folder that cannot be written."""
    (tmp_path / "file").write_text("")
    for arguments, said in (
        ([], "needs SCENARIO, or --list"),
        (["quiet", "--speed", "2"], "--speed needs --kafka"),
        (["xinjiang-2015", "--output", str(tmp_path / "file")], f"{tmp_path / 'file'}: cannot be written"),
    ):
        assert main.main(["simulate", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err


def test_an_unknown_scenario_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """The names that there are are said."""
    with pytest.raises(SystemExit) as ended:
        main.main(["simulate", "atlantis"])
    assert ended.value.code == 2
    assert "'zhanaozen-2011'" in capsys.readouterr().err
