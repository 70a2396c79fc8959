"""Programs that tests run and that may be missing: where they are, or why a test is skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest


def demand(names: Sequence[str], missing: str, variable: str, path: str | None = None) -> list[str]:
    """Return where the programs are; skip the test, or fail it when the environment has the variable, without.

    `missing`: what to say when a program is. `path`: where to look in place of PATH.
    """
    found = [shutil.which(name, path=path) for name in names]
    if None in found:
        if os.environ.get(variable):
            pytest.fail(f"{missing}, and {variable} is set")
        pytest.skip(missing)
    return list(map(str, found))
