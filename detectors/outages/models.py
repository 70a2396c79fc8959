"""The model of each kind of feed: the only place where a detector looks at the name of the kind."""

from __future__ import annotations

from detectors.types import Kind

from .detector_state import FeedModel
from .level_kinds import Count, Distinct, Gauge, Ratio
from .level_model import LevelModel
from .presence_model import PresenceModel

MODELS: dict[Kind, FeedModel] = {
    "gauge": LevelModel(Gauge()),
    "count": LevelModel(Count()),
    "distinct": LevelModel(Distinct()),
    "ratio": LevelModel(Ratio()),
    "presence": PresenceModel(),
}
