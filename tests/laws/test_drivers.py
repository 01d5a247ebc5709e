"""Laws that every driver file keeps. None is named here: a new file is held to them by being there.

Seeds are fixed and part of each test's id, so a failure replays by running that id alone.
"""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reading import Message, Reading
from drivers.sdk import Device, Example
from tests.laws.subjects import (
    DEVICES,
    EXAMPLES,
    Subject,
    cut,
    each_device,
    each_example,
    each_subject,
    messages,
    noise,
    readings,
)

NOISE_BYTES = 128 * 1024


def _mixed(subject: Subject) -> bytes:
    """Good telegrams, one with a byte changed, a piece of one, and noise."""
    parts = []
    for shown in subject.examples:
        middle = len(shown.stream) // 2
        broken = shown.stream[:middle] + b"\x15" + shown.stream[middle + 1 :]
        parts += [shown.stream, broken, shown.stream[:middle], shown.stream]
    return b"".join(parts) + noise(subject, 5, 400) + subject.examples[0].stream


def test_the_laws_cover_every_driver_file(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndriver laws: {len(DEVICES)} drivers, {len(EXAMPLES)} examples")
    assert len(DEVICES) == 23


@each_device
def test_a_driver_file_says_everything_about_its_device(device: Device) -> None:
    assert len(device.examples) >= 2
    assert device.wiring
    assert device.quirks
    assert device.registers


@each_example
def test_a_driver_reads_what_its_example_says(subject: Subject, shown: Example) -> None:
    told = messages(subject, shown.stream)

    assert tuple(r for message in told for r in message.readings) == shown.readings
    assert [fault for message in told for fault in message.faults] == []
    assert b"".join(message.raw for message in told) in shown.stream
    assert subject.device.recognise(shown.stream)


@each_subject
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_any_slicing_gives_the_same_messages(subject: Subject, size: int) -> None:
    stream = _mixed(subject)

    assert messages(subject, *cut(stream, size)) == messages(subject, stream)


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

    assert messages(subject, *chunks) == messages(subject, stream)


@each_subject
def test_long_noise_gives_the_same_messages_in_any_slicing(subject: Subject) -> None:
    stream = noise(subject, 11, 60_000) + b"\x15" * 40_000 + subject.examples[0].stream

    assert messages(subject, *cut(stream, 61)) == messages(subject, stream)


@each_subject
def test_messages_stand_where_they_say_one_after_the_other(subject: Subject) -> None:
    stream = noise(subject, 13, 60_000) + b"\x15" * 40_000 + subject.examples[0].stream
    end = 0
    for message in messages(subject, stream):
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


@each_subject
@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_telegram_after_noise_is_found(subject: Subject, seed: int) -> None:
    for shown in subject.examples:
        for size in (1, 13, 500, 20_000):
            stream = noise(subject, seed, size) + shown.stream * 2
            got = readings(subject, stream)
            assert _values(got[-len(shown.readings) :]) == _values(shown.readings)


def _values(readings: tuple[Reading, ...]) -> list[tuple[str, int | str, str]]:
    return [(reading.register, reading.value, reading.unit) for reading in readings]


@each_subject
def test_endless_noise_stays_bounded_and_raises_nothing(subject: Subject) -> None:
    noisy = noise(subject, 3, NOISE_BYTES)
    session = subject.open()
    for chunk in cut(noisy, 512):
        session.feed(chunk)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for chunk in cut(noisy + b"\x02/S" * 20_000 + b"\n!" * 20_000, 512):
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
        messages(subject, short)  # warm
        # Quadratic work would take four times as long; the machine may be busy meanwhile.
        ratios = (_seconds(subject, long) / _seconds(subject, short) for _ in range(5))
        assert any(ratio < 3 for ratio in ratios), short[:20]


def _seconds(subject: Subject, stream: bytes) -> float:
    begun = time.process_time()
    messages(subject, *cut(stream, 4096))
    return time.process_time() - begun
