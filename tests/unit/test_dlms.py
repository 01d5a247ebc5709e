"""The driver of pushed DLMS: how telegrams come together, how they are opened, what lists say."""

import pytest

from drivers import dlms
from drivers.reading import Message, Reading
from drivers.sdk import SettingError
from drivers.wire import gcm
from firmware_sim import cosem
from firmware_sim.cosem import array, code, octets, structure, text, unsigned

KEYS = {"key": cosem.KEY.hex(), "auth_key": cosem.AUTH_KEY.hex()}
NOON_MS = 1_782_036_000_000  # 2026-06-21 10:00 UTC, noon in central Europe
SENT = bytes.fromhex("07ea0615070c0000ffff8880")
TITLE = b"MKT\x00\x00\x00\x00\x01"


def _scale(scaler, unit):
    return structure(bytes((15, scaler & 0xFF)), bytes((22, unit)))


def _object(register, value, scaler=0, unit=27):
    return structure(code(register), value, _scale(scaler, unit))


def _apdu(body, sent=SENT):
    return cosem.notification(7, sent, body)


def _frame(apdu):
    return cosem.in_one(apdu, to=b"\x41", of=b"\x03")


def _told(stream, settings=None):
    session = dlms.DEVICE.open(settings or {})
    return [step for step in session.feed(stream) + session.timeout() if isinstance(step, Message)]


def _values(body, sent=SENT):
    """What a list says, sent in a frame."""
    (message,) = _told(_frame(_apdu(body, sent)))
    return [(r.register, r.value, r.unit) for r in message.readings]


def _kinds(messages):
    return [(len(m.readings), [fault.kind for fault in m.faults]) for m in messages]


POWER = _apdu(array(_object("1-0:1.7.0", unsigned(1122, 4))))
READ = (1, [])


# How telegrams come together


def test_one_flag_may_end_a_frame_and_begin_the_next() -> None:
    one = _frame(POWER)
    messages = _told(one + one[1:] + one[1:])

    assert _kinds(messages) == [READ, READ, READ]
    assert [message.raw for message in messages] == [one, one[1:], one[1:]]


def test_flags_between_frames_are_no_noise() -> None:
    one = _frame(POWER)
    stream = b"\x7e\x7e" + one + b"\x7e" * 40 + one + b"\x55\x7e" + one + b"\x7e"
    session = dlms.DEVICE.open({})
    steps = [step for n in range(len(stream)) for step in session.feed(stream[n : n + 1])]

    assert _kinds(_told(stream)) == [READ, READ, (0, ["noise"]), READ]
    assert steps + session.timeout() == _told(stream)


def test_segments_are_put_together() -> None:
    items = [_object(f"1-0:{n}.7.0", unsigned(n, 4)) for n in range(1, 41)]
    stream = cosem.in_segments(_apdu(array(*items)))
    (message,) = _told(stream)

    assert len(message.readings) == 40
    assert message.raw == stream


def _frames(stream):
    """Frames with two flags each, apart."""
    return [b"\x7e" + one + b"\x7e" for one in stream[1:-1].split(b"\x7e\x7e")]


LONG = _apdu(array(*(_object(f"1-0:{n}.7.0", unsigned(n, 4)) for n in range(1, 20))))
BLOCKS = _frames(cosem.in_blocks(LONG))
SEGMENTS = _frames(cosem.in_segments(LONG))


@pytest.mark.parametrize("length", [b"\x29", b"\x2b", b"\x00", b"\x84\x00\x00\x00\x29", b"\xff"])
def test_a_block_of_another_length_than_it_says_is_refused(length) -> None:
    block = b"\xe0\xc0\x00\x01\x00\x00" + length + POWER + b"\x00"

    assert len(POWER) == 0x29
    assert _kinds(_told(_frame(block))) == [(0, ["cut"])]


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([0, 1, 2, 3], [(19, [])]),
        ([0, 2, 3], [(0, ["cut"]), (0, ["cut"])]),
        ([0, 1, 1, 2, 3], [(0, ["cut"]), (0, ["cut"]), (0, ["cut"])]),
        ([1, 2, 3], [(0, ["cut"])] * 3),
        ([0, 1, 0, 1, 2, 3], [(0, ["cut"]), (19, [])]),
        ([0, 1], [(0, ["cut"])]),
    ],
    ids=["in order", "one missing", "one twice", "begun late", "begun anew", "cut off"],
)
def test_blocks_out_of_order_are_refused_with_their_telegram(frames, told) -> None:
    assert len(BLOCKS) == 4
    assert _kinds(_told(b"".join(BLOCKS[n] for n in frames))) == told


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([0, 1, 2], [(19, [])]),
        ([1, 2], [(0, ["cut"])] * 2),
        ([0, 1, 0, 1, 2], [(0, ["cut"]), (19, [])]),
        ([0, 2], [(0, ["object"])]),
    ],
    ids=["in order", "begun late", "begun anew", "one missing"],
)
def test_segments_that_do_not_fit_are_refused(frames, told) -> None:
    assert len(SEGMENTS) == 3
    assert _kinds(_told(b"".join(SEGMENTS[n] for n in frames))) == told


def test_a_telegram_without_its_end_is_told_when_another_begins() -> None:
    one = _frame(POWER)
    session = dlms.DEVICE.open({})
    session.feed(b"".join(BLOCKS[:2]))
    steps = session.feed(one)

    assert _kinds(steps) == [(0, ["cut"]), READ]
    assert steps[0].raw == b"".join(BLOCKS[:2])


def test_a_broken_frame_breaks_the_telegram_around_it() -> None:
    wrong = BLOCKS[1][:20] + b"\x55" + BLOCKS[1][21:]
    messages = _told(BLOCKS[0] + wrong + BLOCKS[2] + BLOCKS[3] + _frame(POWER))

    assert _kinds(messages) == [
        (0, ["cut"]),
        (0, ["checksum"]),
        (0, ["cut"]),
        (0, ["cut"]),
        READ,
    ]


AUSTRIAN = cosem.sealed(LONG, title=TITLE, counter=1, tagged=False)


def _mbus(payload, ci=0x10):
    content = bytes((0x53, 0xFF, ci, 0x01, 0x67)) + payload
    size = len(content) % 256
    return bytes((0x68, size, size, 0x68)) + content + bytes((sum(content) % 256, 0x16))


def test_a_length_of_one_stands_for_257_bytes() -> None:
    stream = _mbus(AUSTRIAN[:252], 0x00) + _mbus(AUSTRIAN[252:], 0x11)
    (message,) = _told(stream, KEYS)

    assert stream[:4] == b"\x68\x01\x01\x68"
    assert len(message.readings) == 19
    assert message.raw == stream


def test_a_pause_with_noise_between_two_segments_breaks_nothing() -> None:
    stream = _mbus(AUSTRIAN[:200], 0x00) + b"\x00\xff" + _mbus(AUSTRIAN[200:], 0x11)
    (message,) = _told(stream, KEYS)

    assert len(message.readings) == 19
    assert message.raw == stream


@pytest.mark.parametrize(
    ("second", "kinds"),
    [
        (_mbus(AUSTRIAN[200:], 0x12), [(0, ["cut"])]),
        (_mbus(AUSTRIAN[200:], 0x11)[:-2] + b"\x00\x16", [(0, ["cut"]), (0, ["checksum"])]),
        (_mbus(AUSTRIAN[202:], 0x11), [(0, ["cipher"])]),
    ],
    ids=["another number", "a wrong sum", "bytes missing"],
)
def test_a_segment_that_does_not_fit_refuses_its_telegram(second, kinds) -> None:
    assert _kinds(_told(_mbus(AUSTRIAN[:200], 0x00) + second, KEYS)) == kinds


def test_what_is_not_encrypted_in_mbus_is_unchecked() -> None:
    (message,) = _told(_mbus(POWER))

    assert message.readings == (
        Reading("1-0:1.7.0", 1_122_000, "mW", NOON_MS, "", None, "unchecked"),
    )


@pytest.mark.parametrize(
    ("stream", "kinds"),
    [
        (POWER, [READ]),
        (AUSTRIAN, [(19, [])]),
        (POWER + b"\x01", [(0, ["noise"])]),
        (POWER[:-1], [(0, ["noise"])]),
        (b"\x55" + POWER, [(0, ["noise"])]),
    ],
    ids=["plain", "encrypted", "a byte more", "a byte less", "a byte before"],
)
def test_a_telegram_without_frames_is_read_between_two_silences_alone(stream, kinds) -> None:
    assert _kinds(_told(stream, KEYS)) == kinds


# How telegrams are opened


def _sealed(counter, *, tagged=True, apdu=POWER):
    return _frame(cosem.sealed(apdu, title=TITLE, counter=counter, tagged=tagged))


def test_a_tag_that_fits_takes_every_doubt() -> None:
    (message,) = _told(_sealed(1), KEYS)

    assert [reading.doubt for reading in message.readings] == [""]


@pytest.mark.parametrize(
    ("tagged", "settings"),
    [(True, {"key": KEYS["key"]}), (False, KEYS), (False, {"key": KEYS["key"]})],
    ids=["no authentication key", "no tag", "neither"],
)
def test_what_cannot_be_verified_says_so(tagged, settings) -> None:
    (message,) = _told(_sealed(1, tagged=tagged), settings)

    assert [reading.doubt for reading in message.readings] == ["unverified"]


def test_a_counter_that_was_there_is_refused() -> None:
    stream = _sealed(5) + _sealed(5) + _sealed(4) + _sealed(6)

    assert _kinds(_told(stream, KEYS)) == [READ, (0, ["replay"]), (0, ["replay"]), READ]


def test_what_another_key_opens_is_no_data_and_no_counter_to_remember() -> None:
    other = {"key": "00" * 16}
    session = dlms.DEVICE.open(other)
    steps = session.feed(_sealed(9)) + session.feed(_sealed(9))

    assert _kinds(steps) == [(0, ["key"]), (0, ["key"])]


def test_a_key_may_be_written_with_blanks_and_colons() -> None:
    written = ":".join(KEYS["key"][n : n + 2] for n in range(0, 32, 2))

    assert _kinds(_told(_sealed(1), {"key": f" {written.upper()} "})) == [READ]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"key": "00112233"}, "key"),
        ({"key": KEYS["key"], "auth_key": "no key at all"}, "auth_key"),
        ({"auth_key": KEYS["auth_key"]}, "key"),
        ({"energy_step_wh": "100"}, "energy_step_wh"),
    ],
)
def test_a_setting_that_cannot_work_is_named_and_no_key_is_told(settings, name) -> None:
    with pytest.raises(SettingError) as error:
        dlms.DEVICE.open(settings)

    assert error.value.name == name
    assert not any(value in str(error.value) for value in settings.values() if len(value) > 5)


def test_what_is_no_notification_is_refused() -> None:
    assert _kinds(_told(_frame(b"\xc4\x01\xc1\x00\x06\x00\x00\x04\x62"))) == [(0, ["object"])]


def test_a_frame_of_ciphering_that_is_cut_short_is_refused() -> None:
    short = cosem.sealed(POWER, title=TITLE, counter=1, tagged=True)[:-1]

    assert _kinds(_told(_frame(short), KEYS)) == [(0, ["cipher"])]
    assert gcm.TAG_BYTES == 12


# What lists say


@pytest.mark.parametrize(
    ("value", "scaler", "unit", "told"),
    [
        (unsigned(1122, 4), 0, 27, (1_122_000, "mW")),
        (unsigned(1122, 4), 3, 27, (1_122_000_000, "mW")),
        (bytes.fromhex("10ff9c"), -1, 33, (-10_000, "mA")),
        (bytes.fromhex("05ffffff9c"), 0, 29, (-100_000, "mvar")),
        (bytes.fromhex("1500000000075bcd15"), -2, 30, (1_234_567_890, "mWh")),
        (bytes.fromhex("0ffe"), 0, 9, (-2_000, "m°C")),
        (unsigned(12345, 4), -3, 13, (12_345_000, "mL")),
        (unsigned(5003, 2), -2, 44, (50_030, "mHz")),
        (unsigned(7, 4), -4, 33, (0, "mA")),  # less than a milliampere is cut off
        (unsigned(998, 2), -3, 255, ("0.998", "")),
        (unsigned(120, 2), -1, 15, ("12.0 m3/h", "")),
        (unsigned(3, 1), 0, 5, ("3 h", "")),
    ],
)
def test_a_number_is_told_in_milli_units_or_as_text(value, scaler, unit, told) -> None:
    assert _values(array(_object("1-0:13.7.0", value, scaler, unit))) == [("1-0:13.7.0", *told)]


def test_a_real_is_told_without_a_binary_fraction() -> None:
    assert _values(array(_object("1-0:32.7.0", bytes.fromhex("1743660ccd"), 0, 35))) == [
        ("1-0:32.7.0", 230_050, "mV")
    ]


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (_object("1-0:2.7.0", unsigned(1, 4), 0, 60), "unit"),
        (_object("1-0:2.7.0", unsigned(1, 4), 40, 27), "unit"),
        (_object("1-0:2.8.0", bytes.fromhex("05ffffffff"), 0, 30), "object"),
        (_object("1-0:2.8.0", bytes.fromhex("15fffffffffffffff0"), 9, 30), "object"),
        (_object("1-0:2.8.0", unsigned(0xFFFFFFFF, 4), 0, 30), "placeholder"),
        (_object("1-0:2.7.0", unsigned(0xFFFF, 2), 0, 27), "placeholder"),
        (structure(code("1-0:2.7.0"), b"\x00", _scale(0, 27)), "placeholder"),
        (structure(code("0-0:1.0.0"), octets(b"\xff" * 12)), "placeholder"),
        (structure(code("1-0:2.7.0"), bytes.fromhex("173dcccccd")), "unit"),
    ],
    ids=[
        "unit 60",
        "scaler 40",
        "negative counter",
        "beyond 64 bits",
        "all bits set",
        "all bits of 16 set",
        "no data",
        "a clock that is not set",
        "a fraction without a unit",
    ],
)
def test_one_broken_object_is_a_fault_and_the_others_live(broken, kind) -> None:
    body = array(_object("1-0:1.7.0", unsigned(5, 4)), broken, _object("1-0:1.8.0", unsigned(9, 4)))
    (message,) = _told(_frame(_apdu(body)))

    assert [reading.register for reading in message.readings] == ["1-0:1.7.0", "1-0:1.8.0"]
    assert [fault.kind for fault in message.faults] == [kind]
    assert message.faults[0].length == len(message.raw)


@pytest.mark.parametrize(
    "body",
    [
        array(_object("1-0:1.7.0", unsigned(5, 4))) + b"\x01",
        b"\x01\x02" + _object("1-0:1.7.0", unsigned(5, 4)),
        b"\x01\x01" + _object("1-0:1.7.0", unsigned(5, 4)) * 2,
        b"\x01\x82\x01\x01" + b"\x00" * 257,
        unsigned(5, 4),
        structure(unsigned(5, 4), unsigned(5, 4)),
        structure(*[octets(b"KFM_001")] * 3, *[unsigned(0, 4)] * 7),
    ],
    ids=["more", "less", "an object more", "too long", "no list", "no names", "unknown order"],
)
def test_a_list_that_cannot_be_followed_is_refused_as_a_whole(body) -> None:
    assert _kinds(_told(_frame(_apdu(body)))) == [(0, ["object"])]


def test_zeros_may_follow_a_list() -> None:
    assert _values(array(_object("1-0:1.7.0", unsigned(5, 4))) + b"\x00\x00") == [
        ("1-0:1.7.0", 5_000, "mW")
    ]


def test_a_code_whose_two_bytes_before_it_are_turned_around_is_read() -> None:
    right = _object("1-0:31.7.0", bytes.fromhex("1000f4"), -2, 33)
    turned = right.replace(b"\x09\x06", b"\x06\x09")

    assert _values(array(turned)) == [("1-0:31.7.0", 2_440, "mA")]


def test_codes_and_values_may_stand_in_turn_with_and_without_units() -> None:
    body = structure(
        octets(SENT),
        *(code("1-0:1.8.0"), unsigned(12937, 4), _scale(0, 30)),
        *(code("1-0:2.8.0"), unsigned(7, 4)),
        *(b"\x00", b"\x00"),
        *(code("0-0:96.13.0"), octets(b"")),
        octets(b"181220000009"),
    )

    assert _values(body) == [
        ("0-0:1.0.0", "2026-06-21T12:00:00", ""),
        ("1-0:1.8.0", 12_937_000, "mWh"),
        ("1-0:2.8.0", 7_000, "mWh"),
        ("0-0:96.13.0", "", ""),
        ("0-0:96.1.0", "181220000009", ""),
    ]


@pytest.mark.parametrize(
    ("volts", "told"),
    [
        ((231, 0, 229), [231_000, 0, 229_000]),
        ((2310, 3, 2291), [231_000, 300, 229_100]),
        ((22199, 22314, 0), [221_990, 223_140, 0]),
        ((0, 0, 0), [0, 0, 0]),
    ],
)
def test_voltages_without_a_unit_are_taken_by_their_size(volts, told) -> None:
    codes = ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")
    items = [one for pair in zip(codes, volts, strict=True) for one in pair]
    body = structure(*(code(x) if isinstance(x, str) else unsigned(x, 2) for x in items))

    assert _values(body) == [(c, value, "mV") for c, value in zip(codes, told, strict=True)]


def _kamstrup(kind, *items):
    return structure(text("Kamstrup_V0001"), code("1-1:96.1.1"), text(kind), *items)


@pytest.mark.parametrize(("kind", "told"), [("6841131BN", 570), ("6851131BN", 57)])
def test_a_kamstrup_behind_transformers_sends_milliamperes(kind, told) -> None:
    body = _kamstrup(kind, code("1-1:31.7.0"), unsigned(57, 4))

    assert _values(body)[-1] == ("1-1:31.7.0", told, "mA")


def test_a_kaifa_that_names_its_values_sends_milliamperes_as_well() -> None:
    body = structure(
        *(code("1-0:0.2.129"), octets(b"KFM_001")),
        *(code("1-0:31.7.0"), unsigned(6781, 4)),
        *(code("1-0:32.7.0"), unsigned(2322, 4)),
    )

    assert _values(body)[1:] == [("1-0:31.7.0", 6_781, "mA"), ("1-0:32.7.0", 232_200, "mV")]


@pytest.mark.parametrize(("step", "told"), [("1", 6_307_498_000), ("10", 63_074_980_000)])
def test_a_kamstrup_counts_in_the_steps_that_are_set(step, told) -> None:
    body = _kamstrup(
        "6841131BN", code("1-1:1.8.0"), unsigned(6_307_498, 4), code("1-1:1.7.0"), unsigned(5, 4)
    )
    (message,) = _told(_frame(_apdu(body)), {"energy_step_wh": step})

    assert [r.value for r in message.readings[2:]] == [told, 5_000]


def test_the_step_of_a_kamstrup_is_no_other_meters() -> None:
    body = structure(code("1-0:1.8.0"), unsigned(5, 4), code("1-0:2.8.0"), unsigned(6, 4))
    (message,) = _told(_frame(_apdu(body)), {"energy_step_wh": "10"})

    assert [r.value for r in message.readings] == [5_000, 6_000]


def _pushed(objects, *values):
    entries = [
        structure(unsigned(kind, 2), code(name), bytes((15, attribute)), unsigned(0, 2))
        for kind, name, attribute in objects
    ]
    return structure(array(*entries), *values)


def test_a_push_list_may_bring_scaler_and_unit_as_values_of_their_own() -> None:
    body = _pushed(
        [
            (40, "0-8:25.9.0", 2),
            (40, "0-8:25.9.0", 1),
            (3, "1-0:1.8.0", 2),
            (3, "1-0:1.8.0", 3),
            (70, "0-0:96.3.10", 3),
            (4, "1-0:1.6.0", 5),
        ],
        code("0-8:25.9.0"),
        unsigned(77, 4),
        _scale(3, 30),
        b"\x16\x01",
        octets(SENT),
    )

    assert _values(body) == [
        ("1-0:1.8.0", 77_000_000, "mWh"),
        ("0-0:96.3.10", "1", ""),
        ("1-0:1.6.0#5", SENT.hex(), ""),
    ]


def test_a_push_list_of_a_later_edition_has_more_in_each_entry() -> None:
    restriction = structure(b"\x16\x00", b"\x00")
    rest = (b"\x0f\x02", unsigned(0, 2), restriction, array())
    entries = [
        structure(unsigned(kind, 2), code(name), *rest)
        for kind, name in ((40, "0-0:25.9.0"), (3, "1-0:1.7.0"))
    ]

    assert _values(structure(array(*entries), unsigned(5, 4))) == [("1-0:1.7.0", 5_000, "mW")]


def test_a_push_list_with_another_number_of_values_is_refused() -> None:
    body = _pushed([(40, "0-8:25.9.0", 2), (3, "1-0:1.7.0", 2)], unsigned(1, 4), unsigned(2, 4))

    assert _kinds(_told(_frame(_apdu(body)))) == [(0, ["object"])]


def test_attributes_may_come_without_types_before_each_value() -> None:
    pair = b"\x02\x02\x00\x03\x01\x00\x01\x08\x00\xff\x02" + unsigned(8, 4)
    relay = b"\x02\x02\x00\x46\x00\x01\x60\x03\x0a\xff\x03\x16\x01"
    body = b"\x02\x02\x16\x01\x01\x02" + relay + pair

    assert _values(body, b"") == [("0-1:96.3.10", "1", ""), ("1-0:1.8.0", 8_000, "mWh")]
    assert _kinds(_told(_frame(_apdu(body[:-16])))) == [(0, ["object"])]


def test_the_best_name_of_a_meter_is_its_serial_number() -> None:
    body = structure(
        structure(code("0-0:42.0.0"), octets(b"LGZ1030655933512")),
        structure(code("0-0:96.1.1"), octets(b"1935912")),
        structure(code("0-1:96.1.0"), octets(b"GAS1")),
        _object("0-1:24.2.1", unsigned(5, 4), -3, 13),
        _object("1-0:1.7.0", unsigned(5, 4)),
    )
    (message,) = _told(_frame(_apdu(body)))

    assert [reading.serial for reading in message.readings] == [
        "1935912",
        "1935912",
        "GAS1",
        "GAS1",
        "1935912",
    ]


@pytest.mark.parametrize(
    ("version", "clock", "at_ms"),
    [
        ("AIDON_V0001", "07ea0615000b0000ff000000", NOON_MS),  # says UTC, shows winter time
        ("AIDON_V0001", "07ea0615000b0000ff8000ff", NOON_MS),
        ("KFM_001", "07ea0615000c0000ff800000", NOON_MS),
        ("KFM_001", "07ea0615000a0000ff000000", NOON_MS),
    ],
)
def test_clocks_that_do_not_know_their_zone_are_read_by_their_maker(version, clock, at_ms) -> None:
    body = array(
        structure(code("1-1:0.2.129"), text(version)),
        structure(code("0-0:1.0.0"), octets(bytes.fromhex(clock))),
    )
    (message,) = _told(_frame(_apdu(body, b"")))

    assert {reading.at_ms for reading in message.readings} == {at_ms}


def test_without_any_clock_nobody_knows_the_meters_time() -> None:
    (message,) = _told(_frame(_apdu(array(_object("1-0:1.7.0", unsigned(5, 4))), b"")))

    assert [reading.at_ms for reading in message.readings] == [None]


ORDERED = {
    "Vienna": (
        structure(octets(SENT), *(unsigned(n, 4) for n in range(1, 9))),
        (
            "0-0:1.0.0 1-0:1.8.0 1-0:2.8.0 1-0:3.8.0 1-0:4.8.0 1-0:1.7.0 1-0:2.7.0 1-0:3.7.0 "
            "1-0:4.7.0"
        ),
    ),
    "Carinthia": (
        structure(
            code("0-6:25.9.0"),
            octets(b"1121273201353"),
            octets(bytes.fromhex("0c000000")),
            octets(bytes.fromhex("07ea061507")),
            *(unsigned(n, 4) for n in range(1, 7)),
            *(octets(b""), octets(b"")),
        ),
        (
            "0-0:96.1.0 1-0:0.9.1 1-0:0.9.2 1-0:1.8.0 1-0:2.8.0 1-0:3.8.0 1-0:4.8.0 1-0:1.7.0 "
            "1-0:2.7.0 0-0:96.13.0 0-0:96.13.1"
        ),
    ),
    "Burgenland": (
        structure(
            *(unsigned(230, 2) for _ in range(6)),
            *(unsigned(n, 4) for n in range(4)),
            *(unsigned(n, 2) for n in range(3)),
            octets(b"30137181"),
        ),
        (
            "1-0:32.7.0 1-0:52.7.0 1-0:72.7.0 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0 1-0:1.7.0 "
            "1-0:2.7.0 1-0:1.8.0 1-0:2.8.0 item-11 item-12 item-13 0-0:96.1.0"
        ),
    ),
    "Slovenia": (
        structure(
            octets(b"ISK1030789375606"),
            octets(b"16820006"),
            b"\x16\x01",
            octets(b"\x00\x01"),
            *(unsigned(n, 4) for n in range(8)),
        ),
        (
            "0-0:42.0.0 0-0:96.1.3 0-0:96.3.10 0-0:96.14.0 1-0:1.8.0 1-0:1.8.1 1-0:1.8.2 "
            "1-0:2.8.0 1-0:2.8.1 1-0:2.8.2 1-0:3.8.0 1-0:4.8.0"
        ),
    ),
}


@pytest.mark.parametrize("place", ORDERED)
def test_a_list_without_names_is_known_by_the_types_of_its_values(place) -> None:
    body, registers = ORDERED[place]

    assert " ".join(register for register, _, _ in _values(body)) == registers


# Being found


@pytest.mark.parametrize(
    ("sample", "is_one"),
    [
        (b"\x55" * 30 + _frame(POWER), True),
        (_frame(POWER)[9:] + BLOCKS[2] + BLOCKS[0], True),
        (_mbus(AUSTRIAN[:200], 0x00), True),
        (_frame(POWER)[:-3] + b"\x00\x00\x7e", False),
        (BLOCKS[1], False),
        (_mbus(b"\x72\x00\x00"), False),
        (bytes.fromhex("68 14 14 68 08 01 72") + bytes(17) + b"\x7b\x16", False),
        (POWER, False),
        (b"", False),
    ],
)
def test_a_push_is_recognised_by_a_whole_frame_that_begins_one(sample, is_one) -> None:
    assert dlms.DEVICE.recognise(sample) is is_one
