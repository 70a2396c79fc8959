"""The map and the countries over time: by the share of each country, never by its worst series."""

from __future__ import annotations

import re

from tests.deploy.grafana.boards import boards, panel, query

BOARD = "ebbtide-overview"
SHARE = 'ebbtide_country_affected_ratio{job=~"$job", country=~"$country"}'


def test_the_map_asks_nobody_outside() -> None:
    """Its shapes come with Grafana, and its countries are named by three letters, as those are."""
    world = panel(BOARD, "World")
    layers = [world["options"]["basemap"], *world["options"]["layers"]]
    assert {layer["config"]["src"] for layer in layers} == {"public/maps/countries.geojson"}
    assert layers[1]["config"]["idField"] == "alpha3"


def test_countries_have_the_share_that_is_lost() -> None:
    """A city or one service that is dark made a whole country red."""
    for title in ("World", "Countries over time"):
        expr = query(BOARD, title)
        assert SHARE in expr
        assert "ebbtide_open_outages" not in expr
        assert panel(BOARD, title)["fieldConfig"]["defaults"]["unit"] == "percentunit"


def test_the_first_row_of_the_map_is_of_no_country() -> None:
    """Grafana 9.3 to 11 do not colour it, and with a filter on one country nothing would be shown."""
    assert query(BOARD, "World").endswith(' or label_replace(vector(-1), "alpha3", "-", "", "")')
    (sort,) = panel(BOARD, "World")["transformations"]
    assert (sort["id"], sort["options"]["sort"]) == ("sortBy", [{"field": "Value", "desc": False}])


def test_countries_over_time_are_chosen_once() -> None:
    """By the largest share within the range: chosen for each step, a row would have holes."""
    expr = query(BOARD, "Countries over time")
    assert expr.endswith(f"topk(20, max by (country) (max_over_time({SHARE}[$__range] @ end())))")
    assert expr.startswith(f"max by (country) ({SHARE}) and on (country) ")


def test_the_map_has_a_legend_and_a_tooltip() -> None:
    """The legend names the colours of the thresholds, which both panels share, and the one of what is unknown."""
    world, over_time = panel(BOARD, "World"), panel(BOARD, "Countries over time")
    steps = world["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps == over_time["fieldConfig"]["defaults"]["thresholds"]["steps"]
    (legend,) = [panel for panel in boards()[BOARD]["panels"] if panel["type"] == "text"]
    shown = re.findall(r"color:([#\w]+)", legend["options"]["content"])
    assert shown == [step["color"] for step in [*steps[1:], steps[0]]]
    assert world["options"]["tooltip"] == {"mode": "details"}
    assert world["options"]["layers"][0]["tooltip"] is True
    assert world["options"]["controls"]["showZoom"] is True
    assert over_time["options"]["legend"]["showLegend"] is True
