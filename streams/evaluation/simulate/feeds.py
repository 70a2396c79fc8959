"""The feeds of the simulated world: how each signal sees the same networks."""

from __future__ import annotations

from streams.evaluation.simulate.world import BY_ASN, HOUR, Key, SimulatedFeed

BY_REGION: tuple[Key, ...] = (("asn",), ("region",))
SERVICES = ("skype", "whatsapp", "viber", "telegram", "facebook")


def bgp(width: int) -> SimulatedFeed:
    """Visible prefixes of an ASN: a level that hardly moves."""
    return SimulatedFeed("bgp", "bgp", "gauge", width, scale=3, least=12, noise=0.002, missing=0.005)


def probing(width: int, keys: tuple[Key, ...] = BY_ASN) -> SimulatedFeed:
    """Blocks that answer probes: a little noise, a little less by night."""
    return SimulatedFeed(
        "probing",
        "active-probing",
        "gauge",
        width,
        scale=4,
        least=60,
        keys=keys,
        swing=0.03,
        noise=0.01,
        wander=0.004,
        missing=0.005,
    )


def telescope(width: int) -> SimulatedFeed:
    """Different sources whose stray packets reach a dark network."""
    scale = width / HOUR
    return SimulatedFeed(
        "telescope", "telescope", "distinct", width, 0.3 * scale, least=6, most=16, swing=0.15, noise=0.1, wander=0.01
    )


def traffic(width: int, keys: tuple[Key, ...] = (("asn", "access"),)) -> SimulatedFeed:
    """Requests that a large service gets: deep nights, weekends, growth."""
    scale = 40 * width / HOUR
    return SimulatedFeed(
        "traffic",
        "traffic",
        "count",
        width,
        scale,
        least=500 * width / HOUR,
        keys=keys,
        swing=0.35,
        noise=0.03,
        wander=0.012,
    )


def phones(width: int, keys: tuple[Key, ...] = (("asn", "access"),)) -> SimulatedFeed:
    """Subscribers whose phones are in the network, in thousands: the steadiest measure of their number."""
    return SimulatedFeed(
        "phones",
        "subscribers",
        "gauge",
        width,
        scale=100,
        least=500,
        keys=keys,
        swing=0.03,
        noise=0.004,
        wander=0.003,
        missing=0.005,
    )


def atlas(width: int) -> SimulatedFeed:
    """Probes that connect and disconnect."""
    return SimulatedFeed("atlas", "ripe-atlas", "presence", width, scale=0.1, least=6, most=20, noise=0.7)


def reach(width: int, directions: bool = False, areas: tuple[str, ...] = ()) -> SimulatedFeed:
    """Trials to reach a service from a line, by access; with directions, to services at home and abroad."""
    return SimulatedFeed(
        "reach",
        "active-probing",
        "ratio",
        width,
        scale=0.6,
        least=12,
        most=60,
        keys=(("asn", "region", "access"),),
        facet="direction" if directions else None,
        values=("domestic", "international") if directions else (),
        noise=0.01,
        missing=0.005,
        areas=areas,
    )


def voip(width: int) -> SimulatedFeed:
    """Trials of single services."""
    return SimulatedFeed(
        "voip",
        "ooni",
        "ratio",
        width,
        scale=0.2,
        least=8,
        most=30,
        facet="service",
        values=SERVICES,
        noise=0.01,
        missing=0.01,
    )
