"""Laws that every driver file keeps. None is named here: a new file is held to them by being there.

Seeds are fixed and part of each test's id, so a failure replays by running that id alone.
"""

import random
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reading import Message, Reading
from drivers.sdk import Device, Example, Session, load, names


@dataclass(frozen=True)
class Subject:
    """A driver with one set of settings, and the examples that are read with these."""

    device: Device
    settings: Mapping[str, str]
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        return "-".join([self.device.name, *self.settings.values()])[:60]

    def open(self) -> Session:
        return self.device.open(self.settings)


def _subjects(device: Device) -> list[Subject]:
    """An encrypted meter of a family has a key, another has none: each is held to the laws."""
    needed: list[Mapping[str, str]] = []
    for shown in device.examples:
        if shown.settings not in needed:
            needed.append(shown.settings)
    return [
        Subject(device, own, tuple(one for one in device.examples if one.settings == own))
        for own in needed
    ]


DEVICES = [load(name) for name in names()]
SUBJECTS = [subject for device in DEVICES for subject in _subjects(device)]
EXAMPLES = [(subject, shown) for subject in SUBJECTS for shown in subject.examples]
NOISE_BYTES = 256 * 1024
DAMAGES = 100_000  # enough for a bound above one with 16 bits: 3 may slip

each_device = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
each_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
each_example = pytest.mark.parametrize(
    ("subject", "shown"),
    EXAMPLES,
    ids=[f"{subject.device.name}-{shown.name}" for subject, shown in EXAMPLES],
)


def _messages(subject: Subject, *chunks: bytes) -> list[Message]:
    session = subject.open()
    steps = [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()
    return [step for step in steps if isinstance(step, Message)]


def _readings(subject: Subject, *chunks: bytes) -> tuple[Reading, ...]:
    return tuple(r for message in _messages(subject, *chunks) for r in message.readings)


def _cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def _guarded(subject: Subject) -> list[bytes]:
    """Every telegram of the examples that a checksum guards."""
    return [
        message.raw
        for shown in subject.examples
        for message in _messages(subject, shown.stream)
        if not any(reading.doubt for reading in message.readings)
    ]


def _noise(subject: Subject, seed: int, size: int) -> bytes:
    """Random bytes, half of them such as the device itself would send."""
    chance = random.Random(seed)
    own = b"".join(shown.stream for shown in subject.examples)
    pieces = []
    while size > 0:
        start = chance.randrange(len(own))
        piece = own[start : start + chance.randrange(40)] + chance.randbytes(chance.randrange(40))
        pieces.append(piece[:size])
        size -= len(piece)
    return b"".join(pieces)


def _mixed(subject: Subject) -> bytes:
    """Good telegrams, one with a byte changed, a piece of one, and noise."""
    parts = []
    for shown in subject.examples:
        middle = len(shown.stream) // 2
        broken = shown.stream[:middle] + b"\x15" + shown.stream[middle + 1 :]
        parts += [shown.stream, broken, shown.stream[:middle], shown.stream]
    return b"".join(parts) + _noise(subject, 5, 400) + subject.examples[0].stream


def test_the_laws_cover_every_driver_file(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndriver laws: {len(DEVICES)} drivers, {len(EXAMPLES)} examples")
    assert len(DEVICES) == 3


@each_device
def test_a_driver_file_says_everything_about_its_device(device: Device) -> None:
    assert len(device.examples) >= 2
    assert device.wiring
    assert device.quirks
    assert device.registers


@each_example
def test_a_driver_reads_what_its_example_says(subject: Subject, shown: Example) -> None:
    messages = _messages(subject, shown.stream)

    assert tuple(r for message in messages for r in message.readings) == shown.readings
    assert [fault for message in messages for fault in message.faults] == []
    assert b"".join(message.raw for message in messages) in shown.stream
    assert subject.device.recognise(shown.stream)


@each_subject
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_any_slicing_gives_the_same_messages(subject: Subject, size: int) -> None:
    stream = _mixed(subject)

    assert _messages(subject, *_cut(stream, size)) == _messages(subject, stream)


@each_subject
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_slicing_of_anything_gives_the_same_messages(
    subject: Subject, data: st.DataObject
) -> None:
    own = [shown.stream for shown in subject.examples]
    piece = st.one_of(st.sampled_from(own), st.binary(max_size=40), st.sampled_from([b"\n", b"\r"]))
    stream = b"".join(data.draw(st.lists(piece, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert _messages(subject, *chunks) == _messages(subject, stream)


@each_subject
def test_long_noise_gives_the_same_messages_in_any_slicing(subject: Subject) -> None:
    stream = _noise(subject, 11, 60_000) + b"\x15" * 40_000 + subject.examples[0].stream

    assert _messages(subject, *_cut(stream, 61)) == _messages(subject, stream)


@each_subject
def test_messages_stand_where_they_say_one_after_the_other(subject: Subject) -> None:
    stream = _noise(subject, 13, 60_000) + b"\x15" * 40_000 + subject.examples[0].stream
    end = 0
    for message in _messages(subject, stream):
        assert message.offset >= end
        assert stream[message.offset :].startswith(message.raw)
        assert all(fault.offset >= message.offset for fault in message.faults)
        end = message.offset + (len(message.raw) or sum(f.length for f in message.faults))
    assert end <= len(stream)


@each_example
def test_a_telegram_is_told_with_its_last_byte(subject: Subject, shown: Example) -> None:
    session = subject.open()
    told = [
        (number, reading)
        for number in range(len(shown.stream))
        for step in session.feed(shown.stream[number : number + 1])
        if isinstance(step, Message)
        for reading in step.readings
    ]
    assert tuple(reading for _, reading in told) == shown.readings
    assert told[-1][0] == len(shown.stream) - 1


def _flipped(telegram: bytes, bit: int, pattern: int) -> bytes:
    """`pattern` XORed in at `bit`, counting bits as they go over the line: lowest first."""
    bits = int.from_bytes(telegram, "little") ^ pattern << bit
    return bits.to_bytes(len(telegram) + 8, "little")[: len(telegram)]


def _refused_or_same(subject: Subject, telegram: bytes, damaged: bytes) -> bool:
    """Whether damage was refused. Where it was not, it must not have changed a reading.

    Digits of a checksum may be of either case, and a line's end may come in several ways.
    """
    got = _readings(subject, damaged)
    if got:
        assert got == _readings(subject, telegram), damaged
    return not got


@each_subject
def test_one_flipped_bit_is_never_read_as_another_amount(subject: Subject) -> None:
    for telegram in _guarded(subject):
        bits = range(len(telegram) * 8)
        refused = sum(
            _refused_or_same(subject, telegram, _flipped(telegram, bit, 1)) for bit in bits
        )
        assert refused >= len(bits) * 9 // 10


@each_subject
def test_a_burst_that_the_checksum_guarantees_is_never_read(subject: Subject) -> None:
    chance = random.Random(7)
    for telegram in _guarded(subject):
        width = subject.device.checksum_bits
        for bit in range(len(telegram) * 8 - width + 1):
            # The last bytes hold the checksum itself and the frame's end: look closely there.
            tries = 200 if bit > len(telegram) * 8 - 80 else 5
            inner = {chance.getrandbits(width - 1) for _ in range(tries)} | {(1 << width - 1) - 1}
            for pattern in sorted(inner):
                _refused_or_same(subject, telegram, _flipped(telegram, bit, pattern << 1 | 1))


@each_subject
def test_random_damage_slips_at_most_twice_as_often_as_the_checksum_allows(
    subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2026)
    tried = slipped = 0
    for telegram in _guarded(subject):
        good = _readings(subject, telegram)
        for _ in range(DAMAGES // len(_guarded(subject))):
            damaged = bytearray(telegram)
            for _ in range(chance.randint(1, 6)):
                damaged[chance.randrange(len(damaged))] = chance.choice(telegram)
            got = _readings(subject, bytes(damaged))
            tried += 1
            slipped += bool(got) and got != good
    with capsys.disabled():
        print(f"\n{subject.name}: {slipped} of {tried} damaged telegrams slipped")
    assert slipped <= 2 * tried / 2**subject.device.checksum_bits


@each_subject
@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_telegram_after_noise_is_found(subject: Subject, seed: int) -> None:
    for shown in subject.examples:
        for size in (1, 13, 500, 20_000):
            stream = _noise(subject, seed, size) + shown.stream * 2
            got = _readings(subject, stream)
            assert _values(got[-len(shown.readings) :]) == _values(shown.readings)


def _values(readings: tuple[Reading, ...]) -> list[tuple[str, int | str, str]]:
    return [(reading.register, reading.value, reading.unit) for reading in readings]


@each_subject
def test_endless_noise_stays_bounded_and_raises_nothing(subject: Subject) -> None:
    noise = _noise(subject, 3, NOISE_BYTES)
    session = subject.open()
    for chunk in _cut(noise, 512):
        session.feed(chunk)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for chunk in _cut(noise + b"\x02/S" * 20_000 + b"\n!" * 20_000, 512):
        session.feed(chunk)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # Beside the buffer there is what a driver remembers of lines, which is bounded as well.
    assert after - before < subject.device.buffer_max + 512 * 1024


def _hostile(subject: Subject, size: int) -> list[bytes]:
    own = subject.examples[0].stream
    middle = len(own) // 2
    seeds = (own[:1], own[:middle], own[middle:], own[-4:], b"/AAA\n\n", b"\n!", b"\x02", b"S S 1")
    return [(seed * (size // len(seed) + 1))[:size] for seed in seeds]


@each_subject
def test_hostile_bytes_take_time_in_proportion_to_their_number(subject: Subject) -> None:
    half = NOISE_BYTES // 2
    for short, long in zip(_hostile(subject, half), _hostile(subject, 2 * half), strict=True):
        _messages(subject, short)  # warm
        # Quadratic work would take four times as long; the machine may be busy meanwhile.
        ratios = (_seconds(subject, long) / _seconds(subject, short) for _ in range(5))
        assert any(ratio < 3 for ratio in ratios), short[:20]


def _seconds(subject: Subject, stream: bytes) -> float:
    begun = time.process_time()
    _messages(subject, *_cut(stream, 4096))
    return time.process_time() - begun
