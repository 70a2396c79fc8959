"""A shutdown for tests of what is around the pipeline: a tenth of `iran-2019`, for brokers, workers and pages."""

from __future__ import annotations

from streams.evaluation.simulate.situations import SCENARIOS

UNTIL = "2019-11-17T00:00:00Z"  # the networks of Iran are dark since noon
SHUTDOWN = SCENARIOS["iran-2019"]._replace(start="2019-11-14T00:00:00Z", end=UNTIL)
