"""`python -m tests.fuzz [options of libFuzzer] CORPUS…`: atheris on all decoders, guided by what their code does."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["schemas", "streams"]):
    from tests.fuzz.targets import run


def try_input(data: bytes) -> None:
    """Try an input; what is returned here would tell libFuzzer whether to keep it."""
    run(data)


atheris.Setup(sys.argv, try_input)
atheris.Fuzz()
