"""Which routes match, by region and service."""

from __future__ import annotations

import pytest

from streams.alerts.routing import matches
from streams.config.alerts import Route
from streams.config.settings import from_builtins
from tests.streams.alerts.helpers import incident, outage

WHERE = {"countries": ["IR"], "regions": ["IR-12", "IR-30"], "asns": [44244]}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"regions": ("IR-30", "IQ-BG")}, True),
        ({"regions": ("IQ-BG",)}, False),
        ({"services": ("whatsapp",)}, True),
        ({"services": ("skype",)}, False),
        ({"regions": ("IR-30",), "services": ("skype",)}, False),
    ],
)
def test_regions_and_services(filters: dict[str, tuple[str, ...]], expected: bool) -> None:
    """An incident matches if it has a value of each list; so does an outage, by its region and facets."""
    where = Route(receivers=("noc",), topics=("incidents", "outages"), **filters)  # type: ignore[arg-type]
    assert matches(incident(scope=WHERE, services=["whatsapp"]), where) is expected
    assert matches(outage(region="IR-30", facets={"service": "whatsapp"}), where) is expected


def test_regions_of_a_route_are_read_in_any_form() -> None:
    """As entities are everywhere."""
    receivers = {"noc": {"type": "slack", "url": "https://x.example/"}}
    settings = from_builtins(
        {"alerts": {"receivers": receivers, "routes": [{"receivers": ["noc"], "regions": ["ir-30"]}]}}
    )
    assert settings.alerts.routes[0].regions == ("IR-30",)
