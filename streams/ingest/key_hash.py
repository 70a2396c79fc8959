"""The partition that producers choose for a key: the hashes of the usual Kafka clients."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Final

_SEED, _M, _R = 0x9747B28C, 0x5BD1E995, 24  # of Kafka's murmur2
_FNV_BASIS, _FNV_PRIME = 0x811C9DC5, 0x01000193
_32 = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return Kafka's 32-bit murmur2 of a key without its sign bit, as the Java client uses it."""
    hashed = _SEED ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _M & _32
        word = (word ^ word >> _R) * _M & _32
        hashed = hashed * _M & _32 ^ word
    if rest := key[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _M & _32
    hashed = (hashed ^ hashed >> 13) * _M & _32
    return (hashed ^ hashed >> 15) & 0x7FFFFFFF


def fnv1a(key: bytes) -> int:
    """Return the 32-bit FNV-1a of a key, without its sign, as sarama uses it."""
    hashed = _FNV_BASIS
    for byte in key:
        hashed = (hashed ^ byte) * _FNV_PRIME & _32
    return min(hashed, 2**32 - hashed)


#: By the name of a partitioner; the partition is the remainder of the hash by the number of partitions.
HASHES: Final[Mapping[str, Callable[[bytes], int]]] = {"murmur2": murmur2, "crc32": zlib.crc32, "fnv1a": fnv1a}
