"""The table of codes: what a dictionary would say."""

from __future__ import annotations

import numpy as np

from detectors.types import Ints
from streams.ingest.code_table import CodeTable
from streams.ingest.columns import SHIFT


def codes(chance: np.random.Generator, count: int) -> Ints:
    """Return codes of ASNs and sorts, some of them none, some of them twice."""
    found = chance.integers(1, 1 << 32, count) << SHIFT | chance.integers(0, 1 << 16, count)
    return np.where(chance.random(count) < 0.1, -1, found)[chance.integers(0, count, count)]


def test_it_says_what_a_dictionary_says() -> None:
    """However many collide in the hash, whatever is learnt in how many turns, forgotten and learnt again."""
    chance = np.random.default_rng(1)
    table, expected, asked = CodeTable(), dict[int, int](), codes(chance, 4000)
    for turn in range(8):
        new = np.array([code for code in codes(chance, 500).tolist() if code not in expected])
        rows = np.array([500 * turn + len(expected) + abs(code) % 7 for code in new.tolist()])
        table.learn(new, rows)
        expected.update((code, row) for code, row in zip(new.tolist(), rows.tolist(), strict=True) if code >= 0)
        gone = np.array(sorted(set(expected.values()))[::5])
        table.forget(gone)
        expected = {code: row for code, row in expected.items() if row not in set(gone.tolist())}
        both = np.concatenate([asked, new, np.array(list(expected))])
        assert table.find(both).tolist() == [expected.get(code, -1) for code in both.tolist()]
    assert len(expected) > 100
    table.clear()
    assert set(table.find(asked).tolist()) == {-1}


def test_colliding_codes_are_all_found() -> None:
    """In a table so full that some codes share a place."""
    many = np.unique(np.random.default_rng(1).integers(1, 1 << 32, 30_000)) << SHIFT
    table = CodeTable()
    table.learn(many, np.arange(len(many)))
    assert len(np.unique(table._places(many))) < len(many)
    assert table.find(many).tolist() == list(range(len(many)))
