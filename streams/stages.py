"""All stages of a worker: whose state `ebbtide state` carries."""

from __future__ import annotations

from streams.areas.stage import AreaStage
from streams.incident_stage import IncidentStage
from streams.partition import Partition
from streams.stage import Stage

STAGES: tuple[type[Stage], ...] = (Partition, AreaStage, IncidentStage)
