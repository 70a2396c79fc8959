"""Entities in settings, as operators write them."""

from __future__ import annotations

from streams.config.settings import from_builtins

URL = "https://example.net/"


def test_entities_of_settings_are_read_in_any_form() -> None:
    """The watch list, the calendar and the routes of alerts have entities as messages write them."""
    entry = {"starts": "2026-12-01T00:00:00Z", "ends": "2026-12-02T00:00:00Z", "entities": ["AS29355", "kz", "1.10"]}
    settings = from_builtins(
        {
            "metrics": {"watch": ["AS64500", "as64501", "IR", "country/kz", "ir-30"]},
            "calendar": [entry],
            "alerts": {
                "receivers": {"noc": {"type": "slack", "url": URL}},
                "routes": [{"receivers": ["noc"], "countries": ["ir"], "asns": ["AS64500", 64501]}],
            },
        }
    )
    assert settings.metrics.watch == ("asn/64500", "asn/64501", "country/IR", "country/KZ", "region/IR-30")
    assert settings.calendar[0].entry().entities == ["asn/29355", "asn/65546", "country/KZ"]
    assert (settings.alerts.routes[0].countries, settings.alerts.routes[0].asns) == (("IR",), (64500, 64501))
