"""The table of severities: complete, in order, and the same in all packages."""

from __future__ import annotations

from typing import get_args

from deploy.grafana import parts
from detectors.outages.outage_lifecycle import severity
from detectors.types import Severity as DetectorSeverity
from schemas.severity import SEVERITIES, Severity


def test_the_table_has_all_severities_mildest_first() -> None:
    """Ranks count from 0 in the order of the type, and deeper drops have higher ranks."""
    assert tuple(SEVERITIES) == get_args(Severity)
    assert [terms.rank for terms in SEVERITIES.values()] == [0, 1, 2]
    assert [severity(drop) for drop in (0.1, 0.5, 0.9)] == list(SEVERITIES)


def test_packages_that_import_no_schemas_agree() -> None:
    """Detectors name the same severities, and dashboards have a colour for each, in the same order."""
    assert get_args(DetectorSeverity) == get_args(Severity)
    assert tuple(parts.SEVERITIES) == get_args(Severity)
