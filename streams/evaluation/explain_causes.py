"""The competing explanations of a bin, as a table that people read and as JSON: what each cause is worth in nats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.outages.cusum import FAINT
from detectors.outages.explanations import Explanations, MemberExplanations
from streams.evaluation.bin_history import HistoryBin
from streams.evaluation.explain_clock import UNKNOWN, clock

#: Name and column of each cause that a level may fall of without an outage.
CAUSES = {
    "normal": "normal",
    "clock": "clock change",
    "holiday": "holiday",
    "weekend": "first weekend",
}
#: The same of members that are lost.
MEMBER_CAUSES = {"normal": "normal", "joint": "usual joint losses", "shake": "others lose too"}
INTRODUCTION = (
    "Other explanations: the evidence of an outage (nats) were only this one allowed for. Below 2 it explains the bin."
)
HEADING = (
    f"    {'bin (UTC)':19}  {'normal':>8}  {'clock change':>12}  {'holiday':>8}  {'first weekend':>13}  "
    f"{'all these':>9}  {'neighbours':>10}  {'evidence':>8}  {'feed fell':>13}  explained by"
)
MEMBER_HEADING = (
    f"    {'bin (UTC)':19}  {'normal':>8}  {'usual joint losses':>18}  {'others lose too':>15}  {'stay away':>9}  "
    f"{'evidence':>8}  {'feed fell':>13}  explained by"
)
OUTAGE, DOUBT, TOGETHER, FAULT = "outage", "in doubt", "these together", "feed fault"
BACK = "few are missing"


def explained_by(closed: HistoryBin, threshold: float) -> str | None:
    """Return what explains a bin; None where it has no evidence to explain."""
    if closed.why == "fault":
        return FAULT
    parts = closed.explanations
    if parts is None:
        return None
    if parts.together >= threshold:
        return OUTAGE
    if isinstance(parts, MemberExplanations):
        return _members_explained_by(parts)
    if parts.normal < FAINT:
        return CAUSES["normal"]
    nats, cause = min((nats, cause) for cause in CAUSES if (nats := getattr(parts, cause)) is not None)
    return CAUSES[cause] if nats < FAINT else TOGETHER if parts.together < FAINT else DOUBT


def _members_explained_by(parts: MemberExplanations) -> str:
    """Return the first cause that is enough: each allows for those before it."""
    if parts.together >= FAINT:
        return DOUBT
    return next((name for cause, name in MEMBER_CAUSES.items() if getattr(parts, cause) < FAINT), BACK)


def causes_table(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield a line for each bin that noise alone does not explain, under a heading; nothing where there is none."""
    rows = [closed for closed in bins if closed.explanations and explained_by(closed, threshold) != CAUSES["normal"]]
    if rows:
        yield INTRODUCTION
        members = any(isinstance(closed.explanations, MemberExplanations) for closed in rows)
        yield MEMBER_HEADING if members else HEADING
        yield from (_row(closed, threshold) for closed in rows)


def _row(closed: HistoryBin, threshold: float) -> str:
    common = closed.common
    fell = UNKNOWN if common is None else f"{common.fell} of {common.scored}"
    cells = "  ".join(f"{_nats(nats):>{width}}" for nats, width in _cells(closed.explanations))
    return f"    {clock(closed.start):19}  {cells}  {fell:>13}  {explained_by(closed, threshold)}"


def _cells(parts: Explanations | MemberExplanations | None) -> Iterator[tuple[float | None, int]]:
    """Return the numbers of a row, and how wide each is written."""
    if isinstance(parts, MemberExplanations):
        return zip(parts, (8, 18, 15, 9, 8), strict=True)
    shown = (None,) * 7 if parts is None else (*parts[:5], neighbours(parts), parts.together)
    return zip(shown, (8, 12, 8, 13, 9, 10, 8), strict=True)


def _nats(nats: float | None) -> str:
    return UNKNOWN if nats is None else f"{nats:.2f}" if nats < 1000 else f"{nats:.6g}"


def neighbours(parts: Explanations | None) -> float | None:
    """Return the nats that the neighbours of the same moment add, since they refute a part of the other causes."""
    return None if parts is None or parts.series is None else parts.together - parts.series


def causes_sentences(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield which cause explains how many bins, and the evidence that they would give without it."""
    for cause in (*list(CAUSES.values())[1:], TOGETHER, *list(MEMBER_CAUSES.values())[1:], BACK):
        alike = [closed for closed in bins if explained_by(closed, threshold) == cause]
        most = max((closed.explanations.normal for closed in alike if closed.explanations), default=0.0)
        if alike:
            number = f"{len(alike)} bins" if len(alike) > 1 else f"1 bin ({clock(alike[0].start)})"
            yield f"{number}: explained by {_named(cause)}; for noise alone the evidence would reach {most:.2f} nats."


def _named(cause: str) -> str:
    return _NAMED.get(cause, f"a {cause}")


_NAMED = {
    TOGETHER: "clock change, holiday and first weekend together",
    MEMBER_CAUSES["joint"]: "members of the network that are lost together as usual",
    MEMBER_CAUSES["shake"]: "what other networks of the feed lose as well",
    BACK: "members that are back, so that too few are missing",
}


def _parts_json(parts: Explanations | MemberExplanations | None) -> dict[str, float | None] | None:
    if isinstance(parts, Explanations):
        return parts._asdict() | {"neighbours": neighbours(parts)}
    return None if parts is None else parts._asdict()


def causes_json(closed: HistoryBin, threshold: float) -> dict[str, object]:
    """Return the explanations of a bin for JSON: nats by cause, and the fall of the feed."""
    parts, common = closed.explanations, closed.common
    return {
        "explanations": _parts_json(parts),
        "feed_fall": None if common is None else {**common._asdict(), "nats": common.nats},
        "explained_by": explained_by(closed, threshold),
    }
