"""Lists whose bytes are known but for their numbers: read as if each were the first of its kind."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from drivers import sml
from drivers.reading import Message
from drivers.sdk import Step
from drivers.wire import sml as wire
from drivers.wire import sml_list, sml_shape
from firmware_sim.devices import sml as simulated
from firmware_sim.devices.sml import (
    identity,
    instant,
    message,
    octets,
    sequence,
    signed,
    since_start,
    swapped,
    unsigned,
)

NOON_MS = 1_782_036_000_000
ABSENT = b"\x01"
VARIANTS = simulated.SIMULATOR.variants
SERVER = identity("XYZ", 1, 42)
IMPORT = bytes.fromhex("0100010800ff")


def _files(variant: str, seconds: int) -> list[bytes]:
    """What such a meter sends, file by file."""
    meter = simulated.SIMULATOR.begin(variant, simulated.SIMULATOR.source(7), 7, NOON_MS)
    ticks = (meter.ticks(NOON_MS + second * 1000) for second in range(seconds))
    return [file for file in ticks if file]


def _changed(make: simulated.Make, file: bytes, change: Callable[[bytearray], None]) -> bytes:
    """The file with a change to its list's message, and right checksums."""
    content = wire.content(file)
    ends = [0]
    while content[ends[-1]] == wire.MESSAGE:
        ends.append(wire.after(content, ends[-1]))
        if ends[-1] == len(content):
            break
    parts = [content[a:b] for a, b in pairwise(ends)]
    body = bytearray(parts[1][:-4])
    change(body)
    parts[1] = bytes(body) + unsigned(make.check(bytes(body)), 2) + b"\0"
    return simulated.frame(b"".join(parts), make.ends_with)


def _same(heard: list[Step], fresh: list[Step]) -> bool:
    """Whether both say the same, wherever in the stream."""

    def told(steps: list[Step]) -> list[object]:
        return [
            (step.raw, step.readings, [(f.kind, f.length, f.detail) for f in step.faults])
            for step in steps
            if isinstance(step, Message)
        ]

    return told(heard) == told(fresh)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_session_that_remembers_says_what_a_new_one_says(variant: str) -> None:
    """Whatever one byte of a list is changed to, its numbers among them."""
    make = simulated.MAKES[variant]
    chance = random.Random(variant)
    session = sml.DEVICE.open(VARIANTS[variant])
    files = _files(variant, 60)
    first = files[0]
    length = len(_changed(make, first, lambda body: None))
    damaged = [
        _changed(make, first, lambda body, at=at, byte=byte: body.__setitem__(at % len(body), byte))  # type: ignore[misc]
        for at in range(length)
        for byte in (0x80, 0xFF, chance.randrange(256))
    ]
    for file in files + [one for pair in damaged for one in (first, first, pair)]:
        new = sml.DEVICE.open(VARIANTS[variant])
        assert _same(session.feed(file), new.feed(file))


def _list(
    number: bytes,
    server: bytes = SERVER,
    *,
    entries: int = 1,
    unit: int = 30,
    status: bytes = ABSENT,
    time: bytes = ABSENT,
) -> bytes:
    """The content of a file with the value in some entries."""
    entry = sequence(octets(IMPORT), status, time, unsigned(unit), ABSENT, number, ABSENT)
    told = sequence(*[entry] * entries)
    body = sequence(ABSENT, octets(server), ABSENT, ABSENT, told, ABSENT, ABSENT)
    return message(b"\x01", 0x0701, body, swapped)


def _learned(*contents: bytes) -> sml_shape.Shapes:
    shapes: sml_shape.Shapes = {}
    for content in contents:
        sml_list.read(content, sml_list.USUAL, 0, shapes)
    return shapes


def test_a_list_is_learned_when_another_like_it_has_come() -> None:
    assert list(_learned(_list(unsigned(1))).values()) == [None]
    (shape,) = _learned(_list(unsigned(1)), _list(unsigned(2))).values()

    assert shape is not None
    content = _list(unsigned(255))
    begin = content.index(b"\x77\x07\x01\x00")
    told, later = (shape.readings(content, begin, at_ms) for at_ms in (None, NOON_MS))
    assert [(reading.value, reading.at_ms) for reading in told] == [(255_000, None)]
    assert [(reading.value, reading.at_ms) for reading in later] == [(255_000, NOON_MS)]
    other = shape.readings(_list(unsigned(9)), begin, None)
    assert [reading.value for reading in told + other] == [255_000, 9_000]


@pytest.mark.parametrize("width", range(1, 9))
def test_numbers_keep_their_sign_in_a_known_list(width: int) -> None:
    most = 256**width
    for write, numbers in (
        (unsigned, (0, most // 2 - 1, most // 2, most - 1)),
        (signed, (0, most // 2 - 1, -most // 2, -1)),
    ):
        shapes = _learned(*[_list(write(0, width), unit=255)] * 2)
        for number in numbers:
            told = sml_list.read(_list(write(number, width), unit=255), sml_list.USUAL, 0, shapes)
            if abs(number) < 2**63:
                assert [reading.value for reading in told.readings] == [number]
            else:
                assert [fault.kind for fault in told.faults] == ["object"]


def test_lists_that_are_filled_up_to_the_same_length_are_both_known() -> None:
    """A power has now one byte, now two."""
    short, long = _list(signed(5)) + bytes(3), _list(signed(500)) + bytes(2)
    shapes = _learned(short, long, short, long)

    assert len(short) == len(long)
    assert len([shape for shape in shapes.values() if shape]) == 2


def test_a_list_that_does_not_fit_is_read_and_its_shape_forgotten() -> None:
    """Watt-hours and then watts."""
    shapes = _learned(_list(unsigned(1)), _list(unsigned(1)))
    told = sml_list.read(_list(unsigned(2), unit=27), sml_list.USUAL, 0, shapes)

    assert [(reading.value, reading.unit) for reading in told.readings] == [(2000, "mW")]
    assert list(shapes.values()) == [None]


def test_a_known_list_with_a_wrong_checksum_is_refused() -> None:
    shapes = _learned(_list(unsigned(1)), _list(unsigned(1)))
    damaged = _list(unsigned(1)).replace(b"\x62\x01\x01", b"\x62\x02\x01")
    told = sml_list.read(damaged, sml_list.USUAL, 0, shapes)

    assert told.readings == ()
    assert [fault.kind for fault in told.faults] == ["checksum"]


def test_a_number_beyond_64_bits_is_a_fault_in_a_known_list_too() -> None:
    shapes = _learned(_list(unsigned(1, 8)), _list(unsigned(1, 8)))
    told = sml_list.read(_list(unsigned(2**60)), sml_list.USUAL, 0, shapes)

    assert told.readings == ()
    assert [fault.kind for fault in told.faults] == ["object"]


def test_entries_with_times_of_their_own_keep_them() -> None:
    seconds = NOON_MS // 1000
    shapes = _learned(*[_list(unsigned(1), time=instant(seconds))] * 2)
    (told,) = sml_list.read(
        _list(unsigned(1), time=instant(seconds + 1)), sml_list.USUAL, 0, shapes
    ).readings

    assert told.at_ms == NOON_MS + 1000


def test_a_time_from_somewhere_may_go_on_and_a_status_change() -> None:
    (shape,) = _learned(
        *(_list(unsigned(1), status=unsigned(n), time=since_start(n)) for n in (1, 2))
    ).values()
    content = _list(unsigned(3), status=unsigned(88), time=since_start(77))

    assert shape is not None
    assert shape.readings(content, content.index(b"\x77\x07\x01\x00"), None)


def test_no_more_shapes_are_kept_than_a_meter_has() -> None:
    servers = [identity("XYZ", 1, number) for number in range(100)]
    shapes = _learned(*(_list(unsigned(1), server) for server in servers for _ in range(2)))

    assert 0 < len(shapes) <= sml_shape.SHAPES_MAX


def test_a_list_longer_than_any_meters_is_not_kept() -> None:
    long = _list(unsigned(1), entries=sml_shape.LENGTH_MAX // 16)

    assert _learned(long, long) == {}
