"""What P1 ports print in one country or another, in telegrams of our own making."""

import pytest

from drivers import p1
from drivers.reading import Fault, Message, Reading
from drivers.wire import crc

STAMP_MS = 1782900010000  # 2026-07-01 12:00:10 summer time
CLOCK = "0-0:1.0.0(260701120010S)"
IMPORT = "1-0:1.8.1(000004.426*kWh)"
IMPORTED = ("1-0:1.8.1", 4_426_000, "mWh")

Amount = tuple[str, int | str, str]


def _summed(*lines: str) -> bytes:
    body = "\r\n".join((*lines, "!")).encode("latin-1")
    return body + b"%04X\r\n" % crc.arc(body)


def _modern(*objects: str) -> bytes:
    return _summed("/MKT5\\LAND", "", CLOCK, *objects)


def _read(*chunks: bytes) -> list[Message]:
    session = p1.DEVICE.open({})
    steps = [step for chunk in chunks for step in session.feed(chunk)] + session.timeout()
    return [step for step in steps if isinstance(step, Message)]


def _amounts(message: Message) -> list[Amount]:
    return [r[:3] for r in message.readings if r.register != "0-0:1.0.0"]


def _kinds(*messages: Message) -> list[str]:
    return [fault.kind for message in messages for fault in message.faults]


@pytest.mark.parametrize(
    "lines",
    [
        ("/KAM5", "", CLOCK, IMPORT),
        ("/Ene5\\T211 ESMR 5.0", "", CLOCK, IMPORT),
        ("/ELS5\\@V10.04", "", CLOCK, IMPORT, ""),
        ("/FLU5\\253770234_A", CLOCK, IMPORT),
        ("/GRE5\\\\12341234_A", "", CLOCK, IMPORT),
    ],
    ids=[
        "Sweden: no name",
        "Netherlands: blanks in the name",
        "Austria: an empty line before the end",
        "Belgium: no empty line after the name",
        "two backslashes",
    ],
)
def test_a_telegram_begins_and_ends_as_its_maker_likes(lines: tuple[str, ...]) -> None:
    (message,) = _read(_summed(*lines))

    assert [IMPORTED] == _amounts(message)
    assert message.faults == ()


def test_a_checksum_over_crlf_is_believed_where_the_crs_were_taken_off() -> None:
    stream = _modern(IMPORT).replace(b"\r\n", b"\n")
    (message,) = _read(stream)
    assert [IMPORTED] == _amounts(message)
    assert {reading.doubt for reading in message.readings} == {""}

    (message,) = _read(stream.replace(b"4.426", b"5.426"))
    assert ["checksum"] == _kinds(message)


def test_telegrams_without_a_line_end_between_them_are_two() -> None:
    first, second = _read(_modern(IMPORT)[:-2] + _modern("1-0:1.8.1(000004.427*kWh)"))

    assert [IMPORTED] == _amounts(first)
    assert [("1-0:1.8.1", 4_427_000, "mWh")] == _amounts(second)
    assert second.offset == len(first.raw)


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        ("1-0:1.8.0(00000003.997*kWh)", ("1-0:1.8.0", 3_997_000, "mWh")),
        ("1-0:3.8.0(00001234.432*kVArh)", ("1-0:3.8.0", 1_234_432_000, "mvarh")),
        ("1-0:3.7.0(0001.229*kVAr)", ("1-0:3.7.0", 1_229_000, "mvar")),
        ("1-0:3.8.0(000000.818*kvarh)", ("1-0:3.8.0", 818_000, "mvarh")),
        ("1-0:4.8.1(002692848*varh)", ("1-0:4.8.1", 2_692_848_000, "mvarh")),
        ("1-0:9.7.0(00.021*kVA)", ("1-0:9.7.0", 21_000, "mVA")),
        ("1-0:1.8.1(123456.789*kwh)", ("1-0:1.8.1", 123_456_789_000, "mWh")),
        ("1-0:1.8.1(123456.789KWH)", ("1-0:1.8.1", 123_456_789_000, "mWh")),
        ("1-0:1.7.0(01.193*kw)", ("1-0:1.7.0", 1_193_000, "mW")),
        ("1-0:32.7.0(220.1*v)", ("1-0:32.7.0", 220_100, "mV")),
        ("1-0:31.7.0(001*a)", ("1-0:31.7.0", 1_000, "mA")),
        ("1-0:32.24.0(243.0*V)", ("1-0:32.24.0", 243_000, "mV")),  # Lithuania's averages
        ("1-0:14.7.0(50.00*Hz)", ("1-0:14.7.0", 50_000, "mHz")),
        ("1-0:15.7.0*255(000123*W)", ("1-0:15.7.0", 123_000, "mW")),
        ("1-1:1.8.1(001595.070*kWh)", ("1-1:1.8.1", 1_595_070_000, "mWh")),
        ("0-0:17.0.0(99.999*kW)", ("0-0:17.0.0", 99_999_000, "mW")),
        ("0-0:17.0.0(016*A)", ("0-0:17.0.0", 16_000, "mA")),
        ("0-0:17.0.0(069.0*kVA)", ("0-0:17.0.0", 69_000_000, "mVA")),
        ("1-0:31.4.0(999.99*A)", ("1-0:31.4.0", 999_990, "mA")),
        ("1-1:31.4.0(100*A)(-063*A)", ("1-1:31.4.0", "(100*A)(-063*A)", "")),
        ("0-0:96.3.10(1)", ("0-0:96.3.10", "1", "")),
        ("0-2:96.3.10(0)", ("0-2:96.3.10", "0", "")),
        ("0-1:24.4.0(1)", ("0-1:24.4.0", "1", "")),
        ("1-0:94.32.1(400)", ("1-0:94.32.1", "400", "")),
        ("0-0:98.1.0(12)", ("0-0:98.1.0", "12", "")),
        ("0-0:96.13.0(test-/-test)", ("0-0:96.13.0", "test-/-test", "")),
        ("0-0:200.1.2(12.5*%)", ("0-0:200.1.2", "12.5*%", "")),
    ],
)
def test_a_line_is_read_as_the_country_prints_it(line: str, amount: Amount) -> None:
    (message,) = _read(_modern(line))

    assert [amount] == _amounts(message)
    assert message.faults == ()


@pytest.mark.parametrize(
    "line", ["1-0:1.8.1(5*mwh)", "1-0:1.8.1(5*Kwh)", "1-0:1.7.0(00.007)", "1-0:2.8.0(000000.025)"]
)
def test_a_unit_is_neither_guessed_nor_bent_into_a_known_one(line: str) -> None:
    (message,) = _read(_modern(line, IMPORT))

    assert [IMPORTED] == _amounts(message)
    assert ["unit"] == _kinds(message)


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        ("1-0:3.7.0(00.818)", ("1-0:3.7.0", 818_000, "mvar")),
        ("1-0:4.7.0(00.007)", ("1-0:4.7.0", 7_000, "mvar")),
        ("0-0:17.0.0(77.376)", ("0-0:17.0.0", 77_376_000, "mVA")),
    ],
)
def test_units_that_luxembourg_leaves_away_are_those_of_its_specification(
    line: str, amount: Amount
) -> None:
    (message,) = _read(_modern(line))

    assert [amount] == _amounts(message)


@pytest.mark.parametrize(
    ("lines", "serial"),
    [
        (("0-0:42.0.0(53414731303330)",), "SAG1030"),
        (("0-0:0.0.0(123412341234)",), "123412341234"),
        (("0-0:42.0.0(53414731303330)", "0-0:96.1.0(454C)"), "EL"),
        (("0-0:96.1.1*255(12345678      )",), "12345678"),
        (("0-0:96.1.4(50217)",), ""),
        (("1-0:0.0.0*255(0272)",), ""),
    ],
    ids=[
        "logical device name",
        "device address",
        "a serial number goes before",
        "blanks behind",
        "a version is none",
        "an owner's number is none",
    ],
)
def test_a_meter_is_named_by_what_its_country_prints(lines: tuple[str, ...], serial: str) -> None:
    (message,) = _read(_modern(IMPORT, *lines))

    assert Reading(*IMPORTED, STAMP_MS, serial) == message.readings[1]


def test_codes_that_dsmr_4_misprinted_are_read_as_they_were_meant() -> None:
    (message,) = _read(
        _modern(
            "1-0:99:97.0(2)(0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(00000000301*s)",
            "1-0:72:32.0(00003)",
        )
    )

    assert [
        ("1-0:99.97.0", 240_000, "ms"),
        ("1-0:99.97.0", 301_000, "ms"),
        ("1-0:72.32.0", 3, "count"),
    ] == _amounts(message)
    assert message.faults == ()


@pytest.mark.parametrize(
    "line",
    [
        "0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()",
        "0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)",
        "1-0:99.97.0()",
        "1-0:99.97.0(0)()",
        "1-0:99.97.0(0)(0-0:96.7.19)",
    ],
)
def test_an_empty_table_says_nothing(line: str) -> None:
    (message,) = _read(_modern(line, IMPORT))

    assert [IMPORTED] == _amounts(message)
    assert message.faults == ()


def test_a_table_row_without_values_is_a_placeholder() -> None:
    (message,) = _read(_modern("1-0:99.97.0(1)()()()", IMPORT))

    assert [IMPORTED] == _amounts(message)
    assert ["placeholder"] == _kinds(message)


def test_the_thirteen_months_of_belgium_keep_their_peaks_and_ends() -> None:
    # Peaks of 1 to 13 kW on the 3rd at noon, from July 2025 to July 2026.
    ends = [f"{25 + month // 12:02}{month % 12 + 1:02}01000000" for month in range(7, 20)]
    flags = ["S", "S", "S", "S", "W", "W", "W", "W", "W", "S", "S", "S", "S"]
    table = "".join(
        f"({end}{flag})(260103120000W)({number:02}.000*kW)"
        for number, (end, flag) in enumerate(zip(ends, flags, strict=True), 1)
    )
    (message,) = _read(_modern(f"0-0:98.1.0(13)(1-0:1.6.0)(1-0:1.6.0){table}"))

    _, *months = message.readings
    assert [number * 10**6 for number in range(1, 14)] == [r.value for r in months]
    # 1 August 2025, 0 o'clock in summer; 1 January 2026 in winter; 1 August 2026.
    assert [1753999200000, 1767222000000, 1785535200000] == [months[n].until_ms for n in (0, 5, 12)]
    assert {1767438000000} == {r.at_ms for r in months}


def test_hourly_gas_of_an_ace4000_carries_the_hour_of_each_line() -> None:
    (message,) = _read(
        _modern(
            "7-0:23.1.0*255(01238.740*m3)(19-01-01 00:00:00)",
            "7-0:23.1.0*255(01238.770*m3)(19-07-01 01:00:00)",
        )
    )

    assert (
        Reading("7-0:23.1.0", 1_238_740_000, "mL", 1546297200000),
        Reading("7-0:23.1.0", 1_238_770_000, "mL", 1561935600000),
    ) == message.readings[1:]


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("kind", "value", "amount"),
    [
        ("003", "00112.384*m3", (112_384_000, "mL")),
        ("004", "00012.500*GJ", (12_500_000_000_000, "mJ")),
        ("007", "00872.234*m3", (872_234_000, "mL")),
        ("010", "00001.250*GJ", (1_250_000_000_000, "mJ")),
        ("002", "000123.456*kWh", (123_456_000, "mWh")),
    ],
    ids=["gas", "heat", "water", "cold", "electricity"],
)
def test_any_kind_of_meter_may_hang_on_any_channel(
    channel: int, kind: str, value: str, amount: tuple[int, str]
) -> None:
    (message,) = _read(
        _modern(
            "0-0:96.1.1(454C)",
            f"0-{channel}:24.1.0({kind})",
            f"0-{channel}:96.1.0(4D42)",
            f"0-{channel}:24.2.1(260701115500S)({value})",
        )
    )

    # Five minutes and ten seconds before the telegram.
    assert message.readings[-1] == Reading(f"0-{channel}:24.2.1", *amount, STAMP_MS - 310_000, "MB")
    assert Reading(f"0-{channel}:24.1.0", kind, "", STAMP_MS, "MB") in message.readings


def test_a_dead_meter_beside_a_live_one_is_kept_with_its_serial() -> None:
    (message,) = _read(
        _modern(
            "0-1:24.1.0(003)",
            "0-1:96.1.1(4F4C44)",
            "0-1:24.2.3(230119124005W)(00734.607*m3)",
            "0-2:24.1.0(003)",
            "0-2:96.1.1(4E4557)",
            "0-2:24.2.3(260701115500S)(00000.000*m3)",
            "0-3:24.1.0(007)",
            "0-3:96.1.1()",
            "0-3:24.2.1(632525252525S)(00000.000)",
        )
    )

    told = {r.register: r for r in message.readings}
    # 19 January 2023, 12:40:05 in winter.
    assert Reading("0-1:24.2.3", 734_607_000, "mL", 1674128405000, "OLD") == told["0-1:24.2.3"]
    assert Reading("0-2:24.2.3", 0, "mL", STAMP_MS - 310_000, "NEW") == told["0-2:24.2.3"]
    assert told["0-3:24.1.0"].value == "007"
    assert "0-3:24.2.1" not in told
    assert ["placeholder"] == _kinds(message)


def test_a_gas_meter_of_dsmr_2_may_hang_on_the_second_channel_and_warmth_on_the_third() -> None:
    stream = "\r\n".join(
        (
            "/MKT5\\OLD",
            "",
            "0-0:96.1.1(454C)",
            "0-2:96.1.0(474153)",
            "0-2:24.3.0(260115120000)(00)(60)(1)(0-2:24.2.1)(m3)",
            "(00077.500)",
            "0-3:24.3.0(260115120000)(00)(60)(1)(0-3:24.2.1)(GJ)",
            "(00001.25)",
            "!",
            "",
        )
    )
    (message,) = _read(stream.encode())

    # 11 o'clock UTC.
    assert (
        Reading("0-2:24.2.1", 77_500_000, "mL", 1768474800000, "GAS", None, "unchecked")
        in message.readings
    )
    assert (
        Reading("0-3:24.2.1", 1_250_000_000_000, "mJ", 1768474800000, "", None, "unchecked")
        in message.readings
    )


def test_a_telegram_of_lines_that_say_nothing_is_refused_as_a_whole() -> None:
    stream = _modern(IMPORT, *["what"] * 65)
    (message,) = _read(stream)

    assert message.readings == ()
    assert [("object", 0)] == [fault[:2] for fault in message.faults]
    assert [IMPORTED] == _amounts(_read(_modern(IMPORT, *["what"] * 64))[0])


@pytest.mark.parametrize(
    "row",
    [b"/AAA\n\n!\n", b"/AAA\n\n!", b"/AAA\r\n\r\n!ABCD\r\n", b"/AAA\n\n0\n!\n", b"/MKT5x\n\n" * 3],
)
def test_telegrams_that_hold_nothing_are_noise_and_the_next_good_one_is_read(row: bytes) -> None:
    *noise, good = _read(row * 9 + _modern(IMPORT))

    assert [IMPORTED] == _amounts(good)
    assert [Fault("noise", 0, 9 * len(row))] == [fault for one in noise for fault in one.faults]


def test_a_telegram_shorter_than_any_meters_is_noise_in_any_slicing() -> None:
    stream = b"/AAA5\n\n1-0:1.8.0(1*kWh)\n!\n" * 2
    for size in (1, 5, len(stream)):
        told = _read(*(stream[n : n + size] for n in range(0, len(stream), size)))
        assert [Message(0, b"", (), (Fault("noise", 0, len(stream)),))] == told


def test_a_checksum_damaged_into_a_slash_is_not_a_missing_one() -> None:
    (message, *_) = _read(_modern(IMPORT)[:-6] + b"/\xfaCC\r\n" + _modern(IMPORT))

    assert message.readings == ()
    assert ["checksum"] == _kinds(message)


def test_a_telegram_cut_off_by_one_of_a_7e1_sender_loses_only_itself() -> None:
    old = b"\r\n".join((b"/MKT5\\OLD", b"", IMPORT.encode(), b"!", b""))
    cut, good = _read(_modern(IMPORT)[:50] + bytes(b | b.bit_count() % 2 << 7 for b in old))

    assert ["cut"] == _kinds(cut)
    assert [IMPORTED] == _amounts(good)
