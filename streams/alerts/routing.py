"""Which receivers a notice goes to, by which route, and whether the route is in quiet hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.alerts.notice import Notice
from streams.config.alerts import Route
from streams.config.quiet_hours import is_quiet
from streams.config.receivers import AnyReceiver


def targets(notice: Notice, routes: Iterable[Route]) -> dict[str, Route]:
    """Return the first route that leads to each receiver. Routes after a match count only with `continue`."""
    found: dict[str, Route] = {}
    for route in routes:
        if matches(notice, route):
            for name in route.receivers:
                found.setdefault(name, route)
            if not route.goes_on:
                break
    return found


def matches(notice: Notice, route: Route) -> bool:
    """Return whether a notice has a value of each list of a route. An empty list matches every notice."""
    pairs: tuple[tuple[Sequence[object], Sequence[object]], ...] = (
        (route.countries, notice.countries),
        (route.regions, notice.regions),
        (route.services, notice.services),
        (route.asns, notice.asns),
        (route.feeds, notice.feeds),
        (route.kinds, notice.kinds),
        (route.severities, (notice.severity,)),
        (route.states, (notice.state,)),
    )
    is_topic = f"{notice.subject}s" in route.topics
    return is_topic and all(not wanted or any(value in wanted for value in values) for wanted, values in pairs)


def is_silenced(notice: Notice, receiver: AnyReceiver, now: float, silenced_until: float) -> bool:
    """Return whether a notice waits for the end of a silence. Ends go out at once where they do in quiet hours."""
    return now < silenced_until and not (notice.is_end and receiver.keeps_alerts)


def is_snoozed(notice: Notice, route: Route | None, receiver: AnyReceiver, now: float) -> bool:
    """Return whether a notice waits for the end of quiet hours.

    PagerDuty, Opsgenie and an Alertmanager get an end at once: they keep a state, and a resolved alert wakes nobody.
    """
    if route is None or not route.quiet:
        return False
    if route.critical_passes and notice.severity == "total" and not notice.is_end:
        return False
    if notice.is_end and receiver.keeps_alerts:
        return False
    return is_quiet(route.quiet, route.timezone, now)
