"""The competing explanations of a bin, as a table that people read and as JSON: what each cause is worth in nats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.outages.cusum import FAINT
from detectors.outages.explanations import Explanations
from streams.evaluation.bin_history import HistoryBin
from streams.evaluation.explain_clock import UNKNOWN, clock

#: Name and column of each cause that a level may fall of without an outage.
CAUSES = {
    "normal": "normal",
    "clock": "clock change",
    "holiday": "holiday",
    "weekend": "first weekend",
}
INTRODUCTION = (
    "Other explanations: the evidence of an outage (nats) were only this one allowed for. Below 2 it explains the bin."
)
HEADING = (
    f"    {'bin (UTC)':19}  {'normal':>8}  {'clock change':>12}  {'holiday':>8}  {'first weekend':>13}  "
    f"{'all these':>9}  {'neighbours':>10}  {'evidence':>8}  {'feed fell':>13}  explained by"
)
OUTAGE, DOUBT, TOGETHER, FAULT = "outage", "in doubt", "these together", "feed fault"


def explained_by(closed: HistoryBin, threshold: float) -> str | None:
    """Return what explains a bin; None where it has no evidence to explain."""
    if closed.why == "fault":
        return FAULT
    parts = closed.explanations
    if parts is None:
        return None
    if parts.together >= threshold:
        return OUTAGE
    if parts.normal < FAINT:
        return CAUSES["normal"]
    nats, cause = min((nats, cause) for cause in CAUSES if (nats := getattr(parts, cause)) is not None)
    return CAUSES[cause] if nats < FAINT else TOGETHER if parts.together < FAINT else DOUBT


def causes_table(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield a line for each bin that noise alone does not explain, under a heading; nothing where there is none."""
    rows = [closed for closed in bins if closed.explanations and explained_by(closed, threshold) != CAUSES["normal"]]
    if rows:
        yield INTRODUCTION
        yield HEADING
        yield from (_row(closed, threshold) for closed in rows)


def _row(closed: HistoryBin, threshold: float) -> str:
    parts, common = closed.explanations, closed.common
    shown = (None,) * 5 if parts is None else parts[:5]
    cells = "  ".join(f"{_nats(nats):>{width}}" for nats, width in zip(shown, (8, 12, 8, 13, 9), strict=True))
    fell = UNKNOWN if common is None else f"{common.fell} of {common.scored}"
    return (
        f"    {clock(closed.start):19}  {cells}  {_nats(neighbours(parts)):>10}  "
        f"{_nats(parts and parts.together):>8}  {fell:>13}  {explained_by(closed, threshold)}"
    )


def _nats(nats: float | None) -> str:
    return UNKNOWN if nats is None else f"{nats:.2f}" if nats < 1000 else f"{nats:.6g}"


def neighbours(parts: Explanations | None) -> float | None:
    """Return the nats that the neighbours of the same moment add, since they refute a part of the other causes."""
    return None if parts is None or parts.series is None else parts.together - parts.series


def causes_sentences(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield which cause explains how many bins, and the evidence that they would give without it."""
    for cause in (*list(CAUSES.values())[1:], TOGETHER):
        alike = [closed for closed in bins if explained_by(closed, threshold) == cause]
        most = max((closed.explanations.normal for closed in alike if closed.explanations), default=0.0)
        if alike:
            number = f"{len(alike)} bins" if len(alike) > 1 else f"1 bin ({clock(alike[0].start)})"
            yield f"{number}: explained by {_named(cause)}; for noise alone the evidence would reach {most:.2f} nats."


def _named(cause: str) -> str:
    return "clock change, holiday and first weekend together" if cause == TOGETHER else f"a {cause}"


def causes_json(closed: HistoryBin, threshold: float) -> dict[str, object]:
    """Return the explanations of a bin for JSON: nats by cause, and the fall of the feed."""
    parts, common = closed.explanations, closed.common
    return {
        "explanations": None if parts is None else parts._asdict() | {"neighbours": neighbours(parts)},
        "feed_fall": None if common is None else {**common._asdict(), "nats": common.nats},
        "explained_by": explained_by(closed, threshold),
    }
