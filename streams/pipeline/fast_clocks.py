"""Whose clock is ahead: who sent measurements with times after their receipt."""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.types import Floats
from schemas.measurement import Measurement, entity_of
from streams.ingest.measurement_slice import MeasurementSlice

AHEAD: Final = 30.0  # seconds
MOST: Final = 20  # names kept of a feed, and looked at in a batch
HOUR: Final = 3600.0


class FastClocks:
    """Of one feed, by entity and member: how far ahead of receipt its last such measurement was (s), and its receipt.

    The one of longest ago is first, and is forgotten first. `received`: newest receipt of the newest measurements, by a
    clock that is no producer's where there is one.
    """

    def __init__(self) -> None:
        self.ahead: dict[str, tuple[float, float]] = {}
        self.received: float | None = None

    def note(self, part: MeasurementSlice, received: Floats | float, there: Floats | float | None) -> Floats:
        """Return by how much each measurement is ahead of its receipt (s), and note who is ahead most.

        `there`: the receipt by a clock that is no producer's.
        """
        lead = part.columns.ts - received
        self.received = float(np.max(received if there is None else there)) if len(lead) else self.received
        if len(lead) and lead.max() > AHEAD:
            most = np.argsort(lead, kind="stable")[-MOST:]
            at = np.broadcast_to(np.asarray(received), lead.shape)
            for index in most[lead[most] > AHEAD].tolist():
                name = _name(part.pool[int(part.place[index])])
                self.ahead.pop(name, None)
                self.ahead[name] = float(lead[index]), float(at[index])
            while len(self.ahead) > MOST:
                del self.ahead[next(iter(self.ahead))]
        return lead

    def lead_of(self, newest: float | None) -> float:
        """Return by how much the time of the feed is ahead of the receipt of its newest measurements (s), 0 if none."""
        return 0.0 if newest is None or self.received is None else max(0.0, newest - self.received)

    def since(self, newest: float | None) -> dict[str, float]:
        """Return the seconds ahead of those seen in the last hour of the feed, most first."""
        recent = {name: lead for name, (lead, at) in self.ahead.items() if newest is None or at > newest - HOUR}
        return dict(sorted(recent.items(), key=lambda item: (-item[1], item[0])))


def _name(measurement: Measurement) -> str:
    entity = entity_of(measurement)
    return entity if measurement.member is None else f"{entity}, member {measurement.member}"
