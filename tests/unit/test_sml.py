"""The SML driver: files out of a stream, and what the entries of their lists become."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import sml
from drivers.reading import Fault, Message, Reading
from drivers.sdk import SettingError
from firmware_sim.devices.sml import (
    faulty,
    frame,
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

ABSENT = b"\x01"
SERVER = identity("XYZ", 1, 42)
SERIAL = "1XYZ0100000042"
POWER = bytes.fromhex("0100100700ff")
IMPORT = bytes.fromhex("0100010800ff")
EXPORT = bytes.fromhex("0100020800ff")
NOON_MS = 1_782_036_000_000


def _entry(
    name: bytes, value: bytes, unit: int | None = None, scaler: int = 0, *, time: bytes = ABSENT
) -> bytes:
    scale = (ABSENT, ABSENT) if unit is None else (unsigned(unit), signed(scaler))
    return sequence(octets(name), ABSENT, time, *scale, value, ABSENT)


def _list(*entries: bytes, server: bytes = SERVER, time: bytes = ABSENT) -> bytes:
    """The body of a message."""
    named = octets(server) if server else ABSENT
    return sequence(ABSENT, named, ABSENT, time, sequence(*entries), ABSENT, ABSENT)


def _message(body: bytes, check: Callable[[bytes], int] = swapped) -> bytes:
    return message(b"\x01", 0x0701, body, check)


def _file(*messages: bytes) -> bytes:
    def ends_with(counted: bytes) -> bytes:
        return swapped(counted).to_bytes(2, "big")

    opened = message(b"\x00", 0x0101, sequence(*[ABSENT] * 6), swapped)
    closed = message(b"\x02", 0x0201, sequence(ABSENT), swapped)
    return frame(b"".join([opened, *messages, closed]), ends_with)


def _heard(stream: bytes, **own: str) -> list[Message]:
    session = sml.DEVICE.open(own)
    return [*session.feed(stream), *session.timeout()]


def _told(*entries: bytes, quirk: str = "auto", **more: bytes) -> Message:
    (told,) = _heard(_file(_message(_list(*entries, **more))), quirk=quirk)
    return told


def _read(*entries: bytes, **more: bytes) -> list[tuple[int | str, str]]:
    told = _told(*entries, **more)
    assert told.faults == ()
    return [(reading.value, reading.unit) for reading in told.readings]


@pytest.mark.parametrize(
    ("number", "unit", "scaler", "value", "milli"),
    [
        (unsigned(7), 7, 0, 7_000, "ms"),
        (signed(-215), 9, -1, -21_500, "m°C"),
        (unsigned(12), 13, 0, 12_000_000, "mL"),
        (unsigned(12), 14, -3, 12_000, "mL"),
        (unsigned(12), 19, 0, 12_000, "mL"),
        (unsigned(12), 20, -3, 12_000, "mg"),
        (unsigned(12), 25, 6, 12_000_000_000, "mJ"),
        (signed(-1), 27, 0, -1_000, "mW"),
        (unsigned(5), 28, 0, 5_000, "mVA"),
        (unsigned(5), 29, 0, 5_000, "mvar"),
        (unsigned(1_234_567, 3), 30, -1, 123_456_700, "mWh"),
        (unsigned(12), 30, 3, 12_000_000, "mWh"),
        (unsigned(5), 31, 0, 5_000, "mVAh"),
        (unsigned(5), 32, 0, 5_000, "mvarh"),
        (unsigned(106), 33, -2, 1_060, "mA"),
        (unsigned(2323), 35, -1, 232_300, "mV"),
        (unsigned(500), 44, -1, 50_000, "mHz"),
        (unsigned(3), 255, 0, 3, "count"),
        (unsigned(19_999), 30, -4, 1_999, "mWh"),
        (signed(-1), 27, -4, -1, "mW"),
        (unsigned(987), 255, -3, "0.987", ""),
        (unsigned(120), 8, 0, "120 °", ""),
        (signed(-1205), 8, -1, "-120.5 °", ""),
        (unsigned(456), 56, -1, "45.6 %", ""),
        (unsigned(12), 67, 2, "1200 (unit 67)", ""),
        (unsigned(12), None, 0, "12", ""),
        (b"\x42\x01", None, 0, "1", ""),
        (octets(b"1.02.007"), None, 0, "1.02.007", ""),
        (octets(b"HAGER\0\0"), 255, 0, "HAGER", ""),
        (octets(b"\x00\xff\x1b"), None, 0, "00ff1b", ""),
        (octets(bytes(20)), None, 0, 40 * "0", ""),
    ],
)
def test_a_number_is_told_in_milli_units(
    number: bytes, unit: int | None, scaler: int, value: int | str, milli: str
) -> None:
    assert _read(_entry(IMPORT, number, unit, scaler)) == [(value, milli)]


@given(
    number=st.integers(-(2**63), 2**64 - 1),
    width=st.integers(1, 8),
    scaler=st.integers(-12, 12),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_number_is_told_exactly_or_not_at_all(number: int, width: int, scaler: int) -> None:
    number >>= 8 * (8 - width)
    for write in (signed, unsigned):
        if (write is unsigned and number < 0) or (write is signed and number >= 2**63):
            continue
        told = _told(_entry(IMPORT, write(number, max(width, len(write(number)) - 1)), 30, scaler))
        exact = number * 10 ** (scaler + 12 + 3) // 10**12
        if abs(exact) < 2**63:
            assert told.readings == (Reading("1-0:1.8.0", exact, "mWh", None, SERIAL),)
        else:
            assert told.readings == ()
            assert [fault.kind for fault in told.faults] == ["object"]


@pytest.mark.parametrize(
    ("name", "register"),
    [
        ("0100010800ff", "1-0:1.8.0"),
        ("0100010801ff", "1-0:1.8.1"),
        ("010000020000", "1-0:0.2.0*0"),
        ("010060320101", "1-0:96.50.1*1"),
        ("00006001ffff", "0-0:96.1.255"),
        ("8181c78203ff", "129-129:199.130.3"),
        ("0102030405ff", "1-2:3.4.5"),
    ],
)
def test_an_unknown_register_is_kept_as_well(name: str, register: str) -> None:
    (reading,) = _told(_entry(bytes.fromhex(name), unsigned(1), 30)).readings

    assert reading.register == register


@pytest.mark.parametrize(
    ("entry", "kind", "detail"),
    [
        (_entry(POWER, ABSENT, 27), "placeholder", "0100100700ff: 01"),
        (_entry(POWER[:5], unsigned(1), 27), "object", "no register: 060100100700"),
        (_entry(POWER, unsigned(1), 27, 13), "object", "1-0:16.7.0: unit 621b, scaler 520d"),
        (sequence(*[ABSENT] * 6), "object", "no entry: 76010101010101"),
        (unsigned(5), "object", "no entry: 6205"),
        (_entry(POWER, sequence(ABSENT), 27), "placeholder", "0100100700ff: 7101"),
    ],
    ids=["no value", "short name", "wild scaler", "six members", "no list", "list as value"],
)
def test_a_broken_entry_is_a_fault_and_the_rest_lives(entry: bytes, kind: str, detail: str) -> None:
    stream = _file(
        _message(_list(_entry(IMPORT, unsigned(1), 30), entry, _entry(EXPORT, unsigned(2), 30)))
    )
    (told,) = _heard(stream)

    assert [(r.register, r.value) for r in told.readings] == [
        ("1-0:1.8.0", 1000),
        ("1-0:2.8.0", 2000),
    ]
    ((seen, offset, length, what),) = told.faults
    assert (seen, what[: len(detail)]) == (kind, detail)
    assert 8 < offset < offset + length < len(stream)


def test_a_list_of_more_than_fifteen_entries_is_read() -> None:
    entries = [_entry(bytes((1, 0, 1, 8, n, 255)), unsigned(n), 30) for n in range(40)]

    assert _read(*entries) == [(n * 1000, "mWh") for n in range(40)]


@pytest.mark.parametrize("said", [0x70 | 3, 0x70 | 1])
def test_a_list_with_another_number_of_entries_than_it_says_is_refused(said: int) -> None:
    body = _list(_entry(IMPORT, unsigned(1), 30), _entry(EXPORT, unsigned(2), 30))
    (told,) = _heard(_file(_message(body.replace(b"\x72\x77", bytes((said, 0x77))))))

    assert told.readings == ()
    assert [fault.kind for fault in told.faults] == ["object"]


# A power in an early DZG meter's words: 356.24 W, 655.35 W, 2.00 W, -0.10 W, -1260.61 W.
DZG_POWERS = [
    (faulty(35_624), 356_240),
    (faulty(65_535), 655_350),
    (faulty(200), 2_000),
    (faulty(-10), -100),
    (faulty(-126_061), -1_260_610),
    (faulty(100), 1_000),
]


@pytest.mark.parametrize("number", [42_000_000, 48_999_999, 50_500_000, 55_000_000, 58_999_999])
def test_powers_of_early_dzg_meters_are_read_as_meant(number: int) -> None:
    for wire, value in DZG_POWERS:
        told = _read(_entry(POWER, wire, 27, -2), server=identity("DZG", 0, number))
        assert told == [(value, "mW")]


@pytest.mark.parametrize(
    "server",
    [
        identity("DZG", 0, 41_999_999),
        identity("DZG", 0, 49_000_000),
        identity("DZG", 0, 54_999_999),
        identity("DZG", 0, 59_000_000),
        identity("DZG", 0, 60_000_000),
        identity("ISK", 0, 42_000_000),
        identity("DZG", 1, 42_000_000),
        b"DZG\0",
        b"",
    ],
)
def test_powers_of_other_meters_are_read_as_they_say(server: bytes) -> None:
    assert _read(_entry(POWER, faulty(35_624), 27, -2), server=server) == [(-299_120, "mW")]


def test_only_short_powers_of_early_dzg_meters_are_mended() -> None:
    server = identity("DZG", 0, 42_000_000)

    assert _read(_entry(POWER, signed(-70_000, 3), 27, -2), server=server) == [(-700_000, "mW")]
    assert _read(_entry(POWER, signed(-5, 1), 9), server=server) == [(-5_000, "m°C")]


@pytest.mark.parametrize(
    ("quirk", "number", "value"),
    [("none", 42_000_000, -299_120), ("dzg", 60_000_000, 356_240), (" DZG ", 60_000_000, 356_240)],
)
def test_the_quirk_may_be_set(quirk: str, number: int, value: int) -> None:
    server = identity("DZG", 0, number)
    told = _told(_entry(POWER, faulty(35_624), 27, -2), server=server, quirk=quirk)

    assert [reading.value for reading in told.readings] == [value]


def test_another_quirk_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError) as refused:
        sml.DEVICE.open({"quirk": "emh"})

    assert str(refused.value) == "quirk: 'emh' is not known; one of auto, dzg, none"


LOCAL = sequence(unsigned(3), sequence(unsigned(NOON_MS // 1000, 4), signed(60), signed(60)))


@pytest.mark.parametrize(
    ("list_time", "entry_time", "at_ms"),
    [
        (ABSENT, ABSENT, None),
        (since_start(NOON_MS // 1000), ABSENT, None),
        (unsigned(NOON_MS // 1000), ABSENT, None),
        (instant(NOON_MS // 1000), ABSENT, NOON_MS),
        (LOCAL, ABSENT, NOON_MS),
        (instant(NOON_MS // 1000), instant(NOON_MS // 1000 - 900), NOON_MS - 900_000),
        (instant(NOON_MS // 1000), LOCAL, NOON_MS),
        (instant(NOON_MS // 1000), since_start(0, 1), NOON_MS),
        (since_start(5, 3), LOCAL, NOON_MS),
        (instant(946_684_799), ABSENT, None),
    ],
)
def test_a_reading_has_the_meters_time_where_that_is_one(
    list_time: bytes, entry_time: bytes, at_ms: int | None
) -> None:
    told = _told(_entry(IMPORT, unsigned(1), 30, time=entry_time), time=list_time)

    assert told.readings == (Reading("1-0:1.8.0", 1000, "mWh", at_ms, SERIAL),)


def test_a_time_as_value_is_told_in_seconds() -> None:
    clock = sequence(unsigned(1), instant(NOON_MS // 1000))

    assert _read(_entry(IMPORT, clock)) == [("1782036000", "")]


@pytest.mark.parametrize(
    ("server", "serial"),
    [
        ("0a01445a470003938701", "1DZG0060000001"),
        ("090149534b000403df63", "1ISK0067362659"),
        ("0a01455359110003e8ff", "1ESY1100256255"),
        ("0a01415041010000ffff", "1APA0100065535"),
        ("06454d480100012345ab", "06454d480100012345ab"),
        ("0a0144504700ffffffff", "0a0144504700ffffffff"),  # more than eight digits
        ("0a01445a310003938701", "0a01445a310003938701"),  # a maker has letters only
        ("3032323830383136", "02280816"),
    ],
)
def test_a_meters_number_is_that_on_its_plate(server: str, serial: str) -> None:
    (reading,) = _told(_entry(IMPORT, unsigned(1), 30), server=bytes.fromhex(server)).readings

    assert reading.serial == serial


@pytest.mark.parametrize("name", ["0100600100ff", "0100000009ff", "0100000000ff"])
@pytest.mark.parametrize("server", [b"", bytes.fromhex("06455359010400012345")])
def test_a_meter_without_such_a_number_is_called_by_its_register(name: str, server: bytes) -> None:
    entries = [
        _entry(IMPORT, unsigned(1), 30),
        _entry(bytes.fromhex(name), octets(b"1ESY1160000001")),
    ]
    readings = _told(*entries, server=server).readings

    assert {reading.serial for reading in readings} == {"1ESY1160000001"}


def test_several_lists_in_one_file_keep_their_meters_apart() -> None:
    other = identity("ABC", 1, 7)
    stream = _file(
        _message(_list(_entry(IMPORT, unsigned(1), 30))),
        _message(_list(_entry(IMPORT, unsigned(2), 30), server=other)),
    )
    (told,) = _heard(stream)

    assert [(r.serial, r.value) for r in told.readings] == [
        (SERIAL, 1000),
        ("1ABC0100000007", 2000),
    ]


@pytest.mark.parametrize("width", [2, 3, 4])
def test_the_kind_of_a_message_may_have_leading_zeros(width: int) -> None:
    kind = sequence(unsigned(0x0701, width), _list(_entry(IMPORT, unsigned(1), 30)))
    counted = b"\x76" + octets(b"\x01") + unsigned(0) + unsigned(0) + kind
    (told,) = _heard(_file(counted + unsigned(swapped(counted), 2) + b"\0"))

    assert [reading.value for reading in told.readings] == [1000]


def test_what_stands_between_two_messages_hurts_neither() -> None:
    entry = _entry(IMPORT, unsigned(1), 30)
    (told,) = _heard(_file(_message(_list(entry)), entry, _message(_list(entry))))

    assert [reading.value for reading in told.readings] == [1000, 1000]


def test_a_checksum_that_looks_like_the_beginning_of_a_list_is_none() -> None:
    """It is 76 05, and the list's own beginning is what would be a number of four bytes."""
    opened = message(bytes.fromhex("00e958"), 0x0101, sequence(*[ABSENT] * 6), swapped)
    assert opened.endswith(b"\x63\x76\x05\x00")
    (told,) = _heard(_file(opened, _message(_list(_entry(IMPORT, unsigned(1), 30)))))

    assert told.faults == ()
    assert [reading.value for reading in told.readings] == [1000]


def test_a_message_with_a_wrong_checksum_is_refused_and_the_others_live() -> None:
    stream = _file(
        _message(_list(_entry(IMPORT, unsigned(1), 30)), lambda data: swapped(data) ^ 1),
        _message(_list(_entry(EXPORT, unsigned(2), 30))),
    )
    (told,) = _heard(stream)

    assert [reading.register for reading in told.readings] == ["1-0:2.8.0"]
    assert [fault.kind for fault in told.faults] == ["checksum"]


def test_a_checksum_of_a_message_may_lack_its_leading_zeros() -> None:
    bodies = (_list(_entry(IMPORT, unsigned(n, 4), 30)) for n in range(2_000))
    written = next(m for m in map(_message, bodies) if m[-4:-2] == b"\x63\x00")
    short = written[:-4] + b"\x62" + written[-2:]

    (long,) = _heard(_file(written))
    (told,) = _heard(_file(short))
    assert told.readings == long.readings
    assert len(told.readings) == 1
    (damaged,) = _heard(_file(written[:-4] + b"\x62" + bytes((written[-2] ^ 1, 0))))
    assert damaged.readings == ()


def test_a_signed_list_is_read() -> None:
    body = sequence(
        ABSENT,
        octets(SERVER),
        ABSENT,
        ABSENT,
        sequence(_entry(IMPORT, unsigned(1), 30)),
        octets(bytes(range(48))),
        instant(NOON_MS // 1000),
    )
    (told,) = _heard(_file(_message(body)))

    assert [reading.value for reading in told.readings] == [1000]


def test_a_list_in_another_form_says_the_same() -> None:
    """Read element by element, as its signature is longer than any that is common."""
    times = [ABSENT, since_start(7), unsigned(7, 4), instant(NOON_MS // 1000), LOCAL]
    entries = [_entry(POWER, signed(-5, n), 27, -2, time=time) for n, time in enumerate(times, 1)]
    entries += [
        _entry(IMPORT, octets(b"text")),
        _entry(EXPORT, octets(bytes(48))),
        _entry(IMPORT, ABSENT),
    ]
    body = _list(*entries)
    (usual,) = _heard(_file(_message(body)))
    (signed_list,) = _heard(_file(_message(body[:-2] + octets(bytes(90)) + ABSENT)))

    assert usual.readings == signed_list.readings
    assert len(usual.readings) == 7
    assert [fault.kind for fault in usual.faults] == ["placeholder"]
    assert [fault.kind for fault in signed_list.faults] == ["placeholder"]


def test_an_entry_with_a_signature_is_read() -> None:
    entry = _entry(IMPORT, unsigned(1), 30)[:-1] + octets(bytes(range(48)))

    assert _read(entry, _entry(EXPORT, unsigned(2), 30)) == [(1000, "mWh"), (2000, "mWh")]


def test_four_bytes_1b_in_a_value_are_read_once() -> None:
    value = unsigned(0x1B1B1B1B1B, 5)
    stream = _file(_message(_list(_entry(IMPORT, value, 30))))
    (told,) = _heard(stream)

    assert stream.count(b"\x1b" * 8) == 1
    assert [reading.value for reading in told.readings] == [0x1B1B1B1B1B * 1000]


@pytest.mark.parametrize("fill", range(4))
def test_bytes_that_fill_up_may_be_more_or_fewer_than_said(fill: int) -> None:
    content = _message(_list(_entry(IMPORT, unsigned(1), 30)))
    stream = frame(content + bytes(fill), lambda counted: b"")[:-2]
    for said in range(4):
        counted = stream + bytes((0x1A, said))
        (told,) = _heard(counted + swapped(counted).to_bytes(2, "big"))
        assert [reading.value for reading in told.readings] == [1000]


def test_a_file_without_values_is_a_fault() -> None:
    (told,) = _heard(_file())

    assert told.readings == ()
    assert [fault.kind for fault in told.faults] == ["empty"]


GOOD = _file(_message(_list(_entry(IMPORT, unsigned(1), 30))))


def test_a_file_without_its_end_is_cut_off_by_the_next() -> None:
    cut, good = _heard(GOOD[:-8] + GOOD)

    assert cut == Message(
        0, GOOD[:-8], (), (Fault("cut", 0, len(GOOD) - 8, "a file without its end"),)
    )
    assert [reading.value for reading in good.readings] == [1000]


def test_a_silence_cuts_a_file_off() -> None:
    session = sml.DEVICE.open({})
    session.feed(GOOD[:-1])
    (cut,) = session.timeout()
    (good,) = session.feed(GOOD)

    assert isinstance(cut, Message)
    assert [fault.kind for fault in cut.faults] == ["cut"]
    assert isinstance(good, Message)
    assert good.offset == len(GOOD) - 1


def test_a_mark_without_anything_behind_it_is_noise() -> None:
    noise, good = _heard(b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" * 5 + GOOD)

    assert noise.faults == (Fault("noise", 0, 40),)
    assert good.readings


def test_two_marks_with_too_little_between_them_are_noise() -> None:
    nothing = frame(bytes(16), lambda counted: swapped(counted).to_bytes(2, "big"))
    noise, good = _heard(nothing + GOOD)

    assert noise.faults == (Fault("noise", 0, 32),)
    assert good.readings


def test_a_file_longer_than_any_is_dropped_and_the_next_one_is_found() -> None:
    endless = GOOD[:8] + b"\x76" * sml.BUFFER_MAX
    told = _heard(endless + GOOD)

    assert [message.faults[0].kind for message in told[:-1]] == ["cut", "noise"]
    assert [reading.value for reading in told[-1].readings] == [1000]


@pytest.mark.parametrize("over", range(-9, 10))
def test_a_file_is_found_wherever_the_buffer_ends(over: int) -> None:
    endless = GOOD[:8] + b"\x76" * (sml.BUFFER_MAX - 8 + over)
    (*_, good) = _heard(endless + GOOD)

    assert [reading.value for reading in good.readings] == [1000]


def test_a_message_says_where_it_stood() -> None:
    told = _heard(b"noise" + GOOD + GOOD)

    assert [message.offset for message in told] == [0, 5, 5 + len(GOOD)]
    assert [message.raw for message in told[1:]] == [GOOD, GOOD]


def test_a_meter_is_recognised_by_the_beginning_of_a_file() -> None:
    assert sml.DEVICE.recognise(b"\x00" + GOOD[:9])
    assert not sml.DEVICE.recognise(GOOD[8:])
    assert not sml.DEVICE.recognise(b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" * 3)


@given(content=st.binary(max_size=400), mixed=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_file_of_anything_raises_nothing(content: bytes, mixed: random.Random) -> None:
    """With a right checksum, so that it is opened; half of it a good file's."""
    own = bytearray(GOOD[8:-8])
    for at, byte in enumerate(content[: len(own) // 8]):
        own[mixed.randrange(len(own))] = byte ^ at
    for inner in (content, bytes(own), bytes(own) + content):
        stream = frame(inner, lambda counted: swapped(counted).to_bytes(2, "big"))
        for told in _heard(stream):
            assert told.readings or told.faults
