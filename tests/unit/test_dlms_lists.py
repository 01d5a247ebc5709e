"""What the driver of pushed DLMS reads out of lists of every style."""

import pytest

from firmware_sim.cosem import array, code, octets, structure, text, unsigned
from tests.pushes import NOON_MS, SENT, framed, hear, named, notified, outline, scaler_unit, values


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
    assert values(array(named("1-0:13.7.0", value, scaler, unit))) == [("1-0:13.7.0", *told)]


def test_a_real_is_told_without_a_binary_fraction() -> None:
    assert values(array(named("1-0:32.7.0", bytes.fromhex("1743660ccd"), 0, 35))) == [
        ("1-0:32.7.0", 230_050, "mV")
    ]


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (named("1-0:2.7.0", unsigned(1, 4), 0, 60), "unit"),
        (named("1-0:2.7.0", unsigned(1, 4), 40, 27), "unit"),
        (named("1-0:2.8.0", bytes.fromhex("05ffffffff"), 0, 30), "object"),
        (named("1-0:2.8.0", bytes.fromhex("15fffffffffffffff0"), 9, 30), "object"),
        (named("1-0:2.8.0", unsigned(0xFFFFFFFF, 4), 0, 30), "placeholder"),
        (named("1-0:2.7.0", unsigned(0xFFFF, 2), 0, 27), "placeholder"),
        (structure(code("1-0:2.7.0"), b"\x00", scaler_unit(0, 27)), "placeholder"),
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
    body = array(named("1-0:1.7.0", unsigned(5, 4)), broken, named("1-0:1.8.0", unsigned(9, 4)))
    (message,) = hear(framed(notified(body)))

    assert [reading.register for reading in message.readings] == ["1-0:1.7.0", "1-0:1.8.0"]
    assert [fault.kind for fault in message.faults] == [kind]
    assert message.faults[0].length == len(message.raw)


@pytest.mark.parametrize(
    "body",
    [
        array(named("1-0:1.7.0", unsigned(5, 4))) + b"\x01",
        b"\x01\x02" + named("1-0:1.7.0", unsigned(5, 4)),
        b"\x01\x01" + named("1-0:1.7.0", unsigned(5, 4)) * 2,
        b"\x01\x82\x01\x01" + b"\x00" * 257,
        unsigned(5, 4),
        structure(unsigned(5, 4), unsigned(5, 4)),
        array(structure(code("0-0:96.1.0"), b"\x09\x05abc")),
        structure(*[octets(b"KFM_001")] * 3, *[unsigned(0, 4)] * 7),
    ],
    ids=[
        "more",
        "less",
        "an object more",
        "too long",
        "no list",
        "no names",
        "text cut off",
        "unknown order",
    ],
)
def test_a_list_that_cannot_be_followed_is_refused_as_a_whole(body) -> None:
    assert outline(hear(framed(notified(body)))) == [(0, ["object"])]


def test_zeros_may_follow_a_list() -> None:
    assert values(array(named("1-0:1.7.0", unsigned(5, 4))) + b"\x00\x00") == [
        ("1-0:1.7.0", 5_000, "mW")
    ]


def test_a_code_whose_two_bytes_before_it_are_turned_around_is_read() -> None:
    right = named("1-0:31.7.0", bytes.fromhex("1000f4"), -2, 33)
    turned = right.replace(b"\x09\x06", b"\x06\x09")

    assert values(array(turned)) == [("1-0:31.7.0", 2_440, "mA")]


def test_codes_and_values_may_stand_in_turn_with_and_without_units() -> None:
    body = structure(
        octets(SENT),
        *(code("1-0:1.8.0"), unsigned(12937, 4), scaler_unit(0, 30)),
        *(code("1-0:2.8.0"), unsigned(7, 4)),
        *(b"\x00", b"\x00"),
        *(code("0-0:96.13.0"), octets(b"")),
        octets(b"181220000009"),
    )

    assert values(body) == [
        ("0-0:1.0.0", "2026-06-21T12:00:00", ""),
        ("1-0:1.8.0", 12_937_000, "mWh"),
        ("1-0:2.8.0", 7_000, "mWh"),
        ("0-0:96.13.0", "", ""),
        ("0-0:96.1.0", "181220000009", ""),
    ]


def test_an_object_with_a_unit_may_follow_one_without() -> None:
    body = structure(
        *(code("1-0:2.8.0"), unsigned(7, 4)),
        *(code("1-0:1.7.0"), unsigned(5, 4), scaler_unit(1, 27)),
    )

    assert values(body) == [("1-0:2.8.0", 7_000, "mWh"), ("1-0:1.7.0", 50_000, "mW")]


def test_a_broken_number_without_a_unit_is_a_fault_alone() -> None:
    negative = bytes.fromhex("05ffffffff")
    body = structure(*(code("1-0:2.8.0"), negative), *(code("1-0:1.7.0"), unsigned(5, 4)))
    (message,) = hear(framed(notified(body)))

    assert [reading.register for reading in message.readings] == ["1-0:1.7.0"]
    assert [fault.kind for fault in message.faults] == ["object"]


def test_a_number_may_name_the_meter() -> None:
    body = structure(
        text("Kamstrup_V0001"),
        *(code("1-1:0.0.1"), unsigned(12_343_400, 4)),
        *(code("1-1:1.7.0"), unsigned(5, 4)),
        *(code("0-0:96.7.21"), unsigned(3, 2)),
    )
    (message,) = hear(framed(notified(body)))

    assert {reading.serial for reading in message.readings} == {"12343400"}
    assert [(r.value, r.unit) for r in message.readings[1:]] == [
        ("12343400", ""),
        (5_000, "mW"),
        (3, "count"),
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

    assert values(body) == [(c, value, "mV") for c, value in zip(codes, told, strict=True)]


def _kamstrup(kind, *items):
    return structure(text("Kamstrup_V0001"), code("1-1:96.1.1"), text(kind), *items)


@pytest.mark.parametrize(("kind", "told"), [("6841131BN", 570), ("6851131BN", 57)])
def test_a_kamstrup_behind_transformers_sends_milliamperes(kind, told) -> None:
    body = _kamstrup(kind, code("1-1:31.7.0"), unsigned(57, 4))

    assert values(body)[-1] == ("1-1:31.7.0", told, "mA")


def test_a_kaifa_that_names_its_values_sends_milliamperes_as_well() -> None:
    body = structure(
        *(code("1-0:0.2.129"), octets(b"KFM_001")),
        *(code("1-0:31.7.0"), unsigned(6781, 4)),
        *(code("1-0:32.7.0"), unsigned(2322, 4)),
    )

    assert values(body)[1:] == [("1-0:31.7.0", 6_781, "mA"), ("1-0:32.7.0", 232_200, "mV")]


@pytest.mark.parametrize(("step", "told"), [("1", 6_307_498_000), ("10", 63_074_980_000)])
def test_a_kamstrup_counts_in_the_steps_that_are_set(step, told) -> None:
    body = _kamstrup(
        "6841131BN", code("1-1:1.8.0"), unsigned(6_307_498, 4), code("1-1:1.7.0"), unsigned(5, 4)
    )
    (message,) = hear(framed(notified(body)), {"energy_step_wh": step})

    assert [r.value for r in message.readings[2:]] == [told, 5_000]


def test_the_step_of_a_kamstrup_is_no_other_meters() -> None:
    body = structure(code("1-0:1.8.0"), unsigned(5, 4), code("1-0:2.8.0"), unsigned(6, 4))
    (message,) = hear(framed(notified(body)), {"energy_step_wh": "10"})

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
        scaler_unit(3, 30),
        b"\x16\x01",
        octets(SENT),
    )

    assert values(body) == [
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

    assert values(structure(array(*entries), unsigned(5, 4))) == [("1-0:1.7.0", 5_000, "mW")]


def test_a_push_list_with_another_number_of_values_is_refused() -> None:
    body = _pushed([(40, "0-8:25.9.0", 2), (3, "1-0:1.7.0", 2)], unsigned(1, 4), unsigned(2, 4))

    assert outline(hear(framed(notified(body)))) == [(0, ["object"])]


def test_attributes_may_come_without_types_before_each_value() -> None:
    pair = b"\x02\x02\x00\x03\x01\x00\x01\x08\x00\xff\x02" + unsigned(8, 4)
    relay = b"\x02\x02\x00\x46\x00\x01\x60\x03\x0a\xff\x03\x16\x01"
    body = b"\x02\x02\x16\x01\x01\x02" + relay + pair

    assert values(body, b"") == [("0-1:96.3.10", "1", ""), ("1-0:1.8.0", 8_000, "mWh")]
    assert outline(hear(framed(notified(body[:-16])))) == [(0, ["object"])]


def test_the_best_name_of_a_meter_is_its_serial_number() -> None:
    body = structure(
        structure(code("0-0:42.0.0"), octets(b"LGZ1030655933512")),
        structure(code("0-0:96.1.1"), octets(b"1935912")),
        structure(code("0-1:96.1.0"), octets(b"GAS1")),
        named("0-1:24.2.1", unsigned(5, 4), -3, 13),
        named("1-0:1.7.0", unsigned(5, 4)),
    )
    (message,) = hear(framed(notified(body)))

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
    (message,) = hear(framed(notified(body, b"")))

    assert {reading.at_ms for reading in message.readings} == {at_ms}


def test_without_any_clock_nobody_knows_the_meters_time() -> None:
    (message,) = hear(framed(notified(array(named("1-0:1.7.0", unsigned(5, 4))), b"")))

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

    assert " ".join(register for register, _, _ in values(body)) == registers
