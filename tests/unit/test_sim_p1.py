"""The P1 encoder against telegrams written down by hand from the companion standard."""

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser

from firmware_sim.devices.p1 import Gas, Meter, Phase, Shown, stamp, telegram

SERIAL = "E0047000012345626"
NOON = Shown(
    at_ms=1_782_036_000_000,  # 2026-06-21 10:00 UTC
    import_t1_wh=4426,
    import_t2_wh=2399,
    export_t1_wh=1_234_567,
    export_t2_wh=0,
    tariff=1,
    import_w=0,
    export_w=3080,
    phases=(Phase(voltage_dv=2312, current_ma=13_322, import_w=0, export_w=3080),),
    gas=Gas("G0039001234567826", 1_782_035_700_000, 107),
)

# The checksum was reckoned bit by bit with another program.
DSMR_5 = b"""\
/ISK5\\2M550T-1012

1-3:0.2.8(50)
0-0:1.0.0(260621120000S)
0-0:96.1.1(4530303437303030303132333435363236)
1-0:1.8.1(000004.426*kWh)
1-0:1.8.2(000002.399*kWh)
1-0:2.8.1(001234.567*kWh)
1-0:2.8.2(000000.000*kWh)
0-0:96.14.0(0001)
1-0:1.7.0(00.000*kW)
1-0:2.7.0(03.080*kW)
0-0:96.7.21(00000)
0-0:96.7.9(00000)
1-0:99.97.0(0)(0-0:96.7.19)
1-0:32.32.0(00000)
1-0:32.36.0(00000)
0-0:96.13.0()
1-0:32.7.0(231.2*V)
1-0:31.7.0(013*A)
1-0:21.7.0(00.000*kW)
1-0:22.7.0(03.080*kW)
0-1:24.1.0(003)
0-1:96.1.0(4730303339303031323334353637383236)
0-1:24.2.1(260621115500S)(00000.107*m3)
!82A6
"""


def test_a_dsmr_5_telegram_is_what_the_standard_says():
    expected = DSMR_5.replace(b"\n", b"\r\n")
    assert telegram(Meter(SERIAL), NOON) == expected


@pytest.mark.parametrize(
    ("dialect", "expected_end", "expected_line"),
    [
        ("4.2", b"!2901\r\n", b"1-3:0.2.8(42)\r\n"),
        ("be", b"!EFFD\r\n", b"0-1:24.2.3(260621115500S)(00000.107*m3)\r\n"),
    ],
)
def test_other_dialects_have_their_own_lines_and_checksum(dialect, expected_end, expected_line):
    said = telegram(Meter(SERIAL, dialect), NOON)
    assert said.endswith(expected_end)
    assert expected_line in said


@pytest.mark.parametrize(
    ("dialect", "specification"),
    [
        ("5.0.2", telegram_specifications.V5),
        ("4.2", telegram_specifications.V4),
        ("be", telegram_specifications.BELGIUM_FLUVIUS),
    ],
)
def test_a_peer_reads_every_dialect_and_accepts_its_checksum(dialect, specification):
    said = telegram(Meter(SERIAL, dialect), NOON).decode()
    read = TelegramParser(specification).parse(said)
    assert str(read.ELECTRICITY_DELIVERED_TARIFF_1.value) == "1234.567"
    assert str(read.CURRENT_ELECTRICITY_DELIVERY.value) == "3.080"


@pytest.mark.parametrize(
    ("at_ms", "expected"),
    [
        (1_792_886_400_000, "261025020000S"),
        (1_792_889_999_000, "261025025959S"),
        (1_792_890_000_000, "261025020000W"),
        (1_792_893_600_000, "261025030000W"),
    ],
    ids=["the hour", "its last second in summer", "comes again", "and is over"],
)
def test_the_flag_tells_the_repeated_hour_apart(at_ms, expected):
    assert stamp(at_ms) == expected
