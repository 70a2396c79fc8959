"""Which receivers a notice goes to, by which route, and whether that route is quiet now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.alerts.notice import Notice
from streams.config.alerts import Alertmanager, AnyReceiver, PagerDuty, Route
from streams.config.quiet_hours import is_quiet


def targets(notice: Notice, routes: Iterable[Route]) -> dict[str, Route]:
    """Return the route that leads to each receiver: that of the first match, and of those after a `continue`."""
    found: dict[str, Route] = {}
    for route in routes:
        if matches(notice, route):
            for name in route.receivers:
                found.setdefault(name, route)
            if not route.goes_on:
                break
    return found


def matches(notice: Notice, route: Route) -> bool:
    """Say whether a notice has one of each list of a route; an empty list matches all."""
    pairs: tuple[tuple[Sequence[object], Sequence[object]], ...] = (
        (route.countries, notice.countries),
        (route.asns, notice.asns),
        (route.feeds, notice.feeds),
        (route.kinds, notice.kinds),
        (route.severities, (notice.severity,)),
        (route.states, (notice.state,)),
    )
    is_topic = f"{notice.subject}s" in route.topics
    return is_topic and all(not wanted or any(one in wanted for one in there) for wanted, there in pairs)


def is_held(notice: Notice, route: Route | None, receiver: AnyReceiver, is_end: bool, now: float) -> bool:
    """Say whether quiet hours hold it. An end goes at once to what keeps a state of its own and wakes nobody by it."""
    if route is None or not route.quiet or (route.critical_passes and notice.severity == "total" and not is_end):
        return False
    if is_end and isinstance(receiver, PagerDuty | Alertmanager):
        return False
    return is_quiet(route.quiet, route.timezone, now)
