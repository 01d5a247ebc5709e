"""What real meters sent, read as their telegrams say, and as dsmr-parser 1.11.2 reads them.

The captures lie beside the project, not in it. Expected values were read off the telegrams' text.
"""

import re
from pathlib import Path

import pytest

from drivers import p1
from drivers.reading import Message, Reading
from tests import dsmr

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "p1"

pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"the captures of real meters are not there: {CAPTURES}"
)


def _read(name: str) -> Message:
    session = p1.DEVICE.open({})
    (message,) = session.feed((CAPTURES / f"{name}.telegram").read_bytes()) + session.timeout()
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    ("capture", "reading"),
    [
        # 170102192002W is 18:20:02 UTC; 170102161005W is 15:10:05 UTC.
        ("v5", Reading("1-0:1.8.1", 4_426_000, "mWh", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("1-0:2.8.1", 2_444_000, "mWh", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("1-0:1.7.0", 244_000, "mW", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("1-0:72.7.0", 229_000, "mV", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("1-0:71.7.0", 860, "mA", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("0-0:96.7.21", 13, "count", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("0-0:96.14.0", "0002", "", 1483381202000, "K8EG004046395507")),
        ("v5", Reading("0-1:24.2.1", 107_000, "mL", 1483369805000, "2222ABCD123456789")),
        ("v5", Reading("0-2:96.1.0", "", "", 1483381202000, "")),
        # Channel 1 is dead; the gas meter of channel 2 has a serial of its own.
        (
            "v5_two_mbus",
            Reading("0-2:24.2.1", 246_138_000, "mL", 1587933001000, "G0039001936990619"),
        ),
        (
            "v5_two_mbus",
            Reading("1-0:99.97.0", 2_014_000, "ms", 1553590215000, "E0044007382246019"),
        ),
        # Hex that spells no printable text stays as it stands.
        (
            "v4_2",
            Reading(
                "1-0:1.8.2",
                1_435_706_000,
                "mWh",
                1479067077000,
                "3960221976967177082151037881335713",
            ),
        ),
        (
            "v4_2",
            Reading(
                "0-1:24.2.1", 981_443_000, "mL", 1480446000000, "4819243993373755377509728609491464"
            ),
        ),
        # No flag: 7 November 19:00 is winter, 12 February 16:00 as well.
        (
            "v2_2",
            Reading(
                "0-1:24.2.1", 1_001_000, "mL", 1478541600000, "000000000000", None, "unchecked"
            ),
        ),
        (
            "v3",
            Reading(
                "0-1:24.2.1", 1_001_000, "mL", 1234450800000, "2222ABCD123456789", None, "unchecked"
            ),
        ),
        (
            "v3",
            Reading("0-0:17.0.0", 16_000, "mA", None, "K8EG004046395507", None, "unchecked"),
        ),
        ("fluvius_v171", Reading("1-0:1.4.0", 2_351_000, "mW", 1589284449000, "1SAG3101021605")),
        ("fluvius_v171", Reading("1-0:1.6.0", 2_589_000, "mW", 1589024758000, "1SAG3101021605")),
        (
            "fluvius_v171",
            Reading("0-0:98.1.0", 4_318_000, "mW", 1581303261000, "1SAG3101021605", 1583013600000),
        ),
        (
            "fluvius_v171",
            Reading("0-1:24.2.3", 112_384_000, "mL", 1589283958000, "7FLO2119033733"),
        ),
        (
            "fluvius_v171",
            Reading("0-2:24.2.1", 872_234_000, "mL", 1589283958000, "8SAG1234567890"),
        ),
        (
            "unpadded_crc",
            Reading("0-0:96.1.1", "ADC3100000158491", "", 1771182323000, "ADC3100000158491"),
        ),
        (
            "unpadded_crc",
            Reading("0-1:24.2.1", 240_860_000_000_000, "mJ", 1771182323000, "621848012D2C0B0C"),
        ),
        # 00032549.5061662 kWh: what is less than a milliwatt-hour is cut off.
        (
            "esy5q3da1004_v304",
            Reading("1-0:1.8.0", 32_549_506_166, "mWh", None, "1ESY1336001560", None, "unchecked"),
        ),
        (
            "esy5q3db1024_v304",
            Reading("1-0:2.8.0", 19_949_322_149, "mWh", None, "1ESY1313002565", None, "unchecked"),
        ),
        ("sagemcom_t210_d_r", Reading("1-0:4.8.1", 2_692_848_000, "mvarh", 1665064214000)),
        # S in February is believed.
        ("iskra_ie", Reading("1-0:2.7.0", 270_000, "mW", 1675337267000, "09610")),
        ("v5_eon_hu", Reading("1-0:14.7.0", 50_000, "mHz", 1690204050000, "890082200002160")),
        ("v5_eon_hu", Reading("1-0:13.7.0", "4.556", "", 1690204050000, "890082200002160")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.register,
)
def test_a_real_telegram_says_what_its_text_says(capture: str, reading: Reading) -> None:
    assert reading in _read(capture).readings


PLACEHOLDERS = {
    "v5_two_mbus": ("placeholder", 802, 36),  # 0-1:24.2.1(700101010000W)(00000000)
    "fluvius_v171_alt": ("placeholder", 294, 200),  # a month without a peak in 0-0:98.1.0
}


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.telegram")), ids=lambda path: path.stem)
def test_every_data_line_of_a_real_telegram_is_read(path: Path) -> None:
    message = _read(path.stem)
    text = path.read_bytes().decode("latin-1")

    expected = [PLACEHOLDERS[path.stem]] if path.stem in PLACEHOLDERS else []
    assert [fault[:3] for fault in message.faults] == expected
    codes = re.findall(r"^(\d-\d:\d+\.\d+\.\d+)(?:\*255)?\(", text, re.MULTILINE)
    unread = set(codes) - {reading.register for reading in message.readings}
    # An empty failure log, a placeholder alone, and a gas header that names its register.
    assert unread <= {"1-0:99.97.0", "0-1:24.2.1", "0-1:24.3.0"}


SPECIFICATIONS = {
    "v2_2": "V2_2",
    "v3": "V3",
    "v4_2": "V4",
    "v5": "V5",
    "v5_two_mbus": "V5",
    "fluvius_v171": "BELGIUM_FLUVIUS",
    "fluvius_v171_alt": "BELGIUM_FLUVIUS",
    "iskra_ie": "ISKRA_IE",
    "sagemcom_t210_d_r": "SAGEMCOM_T210_D_R",
    "v5_eon_hu": "EON_HUNGARY",
    "esy5q3db1024_v304": "Q3D",
    "esy5q3da1004_v304": "Q3D",
}


@pytest.mark.parametrize(
    ("capture", "shared"),
    [
        ("v2_2", 8),
        ("v3", 8),
        ("v4_2", 16),
        ("v5", 18),
        ("v5_two_mbus", 18),
        ("fluvius_v171", 22),
        ("fluvius_v171_alt", 22),
        ("iskra_ie", 18),
        ("sagemcom_t210_d_r", 16),
        ("v5_eon_hu", 34),
        ("esy5q3db1024_v304", 6),
        ("esy5q3da1004_v304", 5),
    ],
)
def test_a_real_telegram_is_read_as_dsmr_parser_reads_it(capture: str, shared: int) -> None:
    ours = {(r.register, r.value, r.unit) for r in _read(capture).readings}
    theirs = dsmr.amounts(SPECIFICATIONS[capture], (CAPTURES / f"{capture}.telegram").read_bytes())

    assert theirs - ours == set()
    assert len(theirs) == shared
