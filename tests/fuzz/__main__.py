"""`python -m tests.fuzz [options of libFuzzer] CORPUS…`: atheris on all decoders, guided by what their code does."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["schemas", "streams"]):
    from tests.fuzz.targets import run

atheris.Setup(sys.argv, run)
atheris.Fuzz()
