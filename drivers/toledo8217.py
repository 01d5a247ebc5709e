"""Scales at a till that speak the 8217 or 8213 protocol: Mettler Toledo, Ohaus, Brecknell and kin.

Spec: METTLER TOLEDO Viva service manual, "8217 Mettler-Toledo (weight only)"; Salter Brecknell
6700U service manual, 7.6.3 "8213-SCP03": commands W and Z, table of status bits.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.sdk import Device, Example, Line, Register, Setting, SettingError, whole
from drivers.wire.asked_scale import How, Session, weighed
from drivers.wire.mass import weight_mg
from drivers.wire.said import Said
from drivers.wire.sevenbits import EVEN, PLAIN

INTERVAL_MS = 500  # some scales beep when they are asked more often
ANSWER_MAX = 18  # STX, blanks, twelve digits with a point, N, CR

_ANSWER = re.compile(rb"\x02 {0,3}(?:([0-9]{1,7})(\.[0-9]{1,5})?N?|\?(?P<status>[\x20-\x7f]))\r")
_BEGUN = re.compile(rb"\x02[ -~]{0,16}\Z")
_UNITS = ("kg", "g")
_POINT = -1  # no number of decimals is set: the point must come
_STATUS_ONE = 0b0100_0000  # in every status
_STATUS = (
    (0b0000_0010, "over", "more than the scale's maximum"),
    (0b0000_0100, "under", "less than nothing: was the scale set to zero with a load on it?"),
    (0b0000_1000, "unzeroed", "outside the range that can be set to zero: empty the scale"),
    (0b0000_0001, "moving", "the load moves"),
)


class _Weight(NamedTuple):
    """What the settings say of the digits."""

    unit: str
    decimals: int

    def read(self, answer: re.Match[bytes]) -> Said:
        status = answer["status"]
        if status is not None:
            return (), _complaints(status[0])
        digits, point = answer[1], answer[2]
        places = len(point) - 1 if point else self.decimals
        if places == _POINT or self.decimals not in {_POINT, places}:
            told = answer[0][1:-1].decode("ascii").strip()
            what = f"{told!r} has {places} decimals" if point else f"no point in {told!r}"
            return (), (("decimals", f"{what}: see the setting decimals"),)
        whole, fraction = digits, point[1:] if point else b""
        if not point and places:
            digits = digits.zfill(places + 1)
            whole, fraction = digits[:-places], digits[-places:]
        return (weighed("net", weight_mg(whole, fraction, self.unit.encode())),), ()


def _complaints(status: int) -> tuple[tuple[str, str], ...]:
    """What a status says against a weight: nothing after Z has been obeyed, for example."""
    if not status & _STATUS_ONE:
        return (("status", f"{status:#04x} is no status"),)
    return tuple((kind, detail) for bit, kind, detail in _STATUS if status & bit)


def _recognise(sample: bytes) -> bool:
    """Whether an answer to W is in the sample."""
    return _ANSWER.search(sample.translate(PLAIN)) is not None


def _open(settings: Mapping[str, str]) -> Session:
    unit = settings.get("unit") or "kg"
    if unit not in _UNITS:
        raise SettingError("unit", f"{unit[:40]!r} cannot be used", "allowed are kg and g")
    has_decimals = settings.get("decimals", "").strip()
    decimals = whole(settings, "decimals", 0, 5, 0) if has_decimals else _POINT
    return Session(
        How(
            ask=b"W",
            commands={"zero": b"Z", "tare": b"T"},
            answer=_ANSWER,
            begun=_BEGUN,
            longest=ANSWER_MAX,
            read=_Weight(unit, decimals).read,
            interval_s=whole(settings, "interval_ms", 100, 10_000, INTERVAL_MS) / 1000,
        )
    )


DEVICE = Device(
    name="toledo8217",
    title="Scale at a till, Toledo 8217 or 8213 (Mettler Toledo, Ohaus, Brecknell and kin)",
    line=Line(9600),
    wiring=(
        "RS-232, 9-pin: 2 data to the Pi, 3 data to the scale, 5 ground, through a USB adapter. "
        "Choose 8217 or 8213 in the scale's menu, 9600 baud; 7E1 and 8N1 are both understood."
    ),
    registers=(Register("net", "mg", "the weight shown, less the tare that the scale holds"),),
    examples=(
        Example(
            "an empty scale, then a bag",
            b"\x0200.000\r\x0203.425\r",
            (weighed("net", 0), weighed("net", 3425000)),
        ),
        Example(
            "7E1 seen as 8N1, net weight",
            b"\x0201.250N\r".translate(EVEN),
            (weighed("net", 1250000),),
        ),
        Example(
            "grams, no point",
            b"\x02003425\r",
            (weighed("net", 3425000),),
            {"unit": "g", "decimals": "0"},
        ),
        Example(
            "kilograms, no point",
            b"\x0203425\r",
            (weighed("net", 3425000),),
            {"decimals": "3"},
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=ANSWER_MAX,
    settings=(
        Setting("unit", "kg", "what the scale weighs in, which it does not tell: kg or g"),
        Setting("decimals", "", "of a weight without a point: how many of its digits are decimals"),
        Setting("interval_ms", str(INTERVAL_MS), "milliseconds between two questions"),
    ),
    commands=("zero", "tare"),
    quirks=(
        "No unit is told: lock the unit key of the scale, and say what it weighs in.",
        "No checksum: a weight carries the doubt 'unchecked'. Parity is checked where it comes.",
        "No weight while the load moves, above the range or below zero: only why there is none.",
        "Some scales beep at each question, or when asked too often: see interval_ms.",
        "Whether the weight is net is told by few; it is what is shown, and called net.",
        "Not every scale knows how to tare when told to.",
    ),
)
