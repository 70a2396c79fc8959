"""The event time that is believed as measurements of a feed come.

Where the broker says when it received them, none moves time past its receipt. A recording, and a producer's own word,
do not bound time: there it is what the entities agree on.
"""

from __future__ import annotations

from binascii import crc32

import numpy as np

from detectors.clock_agreement import Agreement
from detectors.types import Floats, Ints
from detectors.watermark import TimeRule, Watermark
from schemas.measurement import Measurement, entity_of
from streams.ingest.batch import Batch
from streams.ingest.columns import SHIFT
from streams.ingest.measurement_slice import MeasurementSlice


class BelievedTime:
    """Of one feed. `agreement`: what the entities agree on, None where receipt bounds time."""

    def __init__(self, rule: TimeRule) -> None:
        self.rule = rule
        self.agreement: Agreement | None = None

    def reached(self, part: MeasurementSlice, batch: Batch, mark: Watermark) -> Floats:
        """Return the time believed as each of these measurements has come (Unix s), -inf where there is none."""
        bounded = np.minimum(part.columns.ts, batch.received_at(part.positions))
        if batch.is_proven:
            self.agreement = None
            return bounded
        mark.measure(float(bounded.max()))
        self.agreement = self.agreement or Agreement(self.rule)
        newest = -np.inf if mark.newest is None or mark.is_founding else mark.newest
        return self.agreement.take(entities(part), bounded, batch.offsets_at(part.positions), newest)


def entities(part: MeasurementSlice) -> Ints:
    """Return a number for the entity of each measurement, int64 (n,)."""
    entities = part.columns.code >> SHIFT
    for index in np.flatnonzero(part.columns.code < 0).tolist():
        entities[index] = _number(part.pool[int(part.place[index])])
    return entities


def _number(measurement: Measurement) -> int:
    """Return the ASN of a measurement, or a number less than 0 for a region or country."""
    return measurement.asn or -1 - crc32(entity_of(measurement).encode())
