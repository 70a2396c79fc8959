"""What happens to the workers and the broker, and when: a function of the seed."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

Kind = Literal["kill", "join", "leave", "restart", "crash", "stall", "refuse"]


class Move(NamedTuple):
    """Something that is done once `at` measurements were applied and `delay` seconds more went by.

    `kind`: kill -9 of a worker, which is replaced; a second worker joins or leaves; a worker stands still for
    longer than its session lasts; the broker is restarted in order, or after kill -9; it refuses snapshots, and the
    changelog gets a transaction. `pick` in [0, 1) says which of
    the workers.
    """

    at: int
    delay: float
    kind: Kind
    pick: float


def plan(total: int, kills: int, restarts: int, stalls: int, seed: int) -> list[Move]:
    """Return the moves in order. One kill in four comes while its worker is still about to start."""
    chance = random.Random(seed)
    marks: list[tuple[float, Kind]] = [(chance.uniform(0.02, 0.98), "kill") for _ in range(kills)]
    marks += [(chance.uniform(0.05, 0.95), "restart" if number % 2 == 0 else "crash") for number in range(restarts)]
    marks += [(chance.uniform(0.25, 0.45), "join"), (chance.uniform(0.55, 0.85), "leave")]
    marks += [(chance.uniform(0.45, 0.55), "stall") for _ in range(stalls)]  # while there are two
    marks += [(chance.uniform(0.6, 0.7), "refuse")]
    moves: list[Move] = []
    for share, kind in sorted(marks):
        soon = moves and chance.random() < 0.25
        at = moves[-1].at if soon else int(share * total)
        delay = chance.uniform(0.0, 6.0) if soon else chance.uniform(0.0, 0.5)
        moves.append(Move(at, delay, kind, chance.random()))
    return moves
