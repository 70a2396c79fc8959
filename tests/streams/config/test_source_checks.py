"""Sources whose settings cannot work: a line names the source and the key before anything is read."""

from __future__ import annotations

import pytest

from streams.config.settings import Settings, from_builtins
from tests.streams.sources.helpers import FILES, TOPIC, settings

PLAIN = 'ts = "t"\nasn = "a"'
PROMETHEUS = 'type = "prometheus"\nurl = "http://127.0.0.1:9090"\nquery = "up"'
IODA = 'type = "ioda"\ndatasource = "bgp"\nentities = ["country/TR"]'
OURS = 'type = "kafka"\ntopic = "live.measurements"'


def refused(fields: str, source: str = FILES, bin_width: str = "1m", kafka: str = "") -> str:
    """Return the fault for which settings are refused."""
    with pytest.raises(ValueError, match=r" - at `\$\.sources\.s`$") as error:
        settings(fields, source=source, bin_width=bin_width, kafka=kafka)
    return str(error.value)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ('ts = { const = 1700000000 }\nasn = "a"', "`fields.ts`: `const` gives all records the same time"),
        (f'{PLAIN}\ncountry = {{ const = "Germany" }}', "`fields.country`: `const`: country: 'Germany' is no country"),
        (f'{PLAIN}\nregion = {{ const = "Kyiv" }}', "`fields.region`: `const`: region must be CC-name"),
        (f'{PLAIN}\naccess = {{ const = "wifi" }}', "`fields.access`: `const`: Invalid enum value 'wifi'"),
        (f"{PLAIN}\nvalue = {{ const = -1 }}", "`fields.value`: `const`: Expected `float` >= 0.0"),
        ('ts = "t"\nasn = { const = "AS0" }', "`fields.asn`: `const`: asn"),
        (
            'ts = "t"\nasn = { key = true }',
            "`fields.asn`: `key`, `header` and `kafka_timestamp` are for sources of Kafka",
        ),
        (f'{PLAIN}\ncountry = {{ header = "cc" }}', "`fields.country`: `key`, `header` and `kafka_timestamp`"),
    ],
)
def test_a_field_that_no_record_can_have_is_refused(fields: str, fault: str) -> None:
    """A constant that each record would be rejected for, or what only messages of Kafka have."""
    assert refused(fields).startswith(fault)


@pytest.mark.parametrize("const", ['"de"', '"DE"'])
def test_a_constant_is_read_as_a_field_of_a_measurement(const: str) -> None:
    """A country in lower case is taken, as in measurements."""
    assert isinstance(settings(f"{PLAIN}\ncountry = {{ const = {const} }}"), Settings)


@pytest.mark.parametrize("source", [PROMETHEUS, IODA])
@pytest.mark.parametrize(("step", "width"), [("2m", "5m"), ("10m", "5m"), ("7s", "1m")])
def test_a_step_must_be_a_part_of_the_bin(source: str, step: str, width: str) -> None:
    """Else some bins have more values than others, or none."""
    fault = refused('asn = "asn"', f'{source}\nstep = "{step}"', width)
    assert "the bin of feed 'f'" in fault


def test_a_source_does_not_read_what_it_writes() -> None:
    """Not on its own cluster; a topic of that name elsewhere, or without the prefix, is another."""
    assert "`topic` 'live.measurements' is the topic that measurements are written to" in refused(
        PLAIN, OURS, kafka='prefix = "live."'
    )
    assert settings(PLAIN, source=OURS)
    assert settings(PLAIN, source=f'{OURS}\nbootstrap_servers = ["elsewhere:9092"]', kafka='prefix = "live."')
    assert settings(PLAIN, source=TOPIC, kafka='prefix = "live."')


@pytest.mark.parametrize("kind", ["goflow2", "pmacct", "akvorado"])
def test_flows_are_no_level(kind: str) -> None:
    """The last flow of a bin says nothing."""
    more = '\nschema_file = "x"' if kind == "akvorado" else ""
    with pytest.raises(ValueError, match="flows add up: needs a feed of kind `count`, got `gauge`"):
        settings("", kind="gauge", source=f'type = "{kind}"\ntopic = "theirs"{more}')


def test_a_list_of_no_values_is_refused() -> None:
    """It would leave out all records, and say nothing."""
    with pytest.raises(ValueError, match=r"length >= 1 - at `\$.sources.s.keep"):
        settings(PLAIN, more="[sources.s.keep]\nstate = []")


@pytest.mark.parametrize("source", [PROMETHEUS, IODA])
def test_a_service_that_is_away_is_no_zero(source: str) -> None:
    """A count of what a service says is unknown without it, unless the feed says otherwise."""
    fields = 'asn = "asn"'
    assert not settings(fields, source=f'{source}\nstep = "1m"').feeds["f"].silence_is_zero
    assert settings(PLAIN, source=FILES).feeds["f"].silence_is_zero
    text = {"signal": "traffic", "kind": "count", "bin": 60, "absent": "zero"}
    asked = {"type": "prometheus", "feed": "f", "url": "http://x", "query": "q", "fields": {"asn": "asn"}}
    assert from_builtins({"feeds": {"f": text}, "sources": {"s": asked}}).feeds["f"].silence_is_zero
