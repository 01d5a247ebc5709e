"""Scales that speak NCI, or SCP-01: Avery Weigh-Tronix, Brecknell, Adam, Ohaus, Fairbanks.

Spec: Weigh-Tronix SCP-01, "NCI General Serial Communications Protocol", as printed in the manuals
of the NCI 6702 and 7800, Ohaus Aviator 7000 (the form with `S`, status bytes 3 and 4), Adam MDW and
Measuretek PS-103 (hold).
"""

import re
from collections.abc import Mapping

from drivers.sdk import Device, Example, Line, Register
from drivers.wire.asked_scale import How, Session, weighed
from drivers.wire.mass import KNOWN, UNITS, weight_mg
from drivers.wire.said import Said
from drivers.wire.sevenbits import EVEN, PLAIN

INTERVAL_S = 0.5
FIELD_MAX = 20  # a display of at most nine places, pounds with ounces, the units
ANSWER_MAX = FIELD_MAX + 11  # LF, field, CR LF, S, four bytes of status, CR ETX

_ANSWER = re.compile(
    rb"\n(?:(?:([^\x03\r\n]{1,20})\r\n)?S?(?P<status>[\x20-\x7f]{2,4})|(\?))\r\x03"
)
_BEGUN = re.compile(rb"\n[^\x03\r\n]{0,20}(?:\r(?:\n[\x20-\x7f]{0,5}\r?)?)?\Z")
_WEIGHT = re.compile(rb" *(-?) *(\d{1,9})(?:\.(\d{1,9}))? *([A-Za-z%:]{1,3}) *")
_BARS = re.compile(rb" *([_^-])[ _^-]*[A-Za-z]{0,3} *")
# What a display shows instead of a weight.
_BARS_SHOWN = {
    b"^": ("over", "upper bars: more than the scale's maximum"),
    b"_": ("under", "lower bars: less than the scale's minimum"),
    b"-": ("unzeroed", "middle bars: too far from zero"),
}
# Of each byte of status: which bits say what against a weight.
_COMPLAINTS: tuple[tuple[tuple[int, str, str], ...], ...] = (
    ((0b0100, "scale-error", "memory"), (0b1000, "scale-error", "stored settings")),
    (
        (0b0001, "under", "less than the scale's minimum"),
        (0b0010, "over", "more than the scale's maximum"),
        (0b0100, "scale-error", "program memory, or above its zero"),
        (0b1000, "scale-error", "calibration, or below its zero"),
    ),
    ((0b1000, "unzeroed", "what lay there when it was switched on is too much for zero"),),
    (),
)
_ONES, _MORE = 0b0011_0000, 0b0100_0000
_MOVES = 0b0001  # in the first byte
_MODE, _HOLD = 0b0011, 0b0010  # in the third byte
_NET = 0b0100


def _is_status(status: bytes) -> bool:
    """Bits 4 and 5 are always one; bit 6 says that another byte follows, but in the first."""
    more = [bool(byte & _MORE) for byte in status]
    follow = [False, *[True] * (len(status) - 2), False]
    return more == follow and all(byte & _ONES == _ONES for byte in status)


def _read(answer: re.Match[bytes]) -> Said:
    field, status, unknown = answer[1], answer["status"], answer[3]
    if unknown:
        return (), (("syntax", "the scale does not know the question"),)
    if not _is_status(status):
        return (), (("status", f"{status.hex()} is no status"),)
    against = [
        (kind, detail)
        for byte, complaints in zip(status, _COMPLAINTS, strict=False)
        for bit, kind, detail in complaints
        if byte & bit
    ]
    third = status[2] if len(status) > 2 else _NET
    if third & _MODE == _HOLD:
        against.append(("hold", "the display is held"))
    moves = status[0] & _MOVES
    if field is None and moves:
        against.append(("moving", "the load moves"))
    if field is None or against:
        return (), tuple(against)
    weight = _WEIGHT.fullmatch(field)
    unit = weight[4].lower() if weight else b""
    if not weight or unit not in UNITS:
        return (), (_no_weight(field),)
    register = "net" if third & _NET else "gross"
    value = weight_mg(weight[1] + weight[2], weight[3], unit)
    return (weighed(register, value, "unstable" if moves else "unchecked"),), ()


def _no_weight(field: bytes) -> tuple[str, str]:
    """A display that shows no weight in a unit that counts, as a fault."""
    if bars := _BARS.fullmatch(field):
        return _BARS_SHOWN[bars[1]]
    kind = "unit" if any(byte in b"0123456789" for byte in field) else "blank"
    return kind, f"it shows {field.decode('ascii')!r}, known are {KNOWN}"


def _recognise(sample: bytes) -> bool:
    """Whether an answer to W is in the sample."""
    answers = _ANSWER.finditer(sample.translate(PLAIN))
    return any(answer[1] and _is_status(answer["status"]) for answer in answers)


_HOW = How(
    ask=b"W\r",
    commands={"zero": b"Z\r", "tare": b"T\r"},
    answer=_ANSWER,
    begun=_BEGUN,
    longest=ANSWER_MAX,
    read=_read,
    interval_s=INTERVAL_S,
)


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # every scale of this family tells its unit and answers alike
    return Session(_HOW)


DEVICE = Device(
    name="nci",
    title="Scale, NCI or SCP-01 (Weigh-Tronix, Brecknell, Adam, Ohaus, Fairbanks)",
    line=Line(9600),
    wiring=(
        "RS-232, 9-pin: 2 data to the Pi, 3 data to the scale, 5 ground, through a USB adapter. "
        "Choose NCI or SCP-01 in the scale's menu, 9600 baud; 7E1 and 8N1 are both understood."
    ),
    registers=(
        Register("net", "mg", "the weight shown, less the tare that the scale holds"),
        Register("gross", "mg", "the weight shown, where the scale says that it is gross"),
    ),
    examples=(
        Example(
            "an empty scale, then a bag",
            b"\n  0.000kg\r\n20\r\x03\n  3.425kg\r\n00\r\x03",
            (weighed("net", 0), weighed("net", 3425000)),
        ),
        Example(
            "capitals, S before the status",
            b"\n00.000KG\r\nS20\r\x03\n03.425KG\r\nS00\r\x03",
            (weighed("net", 0), weighed("net", 3425000)),
        ),
        Example(
            "three bytes of status, 7E1 seen as 8N1: gross and moving, then net",
            b"\n  3.530kg\r\n1p0\r\x03\n -0.120kg\r\n0p4\r\x03".translate(EVEN),
            (weighed("gross", 3530000, "unstable"), weighed("net", -120000)),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=ANSWER_MAX,
    commands=("zero", "tare"),
    quirks=(
        "No checksum: a weight carries the doubt 'unchecked'. Parity is checked where it comes.",
        "Only a third byte of status tells gross from net; without it the weight shown is net.",
        "Some tell no weight while the load moves, below zero or out of range, only why not.",
        "The unit can be changed at the scale; all but g, kg and t are refused.",
        "Bits 2 and 3 of status bytes 1 and 2 are errors, of which kind depends on the maker.",
    ),
)
