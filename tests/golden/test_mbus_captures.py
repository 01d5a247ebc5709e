"""What real meters sent over M-Bus, worked out by hand from the bytes, and as pyMeterBus reads it.

The captures lie beside the project, not in it.
"""

from decimal import Decimal
from math import floor
from pathlib import Path

import meterbus
import pytest

from drivers import mbus
from drivers.reading import Message, Reading

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "mbus"

pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"the captures of real meters are not there: {CAPTURES}"
)
READABLE = [
    "EDC",
    "abb_f95",
    "electricity-meter-1",
    "els_falcon",
    "elv_temp_humid",
    "kamstrup_multical_601",
    "rel_padpuls2",
]


def _bytes(name: str) -> bytes:
    return (CAPTURES / f"{name}.bin").read_bytes()


def _read(name: str) -> Message:
    (message,) = mbus.DEVICE.open({}).feed(_bytes(name))
    assert isinstance(message, Message)
    return message


KAM_MS = 1_294_237_560_000  # 2011-01-05 15:26 in winter: 14:26 UTC
EDC_MS = 1_341_926_700_000  # 2012-07-10 15:25 in summer: 13:25 UTC
ABB_MS = 1_326_468_840_000  # 2012-01-13 16:34 in winter: 15:34 UTC
APRIL_MS = 1_304_200_740_000  # 2011-04-30 23:59 in summer: 21:59 UTC
ELS_MS = 1_170_766_680_000  # 2007-02-06 13:58 in winter: 12:58 UTC


@pytest.mark.parametrize(
    ("capture", "reading"),
    [
        # 04 06 E7910000: 37351 kWh
        (
            "kamstrup_multical_601",
            Reading("6-0:1.0.0", 37_351_000_000, "mWh", KAM_MS, "06855817"),
        ),
        # 04 14 2CDB0000: 56108 times 10 L
        ("kamstrup_multical_601", Reading("6-0:2.0.0", 561_080_000, "mL", KAM_MS, "06855817")),
        # 04 22 D9030000: 985 h
        ("kamstrup_multical_601", Reading("on-time", 3_546_000_000, "ms", KAM_MS, "06855817")),
        # 04 59 B9270000: 10169 hundredths
        ("kamstrup_multical_601", Reading("6-0:10.0.0", 101_690, "m°C", KAM_MS, "06855817")),
        ("kamstrup_multical_601", Reading("6-0:11.0.0", 46_160, "m°C", KAM_MS, "06855817")),
        ("kamstrup_multical_601", Reading("6-0:12.0.0", "55.53 K", "", KAM_MS, "06855817")),
        # 04 2D 5B010000: 347 times 100 W; 14 2D: its maximum
        ("kamstrup_multical_601", Reading("6-0:8.0.0", 34_700_000, "mW", KAM_MS, "06855817")),
        ("kamstrup_multical_601", Reading("power.max", 44_800_000, "mW", KAM_MS, "06855817")),
        # 04 3B 1F020000: 543 L/h
        ("kamstrup_multical_601", Reading("6-0:9.0.0", "0.543 m3/h", "", KAM_MS, "06855817")),
        # 44 06 51820000: 33361 kWh at the end of 2010, a date without time
        ("kamstrup_multical_601", Reading("6-0:1.0.0*1", 33_361_000_000, "mWh", None, "06855817")),
        ("kamstrup_multical_601", Reading("date*1", "2010-12-31", "", None, "06855817")),
        # 84 10 06: tariff 1; 84 40 14: subunit 1; 84 80 40 14: subunit 2
        ("kamstrup_multical_601", Reading("6-0:1.0.1", 0, "mWh", KAM_MS, "06855817")),
        ("kamstrup_multical_601", Reading("volume.u1", 0, "mL", KAM_MS, "06855817")),
        ("kamstrup_multical_601", Reading("volume.u2", 0, "mL", KAM_MS, "06855817")),
        # 84 00 86 3B 23000000: 35 kWh forward; 3C: 465 kWh backward, on a heat meter
        ("EDC", Reading("6-0:1.0.0", 35_000_000, "mWh", EDC_MS, "11120895")),
        ("EDC", Reading("energy.backward", 465_000_000, "mWh", EDC_MS, "11120895")),
        # 85 00 5B 2B4BAC41: 21.5367
        ("EDC", Reading("6-0:10.0.0", 21_536, "m°C", EDC_MS, "11120895")),
        ("EDC", Reading("text:C", "3571", "", EDC_MS, "11120895")),
        ("EDC", Reading("text:c", "1", "", EDC_MS, "11120895")),
        # 0C 12 42070000: 742 times 0.1 L
        ("abb_f95", Reading("6-0:2.0.0", 74_200, "mL", ABB_MS, "26718590")),
        ("abb_f95", Reading("6-0:10.0.0", 20_400, "m°C", ABB_MS, "26718590")),
        # 4C 05 with 44 6D: an older value has the time that is stored with it
        ("abb_f95", Reading("6-0:1.0.0*1", 0, "mWh", APRIL_MS, "26718590")),
        ("abb_f95", Reading("date.future*1", "2012-04-30T23:59", "", APRIL_MS, "26718590")),
        # 0B 26 536508: 86553 h
        ("abb_f95", Reading("operating-time", 311_590_800_000, "ms", ABB_MS, "26718590")),
        ("abb_f95", Reading("status", "temporary error, maker's 40", "", ABB_MS, "26718590")),
        # 8C 10 04 52120000: 1252 times 10 Wh in tariff 1
        ("electricity-meter-1", Reading("1-0:1.8.1", 12_520_000, "mWh", None, "0500023E")),
        ("electricity-meter-1", Reading("1-0:1.8.2", 17_744_330_000, "mWh", None, "0500023E")),
        ("electricity-meter-1", Reading("1-0:32.7.0", 237_000, "mV", None, "0500023E")),
        ("electricity-meter-1", Reading("1-0:71.7.0", 6_900, "mA", None, "0500023E")),
        # The three phases make the sum: 790 + 810 + 1600 W
        ("electricity-meter-1", Reading("1-0:21.7.0", 790_000, "mW", None, "0500023E")),
        ("electricity-meter-1", Reading("1-0:1.7.0", 3_200_000, "mW", None, "0500023E")),
        (
            "electricity-meter-1",
            Reading("reactive-power-signed.l1", -180_000, "mvar", None, "0500023E"),
        ),
        # 0C 13 67452301
        ("els_falcon", Reading("8-0:1.0.0", 1_234_567_000, "mL", ELS_MS, "70112345")),
        ("els_falcon", Reading("8-0:2.0.0", "6.137 m3/h", "", ELS_MS, "70112345")),
        ("els_falcon", Reading("8-0:1.0.0*1", 456_951_000, "mL", None, "70112345")),
        # 02 FC 03 "HR%" 74 D411: 4564 hundredths of %RH
        ("elv_temp_humid", Reading("text:%RH", "45.64", "", None, "54000834")),
        ("elv_temp_humid", Reading("text:%RH.max", "58.12", "", None, "54000834")),
        ("elv_temp_humid", Reading("outside-temperature.min", 21_600, "m°C", None, "54000834")),
        ("elv_temp_humid", Reading("outside-temperature*2", 22_690, "m°C", None, "54000834")),
        ("rel_padpuls2", Reading("manufacturer", "REL", "", 1_000_984_560_000, "00000004")),
        ("rel_padpuls2", Reading("date*1", "2000-12-31", "", None, "00000004")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.register,
)
def test_a_real_telegram_says_what_its_bytes_say(capture: str, reading: Reading) -> None:
    assert reading in _read(capture).readings


# Digits DDEBB4DD and EBB4DD, which are none.
FAULTS = {"abb_f95": [("placeholder", 31, 6), ("placeholder", 37, 5)]}


@pytest.mark.parametrize("capture", READABLE)
def test_a_real_telegram_is_read_to_its_end_each_register_once(capture: str) -> None:
    message = _read(capture)

    assert [fault[:3] for fault in message.faults] == FAULTS.get(capture, [])
    registers = [reading.register for reading in message.readings]
    assert len(registers) == len(set(registers))
    assert message.raw == _bytes(capture)
    assert mbus.DEVICE.recognise(message.raw)


def test_a_telegram_with_eleven_dife_is_refused_as_a_whole() -> None:
    message = _read("too_many_dife")

    assert message.readings == ()
    assert [fault[:3] for fault in message.faults] == [("object", 0, 47)]
    assert not mbus.DEVICE.recognise(message.raw)


def test_all_captures_after_one_another_on_a_bus_are_read_apart() -> None:
    names = [*READABLE, "too_many_dife"]
    request = bytes.fromhex("105bfe5916")
    stream = b"".join(request + _bytes(name) for name in names)
    session = mbus.DEVICE.open({})
    told = [step for n in range(len(stream)) for step in session.feed(stream[n : n + 1])]

    assert [step.raw for step in told if isinstance(step, Message)] == [_bytes(n) for n in names]


MILLI = {
    "MeasureUnit.WH": 10**3,
    "MeasureUnit.M3": 10**6,
    "MeasureUnit.W": 10**3,
    "MeasureUnit.V": 10**3,
    "MeasureUnit.A": 10**3,
    "MeasureUnit.C": 10**3,
    "MeasureUnit.SECONDS": 10**3,
}


@pytest.mark.parametrize(
    ("capture", "shared"),
    [
        ("EDC", 12),
        ("abb_f95", 7),
        ("electricity-meter-1", 18),
        ("els_falcon", 2),
        ("elv_temp_humid", 6),
        ("kamstrup_multical_601", 20),
        ("rel_padpuls2", 2),
    ],
)
def test_a_real_telegram_is_read_as_pymeterbus_reads_it(capture: str, shared: int) -> None:
    """But for a power in an error state whose digits are none, which it makes 1311041.3 W of."""
    ours = [reading.value for reading in _read(capture).readings if reading.unit]
    theirs = []
    for record in meterbus.load(_bytes(capture)).records:
        said = record.interpreted
        if said["unit"] in MILLI and "ERROR_STATE" not in said["function"]:
            # Binary fractions and their products: 20.400000000000002.
            amount = Decimal(said["value"]) * MILLI[said["unit"]]
            theirs.append(floor(amount + Decimal("0.0001")))

    assert ours == theirs
    assert len(theirs) == shared
