"""The worker that a demo starts: wait until it is ready, and ask how far it is."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from schemas.incident import Incident
from streams.cli.worker_client import WorkerUnreachableError, ask, fetch_incidents
from streams.config.errors import EbbtideError
from streams.config.settings import Settings, token_of

PATIENCE = 120.0  # seconds without progress after which the demo gives the worker up


class DemoWorker:
    """The worker of a demo: its process, and what it answers over HTTP."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = f"http://{settings.web.bind}:{settings.web.port}"
        self.settings, self.process, self.log = settings, process, log

    def wait_ready(self) -> None:
        """Wait until the worker is ready. Raises EbbtideError with its last line when it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.status().get("ready"):
                return
            time.sleep(0.1)
        raise EbbtideError(f"the worker is not ready after {PATIENCE:g} s: {self._last_line()}")

    def status(self) -> dict[str, Any]:
        """Return the worker's status, empty while it does not answer. Raises EbbtideError when it ended."""
        if self.process.poll() is not None:
            raise EbbtideError(f"the worker ended with status {self.process.returncode}: {self._last_line()}")
        try:
            return ask(self.url, "/api/v1/status", token_of(self.settings.web))
        except WorkerUnreachableError:
            return {}

    def incidents(self) -> list[Incident]:
        """Return the incidents of the recording that the worker knows of."""
        return fetch_incidents(self.url, token_of(self.settings.web), warn=lambda _: None)

    def partition(self) -> dict[str, Any]:
        """Return the counts of the only partition."""
        return dict(self.status().get("partitions", {}).get("0", {}))

    def _last_line(self) -> str:
        return self.log.read_text(errors="replace").strip().rpartition("\n")[2] or "its log is empty"
