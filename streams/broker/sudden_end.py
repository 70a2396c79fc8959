"""Ends this process at once."""

from __future__ import annotations

import logging
import os

from streams.config.logs import say


def die(text: str) -> None:
    """End the process at once, without sending what is still in a buffer, as an orderly shutdown would."""
    say(text, logging.ERROR)
    os._exit(1)
