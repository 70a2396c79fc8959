"""The picture of `ebbtide explain --plot`: measured and expected values with a band, and the evidence below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.types import Floats
from streams.config.errors import EbbtideError
from streams.evaluation.explain import View
from streams.evaluation.explain_causes import CAUSES, MEMBER_CAUSES
from streams.evaluation.explain_clock import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGMAS = 2  # half the width of the band, in spreads
MEASURED, EXPECTED, EVIDENCE, OUTAGE = "#0b5394", "#e69138", "#674ea7", "#cc0000"
CAUSE_COLORS = {"normal": "#666666", "clock": "#3d85c6", "holiday": "#38761d", "weekend": "#b45f06"}
CAUSE_COLORS |= {"joint": "#3d85c6", "shake": "#38761d"}
NAMES = CAUSES | MEMBER_CAUSES
DASHES = {"normal": "-", "clock": "--", "holiday": ":", "weekend": "-.", "joint": "--", "shake": ":"}  # without colours
FEED_FAULT, FEED_FAULT_LINES = "#ecd9e2", "#a64d79"
HATCHES = {"outage": "/", "expected outage": "..", "suspicion": ""}  # that a picture without colours can be read
SHADES = {"outage": "#f9dbdb", "expected outage": "#fcefef", "suspicion": "#fdf3f3"}
LINES = "#d98080"
STYLE = {"svg.hashsalt": "ebbtide", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.25}


class PlotError(EbbtideError):
    """The picture cannot be drawn or written."""


def demand_matplotlib() -> None:
    """Raise PlotError when matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PlotError("--plot needs matplotlib: pip install 'ebbtide[plot]'") from None


def form_of(path: Path) -> str:
    """Return `svg` or `png`, by the end of a file's name. Raises PlotError for another."""
    form = path.suffix.lower().removeprefix(".")
    if form not in ("svg", "png"):
        raise PlotError(f"{path}: a plot is FILE.svg or FILE.png")
    return form


def write_plot(path: Path, views: Sequence[View], entity: str, form: str = "svg") -> None:
    """Write the picture of some series; the same bins give the same bytes. Raises PlotError."""
    demand_matplotlib()
    drawn = render(views, entity, form)
    try:
        path.write_bytes(drawn)
    except OSError as error:
        raise PlotError(f"{path}: cannot be written: {error.strerror}") from None


def render(views: Sequence[View], entity: str, form: str) -> bytes:
    """Return the picture of the views that hold bins, as `svg` or `png`. Raises PlotError when none does."""
    import matplotlib as mpl

    shown = [view for view in views if view.bins]
    if not shown:
        raise PlotError(f"nothing to draw: {entity} has no closed bin there")
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's own style is
        mpl.rcParams.update(STYLE)
        figure = _figure(shown, entity)
        drawn = BytesIO()
        metadata = {"Date": None, "Title": f"ebbtide explain {entity}"} if form == "svg" else None
        figure.savefig(drawn, format=form, dpi=110, metadata=metadata)
    return drawn.getvalue()


def _figure(views: Sequence[View], entity: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.2 * len(views)), layout="constrained")
    heights = [3.0, 2.0] * len(views)
    axes = figure.subplots(2 * len(views), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for number, view in enumerate(views):
        level, evidence = axes[2 * number], axes[2 * number + 1]
        _shade(view, level, number, named=True)
        _shade(view, evidence, number, named=False)
        _draw_level(view, level, entity, number)
        _draw_evidence(view, evidence, number)
    _label_times(axes[-1], views)
    return figure


def _draw_level(view: View, axes: Axes, entity: str, number: int) -> None:
    edges = _edges(view)
    value, expected, spread = (_column(view, name) for name in ("value", "expected", "spread"))
    low, high = np.maximum(expected - SIGMAS * spread, 0), expected + SIGMAS * spread
    label = f"± {SIGMAS} spreads"
    axes.stairs(high, edges, baseline=low, fill=True, color=EXPECTED, alpha=0.25, linewidth=0, label=label)
    axes.stairs(
        expected,
        edges,
        baseline=None,
        color=EXPECTED,
        linewidth=1.2,
        linestyle="--",
        label="expected",
        gid=f"expected-{number}",
    )
    axes.stairs(value, edges, baseline=None, color=MEASURED, linewidth=1.4, label="measured", gid=f"measured-{number}")
    axes.set_title(view.title(entity), loc="left", fontweight="bold")
    axes.set_ylabel(view.feed.unit or view.feed.kind)
    if np.nanmin(np.append(value, np.inf)) < 0.5 * np.nanmax(np.append(high, -np.inf)):
        axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0.45, 1.0), ncols=4, frameon=False, borderaxespad=0.2)


def _draw_evidence(view: View, axes: Axes, number: int) -> None:
    edges, evidence = _edges(view), _column(view, "evidence")
    axes.stairs(evidence, edges, fill=True, color=EVIDENCE, alpha=0.35, linewidth=0, label="evidence")
    axes.stairs(evidence, edges, baseline=None, color=EVIDENCE, linewidth=1.2, gid=f"evidence-{number}")
    threshold = view.history.threshold
    axes.axhline(threshold, color=OUTAGE, linewidth=1, linestyle="--", gid=f"threshold-{number}")
    axes.annotate(
        f"threshold {threshold:.1f}", (1, threshold), (-4, 3), ("axes fraction", "data"), "offset points",
        ha="right", color=OUTAGE,
    )  # fmt: skip
    most = max(np.nanmax(np.append(evidence, 0)), *(_draw_cause(view, axes, cause, number) for cause in NAMES))
    _shade_feed_faults(view, axes, number)
    if most > 2 * threshold:
        _compress_above(axes, threshold)
    axes.set_ylim(-0.04 * threshold, 1.3 * max(threshold, most))  # a line at 0 is seen
    axes.set_ylabel("evidence (nats)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, borderaxespad=0.2, fontsize=8)


def _compress_above(axes: Axes, threshold: float) -> None:
    """Make the evidence axis linear up to the threshold and logarithmic above."""
    from matplotlib.ticker import ScalarFormatter

    axes.set_yscale("symlog", linthresh=threshold, linscale=1)
    ticks = [0.0, *(10.0**power for power in range(1, 9))]
    axes.set_yticks(ticks)
    axes.yaxis.set_major_formatter(ScalarFormatter())


def _draw_cause(view: View, axes: Axes, cause: str, number: int) -> float:
    """Draw the evidence were only this cause allowed for, and return the most of it."""
    found = {closed.start: getattr(closed.explanations, cause, None) for closed in view.bins}
    nats = _numbers(view, found)
    if np.isnan(nats).all():
        return 0.0
    label, color = f"only {NAMES[cause]}", CAUSE_COLORS[cause]
    gid, dashes = f"{cause}-{number}", DASHES[cause]
    axes.stairs(nats, _edges(view), baseline=None, color=color, linewidth=1.4, linestyle=dashes, label=label, gid=gid)
    return float(np.nanmax(nats))


def _shade_feed_faults(view: View, axes: Axes, number: int) -> None:
    """Shade the bins in which the feed may be at fault, named once in the legend."""
    label, width = "feed fault", view.history.rule.width
    for closed in view.bins:
        if closed.why == "fault":
            edges = np.array([closed.start, closed.start + width]).astype("datetime64[s]")
            gid = f"feed-fault-{number}-{closed.start}"
            face, line = FEED_FAULT, FEED_FAULT_LINES
            axes.axvspan(
                *edges, facecolor=face, edgecolor=line, hatch="xx", linewidth=0, label=label, gid=gid, zorder=0
            )
            label = "_"


def _shade(view: View, axes: Axes, number: int, *, named: bool) -> None:
    """Shade each outage in the view, named once in the legend; what was only suspected is paler."""
    first, last = _edges(view)[[0, -1]].astype(np.int64).tolist()
    unnamed = set(HATCHES) if named else set()
    for span in view.history.spans():
        start, end = max(span.start, first), last if span.end is None else min(span.end, last)
        if start >= end:
            continue
        sort = ("expected outage" if span.expected else "outage") if span.certain else "suspicion"
        label, pane = sort if sort in unnamed else "_", "level" if named else "evidence"
        edges = np.array([start, end]).astype("datetime64[s]")
        gid = f"{sort.replace(' ', '-')}-{number}-{pane}-{span.start}"
        face, hatch = SHADES[sort], HATCHES[sort]
        axes.axvspan(*edges, facecolor=face, edgecolor=LINES, hatch=hatch, linewidth=0, label=label, gid=gid, zorder=0)
        unnamed.discard(sort)


def _edges(view: View) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Return the starts of all bins from the first to the last of a view, and the end of the last."""
    width = view.history.rule.width
    return np.arange(view.bins[0].start, view.bins[-1].start + 2 * width, width).astype("datetime64[s]")


def _column(view: View, name: str) -> Floats:
    """Return one number of each bin, NaN where unknown."""
    return _numbers(view, {closed.start: getattr(closed, name) for closed in view.bins})


def _numbers(view: View, numbers: Mapping[int, float | None]) -> Floats:
    """Return the number of each bin by its start, NaN where unknown."""
    starts = _edges(view)[:-1].astype(np.int64).tolist()
    found = (numbers.get(start) for start in starts)
    return np.array([math.nan if number is None else number for number in found])


def _label_times(axes: Axes, views: Sequence[View]) -> None:
    """Name hours by the clock and midnights by the date; the years stand below."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    names = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"]
    midnights = ["%Y", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"]
    formatter = ConciseDateFormatter(locator, tz="UTC", formats=names, zero_formats=midnights, show_offset=False)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    edges = [_edges(view) for view in views]
    first, last = min(starts[0] for starts in edges), max(starts[-1] for starts in edges)
    axes.set_xlabel(f"{clock(int(first.astype(np.int64)))} to {clock(int(last.astype(np.int64)))} UTC")
