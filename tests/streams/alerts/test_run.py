"""What running the service does to its process."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from streams.alerts import run

ENDINGS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("fails", [False, True])
def test_signals_are_as_before_at_the_end(fails: bool) -> None:
    """A handler that stayed would end the process by force seconds after the next signal, whatever runs then."""
    before = [signal.getsignal(number) for number in ENDINGS]
    during: list[object] = []

    def work() -> None:
        during.extend(signal.getsignal(number) for number in ENDINGS)
        if fails:
            raise OSError

    if fails:
        with pytest.raises(OSError):
            run._run(SimpleNamespace(run=work))  # type: ignore[arg-type]
    else:
        run._run(SimpleNamespace(run=work))  # type: ignore[arg-type]
    assert not set(map(id, during)) & set(map(id, before))
    assert [signal.getsignal(number) for number in ENDINGS] == before
