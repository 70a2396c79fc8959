"""Families of gauges with bounded labels, and how much a limit has left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

from schemas.rejections import one_line


class Exported(NamedTuple):
    """Families, and how many of what they list are missing because of a limit."""

    families: list[GaugeMetricFamily]
    left_out: int


def gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str | None], float | None]]
) -> GaugeMetricFamily:
    """Return a family. A sample is its labels and its number; what is unknown (None) has none.

    A label's value is printable and at most 200 characters long; None is the empty text, as if there were no label.
    """
    family = GaugeMetricFamily(f"ebbtide_{name}", text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric([one_line(value or "") for value in values], number)
    return family
