"""Faust's web server with another runner: no setting leads there."""

from __future__ import annotations

import faust
from aiohttp.web import AppRunner


def use_runner(app: faust.App, runner: AppRunner) -> None:
    """Have the app's web server started and stopped by this runner."""
    app.web._runner = runner
