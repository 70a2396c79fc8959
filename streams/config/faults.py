"""All faults of a settings file at once: each with file and line, the valid values, and what may have been meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.config.errors import SettingsError
from streams.config.hints import MISSING
from streams.config.loader import read_values
from streams.config.settings import Settings

MOST = 50  # faults


def faults_of(path: Path, environ: Mapping[str, str]) -> tuple[list[str], Settings | None]:
    """Return a line for each fault of a file and of the environment, and the settings without what is faulty.

    There are no settings when the fault is the whole file. Raises SettingsError for a file that is no TOML.
    """
    plain, found = read_values(path, environ)
    if not plain.values and not found:
        return [f"{path}: is empty: `ebbtide init` writes a first one"], None
    removed = set[tuple[str, ...]]()
    while len(found) < MOST:
        try:
            return sorted(found, key=_line), plain.settings()
        except SettingsError as error:
            keys = tuple(error.keys)
            missing = MISSING.search(str(error))
            if missing is None or (*keys, missing[1]) not in removed:  # else its value was the fault
                found.append(str(error))
            removed.add(keys)
            if not _removed(plain.values, list(keys)):
                break
    return sorted(found, key=_line), None


def _line(fault: str) -> int:
    """Return the line that a fault names, 0 when it names none."""
    number = re.search(r":([0-9]+): ", fault)
    return int(number[1]) if number else 0


def _removed(values: Any, keys: list[str]) -> bool:  # noqa: ANN401 - TOML
    """Remove the value at a path, or the last table before it that is there; return whether one was removed."""
    for key in keys[:-1]:
        inner = values[int(key)] if isinstance(values, list) and key.isdigit() else _get(values, key)
        if not isinstance(inner, dict | list):
            break
        values = inner
    else:
        key = keys[-1] if keys else ""
        if isinstance(values, list) and key.isdigit():
            del values[int(key)]
            return True
        return bool(keys) and isinstance(values, dict) and values.pop(key, None) is not None
    return isinstance(values, dict) and values.pop(key, None) is not None


def _get(values: Any, key: str) -> Any:  # noqa: ANN401 - TOML
    return values.get(key) if isinstance(values, dict) else None
