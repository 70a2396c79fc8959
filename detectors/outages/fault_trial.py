"""Whether an outage under a suspected fault of its feed is real: the bins after the fault alone must show it.

Derived in docs/detection.md#feed-faults-feed_faultpy-fault_trialpy. Sums hold an element per rho.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.types import ClosedBin, Flags, Ints

from .detector_state import DetectorState, ScoredBin
from .evidence import RHOS


def note(state: DetectorState, rows: Ints, seen: ClosedBin, scored: ScoredBin, at_fault: bool) -> Flags:
    """Add a bin to the sums of outages under a suspected fault; return whether each of `rows` has one that is unproven.

    A bin of the fault takes all evidence away, as what all series show is none.
    """
    on_trial = np.array([bool(state.ongoing[row].suspected_fault) for row in rows.tolist()], np.bool_)
    if not on_trial.any():
        return on_trial
    tried = rows[on_trial]
    nats = np.zeros((len(tried), len(RHOS))) if at_fault else state.model.fallen(state, seen, scored, tried)
    for row, gained in zip(tried.tolist(), nats, strict=True):
        before = () if at_fault else state.ongoing[row].since_fault
        total = np.maximum(gained + np.array(before or 0.0), 0)
        state.ongoing[row] = replace(state.ongoing[row], since_fault=tuple(float(each) for each in total))
    settled = not at_fault and not state.scalars["settling"]
    shown = [max(state.ongoing[row].since_fault) >= state.threshold for row in tried.tolist()]
    on_trial[on_trial] = ~(np.array(shown) & settled)
    return on_trial
