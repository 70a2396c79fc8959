"""`python -m tests.constants NAME…`: power, false alarms and the scoreboard at half, once and twice a constant.

Without a name: write the names and values of `docs/constants.md` anew. New rows ask for their unit and source.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.constants import page
from tests.constants.scaled import scale

FACTORS = (0.5, 1.0, 2.0)
INCIDENTS = "incidents."
Finished = dict[tuple[str, float], list[float]]  # by name and factor; unchanged, all constants share one result


def main(argv: Sequence[str] | None = None) -> None:
    """Measure constants, each in processes of its own, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.constants", description=__doc__)
    parser.add_argument("names", nargs="*", help="as outages.decide.FADED")
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--file", type=Path, help="keep results here, and measure only what it does not have")
    parser.add_argument("--factor", type=float, help="only this multiple of the only name, as JSON")
    arguments = parser.parse_args(argv)
    if arguments.factor:
        _measure(arguments.names[0], arguments.factor, arguments.series)
    elif arguments.names:
        _compare(arguments.names, arguments.series, arguments.file)
    else:
        page.write(_lines(dict(_read(arguments.file))) if arguments.file else None)


def _lines(finished: Finished) -> list[tuple[str, ...]]:
    """Return a line for each constant that has been measured at half and at twice its value."""
    names = sorted({name for name, factor in finished if factor != 1})
    keys = ((name, [_key(name, factor) for factor in FACTORS]) for name in names)
    return [
        (f"`{name}`", *cells([finished[key] for key in three])) for name, three in keys if finished.keys() >= {*three}
    ]


def _key(name: str, factor: float) -> tuple[str, float]:
    """Return under what name a result is kept: unchanged, it is the same for all that are measured alike."""
    return (INCIDENTS if name.startswith(INCIDENTS) else "", factor) if factor == 1 else (name, factor)


def _measure(name: str, factor: float, series: int) -> None:
    """Print what is measured with a constant at a multiple of its value."""
    if factor != 1:
        scale(name, factor)
    # Only now: what is imported before would have the constant as it is.
    from tests.constants.effects import effects, situations

    found = [situations()] if name.startswith(INCIDENTS) else effects(series)
    sys.stdout.write(json.dumps(found))


def _compare(names: Sequence[str], series: int, kept: Path | None) -> None:
    """Print a line for each constant: what is found at half, once and twice its value."""
    finished = dict(_read(kept)) if kept and kept.exists() else {}
    _say(page.line(page.EFFECTS))
    _say(page.line(["---"] * len(page.EFFECTS)))
    for name in names:
        found = [_found(name, factor, series, finished, kept) for factor in FACTORS]
        _say(page.line([f"`{name}`", *cells(found)]))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def cells(found: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """Return the columns of a line, each with what is found at half, once and twice the value."""
    if len(found[0]) == 1:
        return *["–"] * 4, " / ".join(f"{count:g}" for (count,) in found)
    power, networks, alarms, _, hits, false, end = zip(*found, strict=True)
    scores = (f"{h:g}, {f:g}, {e:.0f}" for h, f, e in zip(hits, false, end, strict=True))
    shares = (" / ".join(f"{share:.3f}" for share in column) for column in (power, networks))
    return *shares, " / ".join(f"{count:g}" for count in alarms), " / ".join(scores), "–"


def _found(name: str, factor: float, series: int, finished: Finished, kept: Path | None) -> list[float]:
    """Return what a process finds with a changed constant; unchanged, it is the same for all constants."""
    key = _key(name, factor)
    if key not in finished:
        command = [sys.executable, "-m", "tests.constants", name, "--factor", str(factor), "--series", str(series)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        finished[key] = (
            json.loads(done.stdout) if done.returncode == 0 else [math.nan] * (1 if name.startswith(INCIDENTS) else 7)
        )
        if kept:
            with kept.open("a") as file:
                file.write(json.dumps([key, finished[key]]) + "\n")
    return finished[key]


def _read(kept: Path) -> Iterator[tuple[tuple[str, float], list[float]]]:
    for line in kept.read_text().splitlines():
        (name, factor), found = json.loads(line)
        yield (name, factor), found


if __name__ == "__main__":
    main()
