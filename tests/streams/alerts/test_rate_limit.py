"""The delay before a retry, and the number of requests a minute."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.rate_limit import LONGEST, LONGEST_ASKED, RateLimit, retry_delay


@given(st.integers(0, 2000), st.one_of(st.none(), st.floats(0, 1e9)), st.integers())
def test_retry_delay_has_full_jitter_and_honours_retry_after(failures: int, asked: float | None, seed: int) -> None:
    """The jitter doubles with each failure up to a limit. The delay is at least what Retry-After asks, limited."""
    wait = retry_delay(failures, asked, Random(seed))
    least = 0.0 if asked is None else min(asked, LONGEST_ASKED)
    assert least <= wait <= least + min(LONGEST, 2.0 ** min(failures, 30))


def test_a_clock_that_is_set_back_adds_no_tokens() -> None:
    """It removes none either."""
    rate_limit = RateLimit(60)
    for _ in range(10):
        rate_limit.spend(100.0)
    assert not rate_limit.allows(100.0)
    assert not rate_limit.allows(0.0)
    assert rate_limit.allows(1.0)
