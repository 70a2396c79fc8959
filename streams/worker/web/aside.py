"""Work of pages that takes long: a thread does it, so that the event loop reads messages meanwhile.

What a thread works on is a copy that the event loop has made, or is never changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
# One thread for each: two would take two thirds of the interpreter's time from the event loop.
PAGES = ThreadPoolExecutor(1, "pages")
SCRAPES = ThreadPoolExecutor(1, "scrapes")  # a scrape does not wait for pages


async def aside(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Return the result of a function that the thread of the pages calls."""
    return await _called(PAGES, function, *arguments, **named)


async def scraped(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Return the result of a function that the thread of the metrics calls."""
    return await _called(SCRAPES, function, *arguments, **named)


async def _called(pool: ThreadPoolExecutor, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: function(*arguments, **named))
