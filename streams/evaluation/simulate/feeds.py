"""The feeds of the simulated world: how each signal sees the same networks."""

from __future__ import annotations

from streams.evaluation.simulate.world import BY_ASN, HOUR, Feed, Key

BY_REGION: tuple[Key, ...] = (("asn",), ("region",))
SERVICES = ("skype", "whatsapp", "viber", "telegram", "facebook")


def bgp(width: int) -> Feed:
    """Visible prefixes of an ASN: a level that hardly moves."""
    return Feed("bgp", "bgp", "gauge", width, scale=3, least=12, noise=0.002, missing=0.005)


def probing(width: int, keys: tuple[Key, ...] = BY_ASN) -> Feed:
    """Blocks that answer probes: a little noise, a little less by night."""
    return Feed(
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


def telescope(width: int) -> Feed:
    """Different sources whose stray packets reach a dark network."""
    scale = width / HOUR
    return Feed(
        "telescope", "telescope", "distinct", width, 0.3 * scale, least=6, most=16, swing=0.15, noise=0.1, wander=0.01
    )


def traffic(width: int, keys: tuple[Key, ...] = (("asn", "access"),)) -> Feed:
    """Requests that a large service gets: deep nights, weekends, growth."""
    scale = 40 * width / HOUR
    return Feed(
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


def phones(width: int, keys: tuple[Key, ...] = (("asn", "access"),)) -> Feed:
    """Subscribers whose phones are in the network, in thousands: the steadiest measure of their number."""
    return Feed(
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


def atlas(width: int) -> Feed:
    """Probes that connect and disconnect."""
    return Feed("atlas", "ripe-atlas", "presence", width, scale=0.1, least=6, most=20, noise=0.7)


def reach(width: int, directions: bool = False, areas: tuple[str, ...] = ()) -> Feed:
    """Trials to reach a service from a line, by access; with directions, to services at home and abroad."""
    return Feed(
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


def voip(width: int) -> Feed:
    """Trials of single services."""
    return Feed(
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
