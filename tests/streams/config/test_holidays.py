"""Public holidays: their days by local midnight, where they are shown, and that they change nothing."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path
from unittest.mock import patch

import msgspec
import orjson
import pytest

from schemas.times import parse_time
from streams.cli.main import main
from streams.config import holidays
from streams.config.errors import SettingsError
from streams.config.holidays import HolidaysSettings, demand_holidays, holidays_at, holidays_of
from streams.config.settings import Duration, FeedSettings, Settings, from_builtins
from streams.evaluation.explain import Question, explain, report
from streams.evaluation.explain_json import json_lines
from tests.ebbtide import ebbtide
from tests.schemas.examples import INCIDENT
from tests.streams.cli.test_outages import worker
from tests.streams.worker.web.pages import page
from tests.streams.worker.web.site import SETTINGS, read, story

IRAN = HolidaysSettings(countries=("AZ", "IR"))


def names(country: str, time: str) -> list[str]:
    """Return the names of the holidays of a country at a time."""
    return [holiday.name for holiday in holidays_at([country], parse_time(time))]


def test_a_day_is_that_of_the_country() -> None:
    """11 February in Iran is from 20:30 UTC of the day before to 20:30."""
    (day,) = [found for found in holidays_of("IR", 2026) if found.name == "Islamic Revolution Day"]
    assert (day.starts, day.ends) == (parse_time("2026-02-10T20:30:00Z"), parse_time("2026-02-11T20:30:00Z"))
    assert names("IR", "2026-02-10T20:29:59Z") == [] != names("IR", "2026-02-10T20:30:00Z")
    assert names("IR", "2026-02-11T20:29:59Z") != [] == names("IR", "2026-02-11T20:30:00Z")


def test_a_country_with_several_zones_has_the_day_from_its_first_midnight_to_its_last() -> None:
    """Russia's New Year: from midnight in Kamchatka to the end of the day in Kaliningrad."""
    first = holidays_of("RU", 2026)[0]
    assert (first.starts, first.ends) == (parse_time("2025-12-31T12:00:00Z"), parse_time("2026-01-01T22:00:00Z"))
    assert first.name not in names("RU", "2025-12-31T11:59:59Z")
    assert first.name in names("RU", "2025-12-31T12:00:00Z")


def test_a_midnight_that_clocks_skip_is_when_they_skip_it() -> None:
    """Lebanon's 25 March 2018 had no midnight: it began at 22:00 UTC and took 23 hours."""
    (annunciation,) = [found for found in holidays_of("LB", 2018) if found.day.isoformat() == "2018-03-25"]
    assert annunciation.starts == parse_time("2018-03-24T22:00:00Z")
    assert annunciation.ends - annunciation.starts == 23 * 3600


def test_lists_are_in_order_and_the_same_each_time() -> None:
    """Of two countries by country; of a year by time."""
    both = holidays_at(["RU", "KZ", "RU"], parse_time("2026-01-01T06:00:00Z"))
    assert [found.country for found in both] == ["KZ", "RU"]
    year = holidays_of("KZ", 2026)
    holidays_of.cache_clear()
    assert list(year) == sorted(year) == list(holidays_of("KZ", 2026))


def test_countries_without_a_list_are_named(tmp_path: Path) -> None:
    """A code of nobody; the settings refuse what is no code, and `ebbtide check` says so with all other faults."""
    with pytest.raises(SettingsError, match="no public holidays are listed for QX, QY"):
        demand_holidays(["IR", "QX", "QY"])
    (tmp_path / "ebbtide.toml").write_text('[holidays]\ncountries = ["QX"]\n')
    done = ebbtide("check", "--offline", cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"listed for QX")) == (1, 1)
    with pytest.raises(msgspec.ValidationError, match=r"holidays\.countries"):
        from_builtins({"holidays": {"countries": ["ir"]}})


def test_without_the_package_one_line_says_what_to_install() -> None:
    """Only where countries are set."""

    def find_spec(name: str) -> object:
        return None if name == "holidays" else PathFinder.find_spec(name)

    with patch.object(holidays, "find_spec", find_spec):
        demand_holidays([])
        with pytest.raises(SettingsError, match=r"pip install 'ebbtide\[holidays\]'"):
            demand_holidays(["IR"])


def test_the_command_lists_a_year() -> None:
    """A line for each: country, day, begin and end in UTC, and name; of the arguments, else of the settings."""
    done = ebbtide("calendar", "holidays", "kz", "IR", "--year", "2026")
    lines = done.stdout.decode().splitlines()
    assert "IR  2026-02-11  2026-02-10T20:30:00Z  2026-02-11T20:30:00Z  Islamic Revolution Day" in lines
    assert b"'2200' is no year from 1970 to 2100\n" in ebbtide("calendar", "holidays", "IR", "--year", "2200").stderr
    assert [line[4:] for line in lines] == sorted(line[4:] for line in lines if line[:2] in ("KZ", "IR"))


def test_pages_show_the_holiday_on_which_an_incident_began() -> None:
    """On the overview, on its page and on those of its outages; detection is the same, and nothing is suppressed."""
    values = story()
    shifted = [orjson.dumps({**(old := orjson.loads(text)), "ts": old["ts"] + FROM_TUESDAY}) for text in values]
    plain, shown = (
        read(shifted, msgspec.structs.replace(SETTINGS, holidays=given)) for given in (SETTINGS.holidays, IRAN)
    )
    assert plain.incidents() == shown.incidents()
    assert plain.outages() == shown.outages()
    assert not any(found.suppressed_by for found in shown.incidents())
    assert not any(found.suppressed_by for found in shown.outages())
    incident = next(found for found in shown.incidents() if found.scope.countries == ["IR"])
    outage = next(found for found in shown.outages() if found.entity == "asn/1")
    texts = [
        page(shown, "/").text,
        page(shown, f"/incidents/{incident.incident_id}", "/incidents/{id}", id=incident.incident_id).text,
        page(shown, f"/outages/{outage.outage_id}", "/outages/{id}", id=outage.outage_id).text,
    ]
    assert all("Islamic Revolution Day in Iran" in " ".join(text.split()) for text in texts)
    assert "Islamic" not in page(plain, "/").text


START_OF_STORY, FALL = parse_time("2019-12-24T00:00:00Z"), 77 * 3600
FROM_TUESDAY = parse_time("2020-02-11T05:00:00Z") - FALL - START_OF_STORY


DAY = {"type": "holiday", "country": "IR", "day": "2020-02-11", "name": "Islamic Revolution Day"}


def test_explain_live_names_the_holiday(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of the country of an incident at its start, or of an entity at the time asked for."""
    settings = tmp_path / "ebbtide.toml"
    settings.write_text('[holidays]\ncountries = ["IR"]\n')
    incident = {**orjson.loads(INCIDENT), "started_at": "2020-02-11T06:00:00Z"}
    incident["spread"] = [{"at": incident["started_at"], "entity": "asn/43754"}]
    with worker(200, orjson.dumps({"outages": [], "incidents": [incident]})) as url:
        asked = ["explain", "as43754", "--worker", url, "--settings", str(settings)]
        assert main([*asked, "--json"]) == 0
        assert orjson.loads(capsys.readouterr().out.splitlines()[-1]) == DAY
        assert main(asked) == 0
        assert "2020-02-11 is a public holiday in Iran: Islamic Revolution Day." in capsys.readouterr().out
        assert main(["explain", "ir", *asked[2:], "--at", "2020-02-10", "--json"]) == 0
    assert "holiday" not in capsys.readouterr().out


def test_explain_names_the_holiday(tmp_path: Path) -> None:
    """At the time asked for, and not on the day before."""
    feed = FeedSettings(signal="bgp", kind="gauge", bin=Duration(3600))
    given = Settings(feeds={"bgp": feed}, holidays=IRAN)
    start = parse_time("2020-02-09T00:00:00Z")
    file = tmp_path / "measurements.jsonl"
    rows = [{"feed": "bgp", "ts": start + hour * 3600, "country": "IR", "value": 100 + hour % 7} for hour in range(80)]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def lines(at: str) -> list[str]:
        question = Question("country/IR", at=parse_time(at))
        return list(report(explain(given, question, [str(file)], lambda: 4e9, lambda tally: None), question))

    question = Question("country/IR", at=parse_time("2020-02-11T06:00:00Z"))
    answer = explain(given, question, [str(file)], lambda: 4e9, lambda tally: None)
    assert orjson.loads([*json_lines(answer, question)][-1]) == DAY
    assert lines("2020-02-11T06:00:00Z")[-1] == "2020-02-11 is a public holiday in Iran: Islamic Revolution Day."
    assert "holiday" not in "".join(lines("2020-02-10T06:00:00Z"))
