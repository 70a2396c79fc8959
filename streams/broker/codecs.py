"""Gives kafka-python the codecs of aiokafka: it looks for three more packages, and `cramjam` has them all."""

from __future__ import annotations

from aiokafka import codec as lent
from kafka import codec
from kafka.record import default_records

CODECS = ("snappy", "lz4", "zstd")


def lend() -> None:
    """Have kafka-python decode snappy, lz4 and zstd as aiokafka does."""
    for name in CODECS:
        setattr(codec, f"has_{name}", getattr(lent, f"has_{name}"))
        setattr(default_records, f"{name}_decode", getattr(lent, f"{name}_decode"))


def missing() -> list[str]:
    """Return the names of the codecs that cannot be decoded here."""
    return [name for name in CODECS if not getattr(lent, f"has_{name}")()]
