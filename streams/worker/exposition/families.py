"""Gauge families with bounded label values, and the number of elements that a limit leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

from schemas.rejections import one_line


class Exported(NamedTuple):
    """The families of a list, and the number of its elements that a limit leaves out."""

    families: list[GaugeMetricFamily]
    left_out: int


def gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str | None], float | None]]
) -> GaugeMetricFamily:
    """Return a family. Each sample is its label values and its number; None as a number leaves the sample out.

    A label value is printable and at most 200 characters long. None becomes the empty text, which Prometheus treats as
    an absent label.
    """
    family = GaugeMetricFamily(f"ebbtide_{name}", text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric([one_line(value or "") for value in values], number)
    return family
