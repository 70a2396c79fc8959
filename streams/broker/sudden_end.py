"""Ends this process at once."""

from __future__ import annotations

import os
import sys


def die(text: str) -> None:
    """End the process at once, without sending what is still in a buffer, as an orderly shutdown would."""
    sys.stderr.write(f"ebbtide: {text}\n")
    sys.stderr.flush()
    os._exit(1)
