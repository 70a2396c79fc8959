"""The state of the feeds: without a feed that is heard and judged, nothing is known of what is dark."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from deploy.grafana.parts import GREEN, JOB, RED, arranged, coloured, column, grid, joined, rows

STALLED = f"(min by (feed) (ebbtide_feed_stalled{{{JOB}}}) == 1)"
#: 1 for each feed that is heard and whose series are judged, 0 for each that is silent, warms up or has sent nothing.
JUDGED = f"((max by (feed) (ebbtide_series_judged{{{JOB}}} > bool 0) unless on (feed) {STALLED}) or 0 * {STALLED})"
_NUMBERS = {
    "stalled": f"min by (feed) (ebbtide_feed_stalled{{{JOB}}})",
    "fault": f"max by (feed) (ebbtide_feed_fault{{{JOB}}})",
    "silence": f"min by (feed) (ebbtide_feed_silence_seconds{{{JOB}}})",
    "judged": f"sum by (feed) (ebbtide_series_judged{{{JOB}}})",
    "series": f"sum by (feed) (ebbtide_series{{{JOB}}})",
    "newest": f"1000 * max by (feed) (ebbtide_last_event_timestamp_seconds{{{JOB}}})",
}
_YES = coloured({"0": GREEN, "1": RED}, ("no", "yes"), custom_width=80)


def if_heard(expr: str) -> str:
    """Return a query whose zeros are left out while no feed is heard: nothing is known to be well then."""
    return f"{expr} > 0 or {expr} and on () max({JUDGED}) > 0"


def feeds(height: int) -> table.Panel:
    """Return a table with the state of each feed."""
    text = (
        "Feeds in the settings. A feed is silent after two bins and its lateness. "
        "Judged are the series whose newest bin was compared with what is expected: 0 while all warm up."
    )
    names = {f"Value #{name}": name for name in _NUMBERS} | {
        "Value #newest": "newest event",
        "Value #stalled": "silent",
    }
    order = ("feed", *(f"Value #{name}" for name in _NUMBERS), "signal", "kind", "unit")
    found = grid("Feeds", text, (24, height))
    found = found.with_target(rows(f"max by (feed, signal, kind, unit) (ebbtide_feed_info{{{JOB}}})", "info"))
    for name, expr in _NUMBERS.items():
        found = found.with_target(rows(expr, name))
    return (
        found.with_transformation(joined("feed"))
        .with_transformation(arranged(("Value #info",), names, order))
        .override_by_name("silent", _YES)
        .override_by_name("fault", _YES)
        .override_by_name("silence", column(unit="s", decimals=0))
        .override_by_name("newest event", column(unit="dateTimeAsIso", custom_width=165))
        .override_by_name("judged", column(unit="short", decimals=0))
        .override_by_name("series", column(unit="short", decimals=0))
    )
