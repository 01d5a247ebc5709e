"""What a bad line does to telegrams: each kind of damage out of a seeded chance, to be replayed."""

import random
from collections.abc import Callable

# Takes a telegram, another one of the same device, and the chance; gives what arrives.
Damage = Callable[[bytes, bytes, random.Random], bytes]

CHANGED_MAX = 6  # bytes
BURST_MAX = 20
LOST_MAX = 3


def _places(telegram: bytes, chance: random.Random) -> list[int]:
    return [chance.randrange(len(telegram)) for _ in range(chance.randint(1, CHANGED_MAX))]


def own_bytes(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    """Some bytes become others that the device uses: what looks most like a telegram."""
    damaged = bytearray(telegram)
    for place in _places(telegram, chance):
        damaged[place] = chance.choice(telegram)
    return bytes(damaged)


def any_bytes(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(telegram)
    for place in _places(telegram, chance):
        damaged[place] = chance.randrange(256)
    return bytes(damaged)


def flips(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(telegram)
    for place in _places(telegram, chance):
        damaged[place] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def burst(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(telegram))
    run = chance.randbytes(chance.randint(2, BURST_MAX))
    return (telegram[:at] + run + telegram[at + len(run) :])[: len(telegram)]


def lost(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(telegram))
    return telegram[:at] + telegram[at + chance.randint(1, LOST_MAX) :]


def added(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(telegram))
    return telegram[:at] + chance.randbytes(chance.randint(1, LOST_MAX)) + telegram[at:]


def doubled(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    """A piece comes twice."""
    at, end = sorted(chance.randrange(len(telegram) + 1) for _ in range(2))
    return telegram[:end] + telegram[at:]


def exchanged(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    """Two neighbouring pieces of the same length change places."""
    size = chance.randint(1, max(1, len(telegram) // 4))
    at = chance.randrange(max(1, len(telegram) - 2 * size))
    first, second = telegram[at : at + size], telegram[at + size : at + 2 * size]
    return telegram[:at] + second + first + telegram[at + 2 * size :]


def cut_off(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    """The end is missing, and the next telegram follows."""
    return telegram[: chance.randrange(len(telegram))] + other


def spliced(telegram: bytes, other: bytes, chance: random.Random) -> bytes:
    """The end of one telegram and the beginning of the next are missing."""
    at = chance.randrange(len(telegram))
    place = at * len(other) // len(telegram) + chance.randint(-4, 4)
    return telegram[:at] + other[max(0, place) :]


# What every checksum must refuse as often as its width allows.
KINDS: tuple[Damage, ...] = (own_bytes, any_bytes, burst, lost, added, doubled, cut_off, spliced)
# A sum of 8 bits is blind to another order and, half of the time, to the same bit twice wrong.
KINDS_FOR_CRC: tuple[Damage, ...] = (*KINDS, flips, exchanged)
