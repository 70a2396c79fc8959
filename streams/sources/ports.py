"""What a run takes from the world besides its connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import NamedTuple


class SourcePorts(NamedTuple):
    """The clock, random numbers, pauses and time limits of a run. `timeout`: seconds to a limit for `async with`."""

    now: Callable[[], float] = time.time
    rng: Random = Random()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    timeout: Callable[[float], asyncio.Timeout] = asyncio.timeout
