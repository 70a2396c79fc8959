"""The reasons of dead letters and the line that goes with each."""

from __future__ import annotations

from typing import get_args

import pytest

from schemas.rejections import DETAIL_LENGTH, REASONS, Reason, one_line


def test_every_reason_has_a_meaning() -> None:
    """The closed set of reasons and their meanings are the same, each one line."""
    assert tuple(REASONS) == get_args(Reason)
    assert all(text and text.isprintable() for text in REASONS.values())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain – é", "plain – é"),
        ("é\n\x1b[2J\u2028", r"é\n\x1b[2J\u2028"),
        ("x" * DETAIL_LENGTH, "x" * DETAIL_LENGTH),
        ("x" * (DETAIL_LENGTH + 1), "x" * (DETAIL_LENGTH - 1) + "…"),
        ("\n" * DETAIL_LENGTH, (r"\n" * DETAIL_LENGTH)[: DETAIL_LENGTH - 1] + "…"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    """What does not print is escaped, what does is kept, and too long a text is cut."""
    assert one_line(text) == line
