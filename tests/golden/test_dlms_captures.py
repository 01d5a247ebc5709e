"""Captured pushes of real meters, plain and encrypted: what they say by hand, and as a peer has it.

The captures lie beside the project, not in it. `_decoded.xml` is what Gurux' translator read.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drivers import dlms
from drivers.reading import Message, Reading

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "dlms"

pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"the captures of real meters are not there: {CAPTURES}"
)
AIDON, KAIFA = "hdlc_norway_han_3phase", "hdlc_kaifa_ma304h3e"
KAMSTRUP, NETZ_NOE = "hdlc_kamstrup_omnipower", "mbus_netz_noe_p1"
NAMES = [AIDON, KAIFA, KAMSTRUP, NETZ_NOE]


def _bytes(name: str) -> bytes:
    return bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", (CAPTURES / f"{name}.log").read_text()))


def _settings(name: str) -> dict[str, str]:
    files = {"key": CAPTURES / f"{name}.key", "auth_key": CAPTURES / f"{name}.gak"}
    return {key: file.read_text() for key, file in files.items() if file.exists()}


def _read(name: str, settings: dict[str, str] | None = None) -> Message:
    session = dlms.DEVICE.open(_settings(name) if settings is None else settings)
    (message,) = session.feed(_bytes(name))
    assert isinstance(message, Message)
    return message


AIDON_MS = 1_576_479_580_000  # 2019-12-16 07:59:40 in winter: 06:59:40 UTC
KAIFA_MS = 1_505_446_420_000  # 2017-09-15 05:33:40 in summer: 03:33:40 UTC
KAMSTRUP_MS = 1_773_325_470_000  # 2026-03-12 15:24:30 in winter: 14:24:30 UTC
NETZ_NOE_MS = 1_632_728_835_000  # 2021-09-27 09:47:15, deviation -120: 07:47:15 UTC
KAIFA_ID, KAMSTRUP_ID, NETZ_NOE_ID = "6970631401753985", "12343400", "181220000009"


@pytest.mark.parametrize(
    ("capture", "reading"),
    [
        # 06 00000462, scaler 0, unit 1B: 1122 W
        (AIDON, Reading("1-0:1.7.0", 1_122_000, "mW", AIDON_MS)),
        # 06 000005E3, unit 1D: 1507 var
        (AIDON, Reading("1-0:3.7.0", 1_507_000, "mvar", AIDON_MS)),
        # 10 004B, scaler FF, unit 21: 7.5 A
        (AIDON, Reading("1-0:51.7.0", 7_500, "mA", AIDON_MS)),
        # 12 09C3, scaler FF, unit 23: 249.9 V
        (AIDON, Reading("1-0:52.7.0", 249_900, "mV", AIDON_MS)),
        # 06 00995986, unit 1E: 10049926 Wh
        (AIDON, Reading("1-0:1.8.0", 10_049_926_000, "mWh", AIDON_MS)),
        (AIDON, Reading("1-0:2.8.0", 8_000, "mWh", AIDON_MS)),
        (AIDON, Reading("1-0:4.8.0", 5_000, "mvarh", AIDON_MS)),
        (AIDON, Reading("0-0:1.0.0", "2019-12-16T07:59:40", "", AIDON_MS)),
        (KAIFA, Reading("1-1:0.2.129", "KFM_001", "", KAIFA_MS, KAIFA_ID)),
        (KAIFA, Reading("0-0:96.1.7", "MA304H3E", "", KAIFA_MS, KAIFA_ID)),
        # 06 000003B4: 948 W; 06 00000040: 64 var
        (KAIFA, Reading("1-0:1.7.0", 948_000, "mW", KAIFA_MS, KAIFA_ID)),
        (KAIFA, Reading("1-0:4.7.0", 64_000, "mvar", KAIFA_MS, KAIFA_ID)),
        # 06 00000588: 1416 mA; 06 00000951: 238.5 V; an isolated net has no second voltage
        (KAIFA, Reading("1-0:31.7.0", 1_416, "mA", KAIFA_MS, KAIFA_ID)),
        (KAIFA, Reading("1-0:32.7.0", 238_500, "mV", KAIFA_MS, KAIFA_ID)),
        (KAIFA, Reading("1-0:52.7.0", 0, "mV", KAIFA_MS, KAIFA_ID)),
        (KAMSTRUP, Reading("1-1:1.8.0", 6_307_498_000, "mWh", KAMSTRUP_MS, KAMSTRUP_ID)),
        (KAMSTRUP, Reading("1-1:4.8.0", 2_124_057_000, "mvarh", KAMSTRUP_MS, KAMSTRUP_ID)),
        (KAMSTRUP, Reading("1-1:1.7.0", 1_083_000, "mW", KAMSTRUP_MS, KAMSTRUP_ID)),
        # 222 V, 57 hundredths of an ampere, a power factor of 83 hundredths
        (KAMSTRUP, Reading("1-1:32.7.0", 222_000, "mV", KAMSTRUP_MS, KAMSTRUP_ID)),
        (KAMSTRUP, Reading("1-1:31.7.0", 570, "mA", KAMSTRUP_MS, KAMSTRUP_ID)),
        (KAMSTRUP, Reading("1-1:13.7.0", "0.83", "", KAMSTRUP_MS, KAMSTRUP_ID)),
        (
            KAMSTRUP,
            Reading("0-1:1.0.0", "2026-03-12T15:24:30", "", KAMSTRUP_MS, KAMSTRUP_ID),
        ),
        (
            NETZ_NOE,
            Reading("1-0:1.8.0", 12_937_000, "mWh", NETZ_NOE_MS, NETZ_NOE_ID, doubt="unverified"),
        ),
        # 12 0921, scaler FF: 233.7 V; 12 03E8, scaler FD, unit FF: 1.000
        (
            NETZ_NOE,
            Reading("1-0:32.7.0", 233_700, "mV", NETZ_NOE_MS, NETZ_NOE_ID, doubt="unverified"),
        ),
        (
            NETZ_NOE,
            Reading("1-0:13.7.0", "1.000", "", NETZ_NOE_MS, NETZ_NOE_ID, doubt="unverified"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.register,
)
def test_a_real_push_says_what_its_bytes_say(capture: str, reading: Reading) -> None:
    assert reading in _read(capture).readings


@pytest.mark.parametrize(
    ("capture", "count"), [(AIDON, 27), (KAIFA, 13), (KAMSTRUP, 33), (NETZ_NOE, 13)]
)
def test_a_real_push_is_read_to_its_end_each_register_once(capture: str, count: int) -> None:
    message = _read(capture)

    assert message.faults == ()
    assert message.raw == _bytes(capture)
    assert len({reading.register for reading in message.readings}) == count
    assert len(message.readings) == count
    assert dlms.DEVICE.recognise(message.raw)


def test_all_captures_after_one_another_are_read_apart() -> None:
    stream = b"".join(_bytes(name) for name in NAMES)
    session = dlms.DEVICE.open({})
    told = [step for n in range(len(stream)) for step in session.feed(stream[n : n + 1])]

    assert [step.raw for step in told if isinstance(step, Message)] == [_bytes(n) for n in NAMES]


@pytest.mark.parametrize("capture", [KAMSTRUP, NETZ_NOE])
def test_a_real_encrypted_push_without_a_key_says_which_setting_is_missing(capture: str) -> None:
    message = _read(capture, {})

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["encrypted"]
    assert "`key`" in message.faults[0].detail


def test_a_real_push_with_a_tag_is_unverified_without_the_authentication_key() -> None:
    message = _read(KAMSTRUP, {"key": _settings(KAMSTRUP)["key"]})

    assert {reading.doubt for reading in message.readings} == {"unverified"}
    assert {reading.doubt for reading in _read(KAMSTRUP).readings} == {""}


def test_a_wrong_authentication_key_opens_nothing() -> None:
    message = _read(KAMSTRUP, _settings(KAMSTRUP) | {"auth_key": "00" * 16})

    assert message.readings == ()
    assert [fault.kind for fault in message.faults] == ["tag"]


# Watts and the like have no factor beside the milli; the peer leaves it to the reader.
FACTORS = {
    AIDON: {"mA": 100, "mV": 100},
    KAIFA: {"mA": 1, "mV": 100},
    KAMSTRUP: {"mA": 10, "mV": 1000},
    NETZ_NOE: {"mA": 10, "mV": 100},
}


@pytest.mark.parametrize("capture", NAMES)
def test_a_real_push_has_the_numbers_that_gurux_reads(capture: str) -> None:
    decoded = ElementTree.parse(CAPTURES / f"{capture}_decoded.xml")
    theirs = [
        int(element.get("Value", ""))
        for element in decoded.iter()
        if element.tag in {"UINT32", "UINT16", "INT16"}
    ]
    ours = [
        int(reading.value) // FACTORS[capture].get(reading.unit, 1000)
        for reading in _read(capture).readings
        if reading.unit
    ]
    factors = [n for n in theirs if n not in ours]  # power factors, and a serial number

    assert [number for number in theirs if number in ours] == ours
    assert factors == {KAMSTRUP: [12343400, 31, 87, 85, 83], NETZ_NOE: [1000]}.get(capture, [])
