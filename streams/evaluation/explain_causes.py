"""The competing explanations of a bin, as a table that people read and as JSON: what each cause is worth in nats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.outages.cusum import FAINT
from detectors.outages.explanations import Explanations, MemberExplanations
from detectors.outages.suppression import RECURRING
from detectors.types import Suppression
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
MEMBER_INTRODUCTION = (
    "Other explanations of what was just lost: the evidence (nats) were only this one allowed for. Below 2 "
    "it is explained."
)
HEADING = (
    f"    {'bin (UTC)':16}  {'normal':>7}  {'clock':>7}  {'holiday':>7}  {'weekend':>7}  "
    f"{'all these':>9}  {'neighbours':>10}  {'evidence':>8}  {'feed fell':>13}  explained by"
)
MEMBER_HEADING = (
    f"    {'bin (UTC)':16}  {'normal':>7}  {'usual joint losses':>18}  {'others lose too':>15}  {'stay away':>9}  "
    f"{'evidence':>8}  {'feed fell':>11}  explained by"
)
OUTAGE, DOUBT, TOGETHER, FAULT = "outage", "in doubt", "these together", "feed fault"
RECURS, CALENDAR = "recurring loss", "calendar"
BACK = "few are missing"
EXPLAINED = (*list(CAUSES.values())[1:], TOGETHER, *list(MEMBER_CAUSES.values())[1:], BACK)


def explained_by(closed: HistoryBin, threshold: float) -> str | None:
    """Return what explains a bin; None where it has no evidence to explain."""
    if closed.why == "fault":
        return FAULT
    parts = closed.explanations
    if parts is None:
        return None
    if parts.together >= threshold:
        return _expected_as(closed.suppressed_by)
    if isinstance(parts, MemberExplanations):
        return _members_explained_by(parts)
    if parts.normal < FAINT:
        return CAUSES["normal"]
    nats, cause = min((nats, cause) for cause in CAUSES if (nats := getattr(parts, cause)) is not None)
    return CAUSES[cause] if nats < FAINT else TOGETHER if parts.together < FAINT else DOUBT


def _expected_as(by: Suppression | None) -> str:
    """Return what an outage is, by what expects it."""
    return OUTAGE if by is None else RECURS if by.entry_id == RECURRING else CALENDAR


def is_explained(closed: HistoryBin, threshold: float) -> bool:
    """Return whether another cause than noise explains a bin, so that it is no evidence of an outage."""
    return explained_by(closed, threshold) in EXPLAINED


def _members_explained_by(parts: MemberExplanations) -> str:
    """Return the first cause that is enough: each allows for those before it."""
    if parts.together >= FAINT:
        return DOUBT
    return next((name for cause, name in MEMBER_CAUSES.items() if getattr(parts, cause) < FAINT), BACK)


def causes_table(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield a line for each bin that noise alone does not explain, under a heading; nothing where there is none."""
    rows = [closed for closed in bins if closed.explanations and explained_by(closed, threshold) != CAUSES["normal"]]
    if rows:
        members = any(isinstance(closed.explanations, MemberExplanations) for closed in rows)
        yield from (MEMBER_INTRODUCTION, MEMBER_HEADING) if members else (INTRODUCTION, HEADING)
        yield from (_row(closed, threshold) for closed in rows)


def _row(closed: HistoryBin, threshold: float) -> str:
    common = closed.common
    fell = UNKNOWN if common is None else f"{common.fell} of {common.scored}"
    cells = "  ".join(f"{_nats(nats):>{width}}" for nats, width in _cells(closed.explanations))
    last = 11 if isinstance(closed.explanations, MemberExplanations) else 13
    return f"    {clock(closed.start):16}  {cells}  {fell:>{last}}  {explained_by(closed, threshold)}"


def _cells(parts: Explanations | MemberExplanations | None) -> Iterator[tuple[float | None, int]]:
    """Return the numbers of a row, and how wide each is written."""
    if isinstance(parts, MemberExplanations):
        return zip(parts, (7, 18, 15, 9, 8), strict=True)
    shown = (None,) * 7 if parts is None else (*parts[:5], neighbours(parts), parts.together)
    return zip(shown, (7, 7, 7, 7, 9, 10, 8), strict=True)


def _nats(nats: float | None) -> str:
    return UNKNOWN if nats is None else f"{nats:.2f}" if nats < 1000 else f"{nats:.6g}"


def neighbours(parts: Explanations | None) -> float | None:
    """Return the nats that the neighbours of the same moment add, since they refute a part of the other causes."""
    return None if parts is None or parts.series is None else parts.together - parts.series


def causes_sentences(bins: Sequence[HistoryBin], threshold: float) -> Iterator[str]:
    """Yield which cause explains how many bins, and the evidence that they would give without it."""
    for cause in EXPLAINED:
        alike = [closed for closed in bins if explained_by(closed, threshold) == cause]
        most = max((closed.explanations.normal for closed in alike if closed.explanations), default=0.0)
        if alike:
            number = f"{len(alike)} bins" if len(alike) > 1 else f"1 bin ({clock(alike[0].start)})"
            yield f"{number}: explained by {_named(cause)}; for noise alone the evidence would reach {most:.2f} nats."


def _named(cause: str) -> str:
    return _NAMED.get(cause, f"a {cause}")


_NAMED = {
    TOGETHER: "clock change, holiday and first weekend together",
    MEMBER_CAUSES["joint"]: "members of the network that are lost together as usual, or leave at this hour of each day",
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
        "recurs": closed.recurs,
        "suppressed_by": closed.suppressed_by.entry_id if closed.suppressed_by else None,
    }
