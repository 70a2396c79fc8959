"""Ends this process at once."""

from __future__ import annotations

import os
import sys
import time

from streams.config.log_format import line_of


def die(text: str) -> None:
    """End the process at once, without sending what is still in a buffer, as an orderly shutdown would."""
    sys.stderr.write(line_of(text, time.time()))
    sys.stderr.flush()
    os._exit(1)
