"""Balances and scales that speak SBI, as a printer would be told: Sartorius, Minebea Intec.

Spec: Sartorius, operating instructions of the Master series and Entris II, "Data output format with
16 characters" and "with 22 characters", special and error codes; "SBI commands" (ESC P, U, V).
"""

import re
from collections.abc import Mapping

from drivers.sdk import Device, Example, Line, Register
from drivers.wire.asked_scale import How, Session, weighed
from drivers.wire.mass import KNOWN, UNITS, weight_mg
from drivers.wire.said import Said
from drivers.wire.sevenbits import EVEN, ODD, PLAIN

INTERVAL_S = 0.5
# A scale that is set to print by itself does so with each weight shown, several times a second.
LISTEN_S = 1.5
LINE_MAX = 22
ANSWER_MAX = 3 * LINE_MAX

# A line of 14 characters, or of 20 with a name before them. Gross and tare are told with the net
# weight that follows them, for alone they could be taken for what was brought.
_GROSS, _TARE = rb"G[# ] {4}([ -~]{14})\r\n", rb"T[ 12] {4}([ -~]{14})\r\n"
_ANSWER = re.compile(
    rb"(?<=\n)(?:%b)?(?:%b)?(?!%b|%b)([ -~]{6})?([ -~]{14})\r\n" % (_GROSS, _TARE, _GROSS, _TARE)
)
_BEGUN = re.compile(rb"(?<=\n)(?:%b)?(?:%b)?[ -~]{0,20}\r?\Z" % (_GROSS, _TARE))
# Digits of no legal worth stand last, in square brackets.
_NUMBER = re.compile(rb"(\d{1,9}(?:\.\d{0,9})?)(?:\[([\d.]{1,9})\])?")
_DECIMAL = re.compile(rb"(\d{1,9})(?:\.(\d{0,9}))?")
_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_SIGNS = {b"+": b"", b"-": b"-", b" ": b""}
_NAMES = {b"", b"N", b"N1", b"N2"}
_STATES = (
    (re.compile(rb"H|HH|High"), "over", "more than the scale's maximum"),
    (re.compile(rb"L|LL|Low"), "under", "less than the scale's minimum: is the pan in its place?"),
    (re.compile(rb"C|Cal\..*"), "busy", "the scale is being adjusted"),
    (re.compile(rb"(?i:err.*|.*err)"), "scale-error", ""),
    (re.compile(rb"[-+ ]*"), "blank", "nothing is shown"),
)


def _read(answer: re.Match[bytes]) -> Said:
    gross, tare, _, _, name, net = answer.groups()
    readings = []
    for register, body in (("gross", gross), ("tare", tare), ("net", net)):
        if body is None:
            continue
        decimal = _decimal(body[1:11].strip()) if body[:1] in _SIGNS else None
        unit = body[11:].strip()
        against = _against(name or b"", body, unit, has_number=bool(decimal))
        if against or not decimal:
            return (), against
        value = weight_mg(_SIGNS[body[:1]] + decimal[1], decimal[2], unit)
        readings.append(weighed(register, value))
    return tuple(readings), ()


def _against(
    name: bytes, body: bytes, unit: bytes, *, has_number: bool
) -> tuple[tuple[str, str], ...]:
    """What speaks against a line, if anything does."""
    if not has_number:
        return (_state(body.strip()),)
    if name.strip() not in _NAMES:
        return (("name", f"a value named {name.decode('ascii')!r}: not what lies on the scale"),)
    if not unit:
        return (("moving", "no unit yet: the load moves"),)
    if unit not in UNITS:
        return (("unit", f"unit {unit.decode('ascii')!r}, known are {KNOWN}"),)
    return ()


def _decimal(shown: bytes) -> re.Match[bytes] | None:
    """The number shown, with zeros for digits that have no legal worth."""
    number = _NUMBER.fullmatch(shown)
    if not number:
        return None
    return _DECIMAL.fullmatch(number[1] + (number[2] or b"").translate(_TO_ZEROS))


def _state(text: bytes) -> tuple[str, str]:
    """A line that shows no number, as a fault."""
    for pattern, kind, detail in _STATES:
        if pattern.fullmatch(text):
            return kind, detail or f"it shows {text.decode('ascii')!r}"
    return "syntax", f"{text.decode('ascii')!r} is no weight"


def _recognise(sample: bytes) -> bool:
    """Whether a line with a weight and a unit is in the sample."""
    lines = _ANSWER.finditer(b"\n" + sample.translate(PLAIN))
    return any(_read(line)[0] for line in lines)


_HOW = How(
    ask=b"\x1bP\r\n",
    commands={"zero": b"\x1bV\r\n", "tare": b"\x1bU\r\n"},
    answer=_ANSWER,
    begun=_BEGUN,
    longest=ANSWER_MAX,
    read=_read,
    interval_s=INTERVAL_S,
    parities=(ODD, PLAIN, EVEN),
    listen_s=LISTEN_S,
)


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # how a scale is set shows in what it says
    return Session(_HOW)


DEVICE = Device(
    name="sbi",
    title="Scale or balance, SBI (Sartorius, Minebea Intec)",
    line=Line(1200),
    wiring=(
        "RS-232 on the scale's 9-, 12- or 25-pin socket, by the maker's cable and a USB adapter. "
        "Set the interface to SBI: 1200 7O1 is what scales of industry leave the factory with. "
        'Newer balances come with 9600 8O1: say line = "9600 8O1".'
    ),
    registers=(
        Register("net", "mg", "the weight shown, less the tare that the scale holds"),
        Register("gross", "mg", "the weight without tare, where the scale prints it"),
        Register("tare", "mg", "the tare, where the scale prints it"),
    ),
    examples=(
        Example(
            "16 characters: an empty scale, then a bag",
            b"+    0.000 kg \r\n+    3.425 kg \r\n",
            (weighed("net", 0), weighed("net", 3425000)),
        ),
        Example(
            "22 characters, 7O1 seen as 8N1: gross, tare, net",
            b"G#    +    4.925 kg \r\nT1    +    1.500 kg \r\nN     +    3.425 kg \r\n".translate(
                ODD
            ),
            (weighed("gross", 4925000), weighed("tare", 1500000), weighed("net", 3425000)),
        ),
        Example(
            "a verified balance: the last digit in brackets is not counted",
            b"N     -  123.5[6]g  \r\n",
            (weighed("net", -123500),),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=ANSWER_MAX,
    commands=("zero", "tare"),
    quirks=(
        "No checksum: a weight carries the doubt 'unchecked'. Parity is checked where it comes.",
        "A weight that moves comes without its unit, and is none.",
        "Digits in square brackets have no legal worth and are counted as zeros.",
        "A scale that prints by itself is only listened to; it is asked once it falls silent.",
        "Gross, tare and net printed in a row are one weighing; gross or tare alone are none.",
        "Set to print when stable, a scale answers a question only then.",
        "Older balances know ESC T only, zero and tare at once, and ignore each apart.",
    ),
)
