"""The newest measurement of a network names its country, whatever the batches, with or without a restart."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from schemas.incident import decode_incident
from streams.config.settings import from_builtins
from tests.streams import helpers
from tests.streams.finding_helpers import findings, incidents
from tests.streams.helpers import HOUR, START, interrupted, message, run

FALL, END = 60, 72
Named = Callable[[int], str | None]
COURSES: dict[str, tuple[Named, list[str]]] = {
    "moved": (lambda hour: "UA" if hour < 30 else "RU", ["RU"]),
    "moved back": (lambda hour: "RU" if 20 <= hour < 40 else "UA", ["UA"]),
    "given sometimes": (lambda hour: "RU" if hour % 5 == 4 else None, ["RU"]),
    "given late": (lambda hour: "RU" if hour >= 50 else None, ["RU"]),
    "not given since": (lambda hour: ("UA" if hour < 10 else "RU") if hour < 20 else None, ["RU"]),
    "moved as it fell": (lambda hour: "UA" if hour < FALL else "RU", ["RU"]),
    "moved while it was down": (lambda hour: "UA" if hour < FALL + 3 else "RU", ["UA"]),
    "named by two": (lambda hour: "UA" if hour % 2 else "RU", ["RU"]),
}


def measured(named: Named) -> list[bytes | None]:
    """Return hourly levels of a network that falls and comes back, and of others that stay where they are."""
    values: list[bytes | None] = []
    for hour in range(90):
        for asn in range(1, 5):
            country = named(hour) if asn == 1 else ("UA", "RU")[asn % 2]
            level = 0 if asn == 1 and FALL <= hour < END else 500 + hour * 7 % 5
            fields: dict[str, object] = {"value": level, **({"country": country} if country else {})}
            values.append(message("gauge", START + hour * HOUR + asn * 60, asn, **fields))
    return values


@pytest.mark.parametrize("course", COURSES)
def test_the_country_of_an_outage(course: str) -> None:
    """It is that of the newest measurement when the outage begins, and stays so to its end."""
    named, expected = COURSES[course]
    settings, values = helpers.settings(("gauge",)), measured(named)
    whole = run(settings, values)
    outages = [orjson.loads(outage) for outage in whole.outages]
    assert {outage["entity"] for outage in outages} == {"asn/1"}
    assert [*dict.fromkeys(outage["country"] for outage in outages)] == expected
    for step in (1, 7, 53):
        assert run(settings, values, range(step, len(values), step)).outages == whole.outages
    assert interrupted(settings, values, list(range(5, len(values), 31)))[0] == whole.outages


def test_one_failure_is_one_incident() -> None:
    """The sum of its new country falls with the network, the sum of the country that it left does not."""
    feed = {"signal": "bgp", "kind": "gauge", "bin": "1h", "lateness": "10m", "areas": ["country"]}
    settings = from_builtins({"feeds": {"gauge": feed}})
    reports = findings(settings, 0, [value for value in measured(COURSES["moved"][0]) if value])
    found = list(map(decode_incident, incidents(settings, 1, reports)))
    assert {tuple(incident.scope.countries) for incident in found} == {("RU",)}
    assert len({incident.incident_id for incident in found if not incident.merged_into}) == 1
    assert max(len(incident.outage_ids) for incident in found) == 2


def test_a_country_named_between_two_others_in_one_bin_is_forgotten_in_any_batches() -> None:
    """Each hour a network is measured in its own country, in another, and in its own again: it stays where it is."""
    settings, values = helpers.settings(("gauge",)), list[bytes | None]()
    for hour in range(90):
        level = 0 if FALL <= hour < END else 500 + hour * 7 % 5
        for minute, country in ((1, "UA"), (2, "RU"), (3, "UA")):
            values.append(message("gauge", START + hour * HOUR + minute * 60, 1, value=level, country=country))
    whole = run(settings, values)
    assert {orjson.loads(outage)["country"] for outage in whole.outages} == {"UA"}
    for step in (1, 2, 7):
        assert run(settings, values, range(step, len(values), step)).outages == whole.outages
