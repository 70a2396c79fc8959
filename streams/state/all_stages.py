"""All stages of a worker, which `ebbtide state` exports and imports."""

from __future__ import annotations

from streams.state.area_stage import AreaStage
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.state.stage import Stage

STAGES: tuple[type[Stage], ...] = (MeasurementStage, AreaStage, IncidentStage)
