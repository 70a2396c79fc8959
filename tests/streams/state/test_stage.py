"""What all stages have in common: a snapshot that is not theirs is an error of ours."""

from __future__ import annotations

import pytest

from streams.config.errors import StateError
from streams.state.all_stages import STAGES
from streams.state.row_codec import pack
from streams.state.snapshot_store import SnapshotStore
from streams.state.stage import Stage
from tests.streams.finding_helpers import SETTINGS


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("values", [{}, {"offset": 1}, {"offset": 1, "sites": 5, "feeds": 5, "at": 5}])
def test_a_snapshot_of_something_else_is_one_line(stage: type[Stage], values: dict[str, int]) -> None:
    """It is whole, and holds something else: the line names topic and partition."""
    table: dict[bytes, bytes] = {}
    SnapshotStore(table, 3, stage.folder).save(values, {"book": pack({}, {}), "running": pack({}, {})})
    with pytest.raises(StateError, match=f"{stage.topic}, partition 3: a snapshot is not one of format") as error:
        stage(SETTINGS, 3, table, 0.0)
    assert "\n" not in str(error.value)
