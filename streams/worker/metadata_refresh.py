"""Reads the metadata again when their file has changed."""

from __future__ import annotations

import asyncio
import logging

from streams.config.errors import InputError
from streams.config.metadata import Register
from streams.worker.metrics import Metrics

log = logging.getLogger(__name__)


async def refresh_metadata(register: Register, metrics: Metrics) -> None:
    """Read the file of a register if it has changed; while it is broken, its previous content stays in use."""
    if register.is_stale():
        try:
            await asyncio.to_thread(register.renew)
            metrics.broken.set(0)
        except InputError as error:
            log.warning("metadata: the previous file stays in use: %s", error)
            metrics.broken.set(1)
    metrics.metadata.set(register.size)
