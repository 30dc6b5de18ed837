"""Partitioning: which partition a key belongs to, as Kafka's own clients have it, so that other programs agree.

It is murmur2 with Kafka's seed, without its sign bit, modulo the number of partitions: what the Java client does with a
record that has a key. Written down here, because the order of an entity's events hangs on it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_32: Final = 0xFFFFFFFF

_WORDS: Final = tuple(Struct(f"<{count}I") for count in range(64))


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` among `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 of 32 bits, little-endian, as Kafka computes it."""
    length = len(data)
    count = length >> 2
    words = _WORDS[count] if count < 64 else Struct(f"<{count}I")
    value = _SEED ^ length
    for word in words.unpack_from(data):
        word = word * _M & _32
        value = (value * _M ^ (word ^ word >> 24) * _M) & _32
    tail = length & 3
    if tail:
        value = (value ^ int.from_bytes(data[-tail:], "little")) * _M & _32
    value = (value ^ value >> 13) * _M & _32
    return value ^ value >> 15
