"""Damage to a telegram is refused: as often as its checksum promises, by every driver file.

Everything is seeded, and a failure shows the bytes that replay it. `make soak` tries a million
random damages for each driver and many more bursts.
"""

import random
from collections.abc import Iterator

import pytest

from drivers.reading import Reading
from tests.laws.damages import KINDS, KINDS_FOR_CRC
from tests.laws.subjects import SUBJECTS, Subject, guarded, messages, readings

GUARDED = [subject for subject in SUBJECTS if subject.checksum_bits]
each_guarded = pytest.mark.parametrize("subject", GUARDED, ids=lambda subject: subject.name)
# Of each driver, shared by its subjects.
damages = pytest.mark.parametrize(
    "number", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)]
)
# Patterns at each bit, and at those of the frame's end, which hold the checksum itself.
bursts = pytest.mark.parametrize(
    ("tries", "tries_at_end"), [(2, 40), pytest.param(256, 2048, marks=pytest.mark.soak)]
)
END_BITS = 80
CRC_BITS = 16  # narrower checks are sums


def _flipped(telegram: bytes, bit: int, pattern: int) -> bytes:
    """`pattern` XORed in at `bit`, counting bits as they go over the line: lowest first."""
    bits = int.from_bytes(telegram, "little") ^ pattern << bit
    return bits.to_bytes(len(telegram) + 8, "little")[: len(telegram)]


def _refused_or_same(subject: Subject, telegram: bytes, damaged: bytes) -> bool:
    """Whether damage was refused. Where it was not, it must not have changed a reading.

    Digits of a checksum may be of either case, and a line's end may come in several ways.
    """
    got = readings(subject, damaged)
    if got:
        assert got == readings(subject, telegram), damaged.hex()
    return not got


def test_every_checksum_guards_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndamage: {len(GUARDED)} of {len(SUBJECTS)} subjects have a checksum")
    assert [] == [subject.name for subject in GUARDED if not guarded(subject)]


@each_guarded
def test_one_flipped_bit_is_never_read_as_another_amount(subject: Subject) -> None:
    for telegram in guarded(subject):
        bits = range(len(telegram) * 8)
        refused = sum(
            _refused_or_same(subject, telegram, _flipped(telegram, bit, 1)) for bit in bits
        )
        assert refused >= len(bits) * 9 // 10


def _patterns(width: int, tries: int, chance: random.Random) -> Iterator[int]:
    """Bursts of `width` bits, the first and the last of them wrong: all, or that many of them."""
    inner = 1 << width - 2
    some = range(inner) if inner <= tries else {chance.randrange(inner) for _ in range(tries)}
    for middle in sorted({*some, 0, inner - 1}):
        yield 1 | middle << 1 | 1 << width - 1


@each_guarded
@bursts
def test_a_burst_that_the_checksum_guarantees_is_never_read(
    subject: Subject, tries: int, tries_at_end: int
) -> None:
    chance = random.Random(7)
    width = subject.checksum_bits
    for telegram in guarded(subject):
        for bit in range(len(telegram) * 8 - width + 1):
            some = tries_at_end if bit > len(telegram) * 8 - END_BITS else tries
            for pattern in _patterns(width, some, chance):
                _refused_or_same(subject, telegram, _flipped(telegram, bit, pattern))


def _slips(subject: Subject, damaged: bytes, good: set[tuple[Reading, ...]]) -> bool:
    """Whether something is read that no telegram said; a doubt more does not matter."""
    try:
        told = messages(subject, damaged)
    except Exception as error:
        error.add_note(f"{subject.name} was fed {damaged.hex()}")
        raise
    return any(
        message.readings
        and message.readings not in good
        and tuple(reading._replace(doubt="") for reading in message.readings) not in good
        for message in told
    )


@each_guarded
@damages
def test_random_damage_slips_at_most_twice_as_often_as_the_checksum_allows(
    subject: Subject, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2026)
    telegrams = guarded(subject)
    good = {readings(subject, telegram) for telegram in telegrams}
    kinds = KINDS_FOR_CRC if subject.checksum_bits >= CRC_BITS else KINDS
    number //= sum(one.device is subject.device for one in GUARDED)
    slipped = []
    for turn in range(number):
        telegram = telegrams[turn % len(telegrams)]
        kind = kinds[turn // len(telegrams) % len(kinds)]
        damaged = kind(telegram, chance.choice(telegrams), chance)
        if _slips(subject, damaged, good):
            slipped.append(f"{kind.__name__}: {damaged.hex()}")
    with capsys.disabled():
        print(f"\n{subject.name}: {len(slipped)} of {number} damaged telegrams slipped")
    allowed = max(1, 2 * number // 2**subject.checksum_bits)  # of few one may slip
    assert len(slipped) <= allowed, slipped[:3]
