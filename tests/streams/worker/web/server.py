"""The web server of a worker, within its limits, for the tests of its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp.test_utils import TestServer
from aiohttp.web import Application, BaseRunner

from streams.worker.web.limits import LIMITS, LimitedRunner, WebLimits


class WorkerServer(TestServer):
    """A `TestServer` whose connections have the limits of a worker, or these."""

    def __init__(
        self, app: Application, limits: WebLimits = LIMITS, closed: Callable[[str], None] = lambda reason: None
    ) -> None:
        super().__init__(app)
        self._within, self._on_close = limits, closed

    async def _make_runner(self, **_: Any) -> BaseRunner:  # noqa: ANN401
        return LimitedRunner(self.app, self._within, self._on_close)
