"""What P1 ports really send beside the specification, in telegrams of our own making."""

import pytest

from drivers import p1
from drivers.reading import Fault, Message, Reading
from drivers.wire import crc

STAMP_MS = 1782900010000  # 2026-07-01 12:00:10 summer time


def _sealed(*lines: str, end: str = "\r\n", seal: str = "{:04X}") -> bytes:
    body = end.join((*lines, "!")).encode("latin-1")
    return body + (seal.format(crc.arc(body)) + end).encode("latin-1")


def _modern(*objects: str, end: str = "\r\n", seal: str = "{:04X}") -> bytes:
    """A telegram with a clock, and so with a checksum."""
    return _sealed("/MKT5\\ODD", "", "0-0:1.0.0(260701120010S)", *objects, end=end, seal=seal)


def _old(*objects: str) -> bytes:
    """A telegram of DSMR 2.2: neither clock nor checksum."""
    return "\r\n".join(("/MKT5\\OLD", "", *objects, "!", "")).encode("latin-1")


def _read(*chunks: bytes) -> list[Message]:
    session = p1.DEVICE.open({})
    return [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()


def _amounts(message: Message) -> list[tuple[str, int | str, str]]:
    return [
        (reading.register, reading.value, reading.unit)
        for reading in message.readings
        if reading.register != "0-0:1.0.0"
    ]


def _kinds(message: Message) -> list[str]:
    return [fault.kind for fault in message.faults]


IMPORT = "1-0:1.8.1(000004.426*kWh)"
IMPORTED = ("1-0:1.8.1", 4_426_000, "mWh")
GOOD = _modern(IMPORT)


@pytest.mark.parametrize(
    "stream",
    [
        _modern(IMPORT, seal="{:04x}"),
        _modern(IMPORT, end="\n"),
        _modern(IMPORT, seal="{:04X}\0"),
        _modern(IMPORT, seal="{:04X}  "),
        GOOD + b"\0",
        GOOD[:-1],
        GOOD[:-2],
        _modern("1-0:1.8.1(000004.426kWh)"),
        _modern("1-0:1.8.1*255(000004.426*kWh)"),
        _modern("1-0:1.8.1(4426*Wh)"),
    ],
    ids=[
        "lower-case checksum",
        "LF only",
        "NUL after the checksum",
        "blanks after the checksum",
        "NUL after the line",
        "last LF missing",
        "last line end missing",
        "unit without star",
        "value group F",
        "watt-hours",
    ],
)
def test_odd_forms_of_a_good_telegram_say_the_same(stream: bytes) -> None:
    (message,) = _read(stream)

    assert _amounts(message) == [IMPORTED]
    assert message.faults == ()
    assert message.readings[-1].doubt == ""


def test_an_unpadded_checksum_is_believed() -> None:
    stream = _sealed("/MKT5\\399", "", IMPORT, seal="{:X}")
    assert stream.endswith(b"!8BE9\r\n")
    (message,) = _read(stream)

    assert _amounts(message) == [IMPORTED]


def test_a_telegram_without_checksum_is_read_as_unchecked() -> None:
    first, second = _read(_modern(IMPORT, seal="") + GOOD)

    assert _amounts(first) == [IMPORTED]
    assert {reading.doubt for reading in first.readings} == {"unchecked"}
    assert {reading.doubt for reading in second.readings} == {""}


def test_an_old_telegram_is_told_at_once_and_a_modern_one_without_checksum_at_the_next() -> None:
    assert len(p1.DEVICE.open({}).feed(_old(IMPORT))) == 1
    session = p1.DEVICE.open({})
    assert session.feed(_modern(IMPORT, seal="")) == []
    assert len(session.feed(GOOD[:20])) == 1


def test_half_a_checksum_damaged_into_line_ends_is_not_a_missing_one() -> None:
    (message, *_) = _read(GOOD[:-6] + b"\r\n" + GOOD[-4:] + GOOD)

    assert message.readings == ()
    assert _kinds(message) == ["checksum"]


def test_a_wrong_checksum_gives_one_fault_and_no_reading() -> None:
    (message,) = _read(GOOD.replace(b"4.426", b"5.426"))

    assert message.readings == ()
    assert _kinds(message) == ["checksum"]
    assert message.faults[0][1:3] == (0, len(GOOD))


def test_slash_and_exclamation_mark_within_a_text_are_text() -> None:
    (message,) = _read(_modern("0-0:96.13.0(see /MKT5 a/b! (now) !)", IMPORT))

    assert _amounts(message) == [("0-0:96.13.0", "see /MKT5 a/b! (now) !", ""), IMPORTED]


def test_latin_1_bytes_are_kept() -> None:
    (message,) = _read(_modern("0-0:96.13.0(caf\xe9 \xff\xff)", "0-1:24.2.1(00001.5*m\xb3)"))

    assert _amounts(message) == [
        ("0-0:96.13.0", "caf\xe9 \xff\xff", ""),
        ("0-1:24.2.1", 1_500_000, "mL"),
    ]


def _with_parity(telegram: bytes) -> bytes:
    return bytes(byte | (byte.bit_count() % 2) << 7 for byte in telegram)


@pytest.mark.parametrize("telegram", [GOOD, _old(IMPORT)], ids=["DSMR 4", "DSMR 2.2"])
def test_a_7e1_sender_seen_as_8n1_is_read(telegram: bytes) -> None:
    stream = _with_parity(telegram)
    (message,) = _read(stream)

    assert _amounts(message) == [IMPORTED]
    assert message.raw == stream


def test_a_byte_of_wrong_parity_refuses_the_telegram() -> None:
    stream = _with_parity(_old(IMPORT)).replace(b"6", b"7", 1)
    (message,) = _read(stream)

    assert message.readings == ()
    assert _kinds(message) == ["parity"]


@pytest.mark.parametrize("stamp", ["632525252525W", "000101000000W", "700101010000W"])
def test_a_placeholder_stamp_with_zero_is_a_fault_and_the_rest_lives(stamp: str) -> None:
    line = f"0-1:24.2.1({stamp})(00000000)"
    (message,) = _read(_modern(line, IMPORT))

    assert _amounts(message) == [IMPORTED]
    (fault,) = message.faults
    assert fault.kind == "placeholder"
    assert GOOD.find(b"1-0:1.8.1") == fault.offset
    assert fault.length == len(line) + 1  # with its CR


def test_a_value_with_a_placeholder_stamp_is_kept_without_time() -> None:
    (message,) = _read(_modern("0-1:24.2.1(632525252525S)(00012.345*m3)"))

    assert message.readings[-1] == Reading("0-1:24.2.1", 12_345_000, "mL", None, "")
    assert message.faults == ()


def test_a_clock_that_was_never_set_leaves_readings_without_time() -> None:
    (message,) = _read(_sealed("/MKT5\\NEW", "", "0-0:1.0.0(000101000003W)", IMPORT))

    assert message.readings == (Reading("1-0:1.8.1", 4_426_000, "mWh"),)
    assert _kinds(message) == ["placeholder"]


@pytest.mark.parametrize(
    ("stamp", "at_ms"),
    [
        ("261025023000S", 1792888200000),  # 00:30 UTC, the first 02:30 of that night
        ("261025023000W", 1792891800000),  # 01:30 UTC, the second
        ("260701120000W", 1782903600000),  # Sweden, winter time in July
        ("260115120000S", 1768471200000),  # Ireland, summer time in January
    ],
)
def test_the_flag_of_a_stamp_is_believed(stamp: str, at_ms: int) -> None:
    (message,) = _read(_sealed("/MKT5\\DST", "", f"0-0:1.0.0({stamp})", IMPORT))

    assert message.readings[-1].at_ms == at_ms


@pytest.mark.parametrize(
    ("stamp", "at_ms"),
    [
        ("260329013000", 1774744200000),  # winter until 02:00 of 29 March
        ("260329023000", None),  # an hour that day lacks
        ("260329030000", 1774746000000),
        ("261025013000", 1792884600000),
        ("261025023000", None),  # an hour that day has twice
        ("261025030000", 1792893600000),
    ],
)
def test_a_stamp_without_flag_follows_the_rule_of_the_union(stamp: str, at_ms: int | None) -> None:
    (message,) = _read(
        _old(f"0-1:24.3.0({stamp})(00)(60)(1)(0-1:24.2.1)(m3)", "(00001.001)", IMPORT)
    )

    gas, _ = message.readings
    assert gas == Reading("0-1:24.2.1", 1_001_000, "mL", at_ms, "", None, "unchecked")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("1-0:1.8.1(000004.426*kWh", "object"),
        ("1-0:1.8.1(00000x.426*kWh)", "object"),
        ("1-0:1.8.1()", "object"),
        ("1-0:1.8.1(000004.426)", "unit"),
        ("1-0:1.8.1(000004.426*kWs)", "unit"),
        ("1-0:1.8.1(4426*kWs)", "unit"),
        ("1-0:1.8.1(99999999999999*kWh)", "object"),
        ("1-0:1.8(000004.426*kWh)", "object"),
        ("0-0:96.7.21(many)", "object"),
        ("0-0:96.7.21(" + "9" * 5000 + ")", "object"),
        ("0-1:24.3.0(260701120000)(00)(60)(1)(0-1:24.2.1)(m3)", "object"),
        ("0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(251201000000W)", "object"),
        ("nothing at all", "object"),
    ],
)
def test_a_broken_object_is_a_fault_and_the_rest_lives(line: str, kind: str) -> None:
    (message,) = _read(_modern(line, IMPORT))

    assert _amounts(message) == [IMPORTED]
    assert _kinds(message) == [kind]
    assert message.raw[message.faults[0].offset :].startswith(line.encode())


def test_two_equal_broken_lines_are_two_faults_at_two_places() -> None:
    (message,) = _read(_modern("1-0:1.8.1()", IMPORT, "1-0:1.8.1()"))

    first, second = message.faults
    assert second.offset - first.offset == len("1-0:1.8.1()\r\n") + len(IMPORT) + 2


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        ("1-0:123.45.67(000001.5*kWh)", ("1-0:123.45.67", 1_500_000, "mWh")),
        ("0-0:200.1.2(hello)", ("0-0:200.1.2", "hello", "")),
        ("0-0:200.1.2(007)", ("0-0:200.1.2", "007", "")),
        ("0-0:200.1.2(1)(2)(3*kWh)", ("0-0:200.1.2", "(1)(2)(3*kWh)", "")),
        ("1-0:1.8.1*01(000001.5*kWh)", ("1-0:1.8.1*1", 1_500_000, "mWh")),
        ("1-0:16.7.0(-00.125*kW)", ("1-0:16.7.0", -125_000, "mW")),
        ("0-0:200.1.2(260701120010W)", ("0-0:200.1.2", "260701120010W", "")),
    ],
)
def test_unknown_registers_are_kept(line: str, amount: tuple[str, int | str, str]) -> None:
    (message,) = _read(_modern(line))

    assert _amounts(message) == [amount]
    assert message.faults == ()


def test_digits_beyond_the_milli_unit_are_cut_off_downwards() -> None:
    (message,) = _read(
        _modern("1-0:1.8.0(00000001.2345679*kWh)", "1-0:16.7.0(-00000001.2345671*kW)")
    )

    assert _amounts(message) == [
        ("1-0:1.8.0", 1_234_567, "mWh"),
        ("1-0:16.7.0", -1_234_568, "mW"),
    ]


def test_a_telegram_cut_off_in_a_line_loses_only_itself() -> None:
    cut, good = _read(GOOD[:50] + GOOD)

    assert cut.readings == ()
    assert cut.faults == (Fault("cut", 0, 50, "a telegram without its end"),)
    assert _amounts(good) == [IMPORTED]
    assert good.offset == 50


def test_an_old_telegram_cut_off_in_a_line_is_not_mixed_with_the_next() -> None:
    half = _old("1-0:1.8.1(00009.999*kWh)", "1-0:1.8.2(00009.999*kWh)")[:45]
    cut, good = _read(half + _old(IMPORT))

    assert _kinds(cut) == ["cut"]
    assert _amounts(good) == [IMPORTED]


def test_a_doubled_telegram_is_told_twice() -> None:
    assert [_amounts(message) for message in _read(GOOD + GOOD)] == [[IMPORTED], [IMPORTED]]


def test_noise_is_counted_and_not_kept() -> None:
    noise, good = _read(b"\x00\xffgarbage" + GOOD)

    assert noise == Message(0, b"", (), (Fault("noise", 0, 9),))
    assert _amounts(good) == [IMPORTED]


def test_what_follows_a_q3d_telegram_is_no_noise() -> None:
    q3d = _old("1-0:1.8.0*255(00000012.3456789*kWh)")
    trailer = b"  25818685\r\nDE0000000000000000000000000000003\r\n"
    first, second = _read((q3d + trailer) * 2)

    assert first.faults == second.faults == ()
    assert _amounts(first) == _amounts(second) == [("1-0:1.8.0", 12_345_678, "mWh")]


def test_readings_of_a_channel_carry_its_own_serial_whatever_the_order() -> None:
    (message,) = _read(
        _modern(
            "0-1:24.2.1(260701120000S)(00001.000*m3)",
            "0-1:96.1.0(474153)",
            "1-0:1.8.1(000001.000*kWh)",
            "0-0:96.1.1(454C)",
            "0-2:24.2.1(260701120000S)(00002.000*m3)",
        )
    )

    serials = {reading.register: reading.serial for reading in message.readings}
    assert serials["0-1:24.2.1"] == "GAS"
    assert serials["1-0:1.8.1"] == "EL"
    assert serials["0-2:24.2.1"] == ""
    assert {r.at_ms for r in message.readings if r.register == "1-0:1.8.1"} == {STAMP_MS}


@pytest.mark.parametrize(
    "lines",
    [
        ("0-0:96.1.0(454C30)", "0-0:96.1.1(454C)", IMPORT),
        ("0-0:96.1.1(454C)", "0-0:96.1.0(454C30)", IMPORT),
        ("0-0:96.1.1(454C)", "0-0:96.1.4(50221)", "0-0:96.1.2(454C33)", IMPORT),
    ],
)
def test_of_several_serial_numbers_96_1_1_names_the_meter(lines: tuple[str, ...]) -> None:
    (message,) = _read(_modern(*lines))

    assert {reading.serial for reading in message.readings} == {"EL"}
