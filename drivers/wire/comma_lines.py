"""Lines of the comma family, `ST,GS,   3.425,kg` and its kin: their patterns and what they say.

Spec: Dini Argeo, DFW and 3590E technical manuals, serial protocol (standard, extended, AF and alibi
strings); A&D, GC and EK-L series manuals, data format; CAS, CI-400 and CI-600 series manuals,
appendix (22, 18 and 10 bytes); KERN, KIB-TM and KXS-TM manuals, output log.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from drivers.wire.mass import KNOWN, UNITS, weight_mg

LINE_MAX = 128  # the longest, an extended line with date and time, has less than 90

# A sign may stand apart from its digits, and makers write the point as a comma as well.
_NUMBER = (
    r" {0,10}(?:(?P<%s_sign>[+-]) {0,8})?(?P<%s_whole>\d{1,9})(?:[.,](?P<%s_fraction>\d{0,9}))?"
)


def _number(name: str) -> str:
    return _NUMBER % (name, name, name)


def _unit(name: str) -> str:
    return rf",? {{0,3}}(?P<{name}_unit>[A-Za-z%][A-Za-z.]{{0,4}}|)"


_ADDRESS = r"(?:\d\d)?"  # on RS-485
# Which of the outer groups matched is the kind of the line.
LINE = re.compile(
    (
        # No line of a weight is shorter; and what begins otherwise is none.
        r"^(?=[ \d.+\-A-Z][^\n]{8}|[!?I\x06EO\dM][^\n])(?:"
        # 22 bytes of CAS: a byte for the device, one of lamps, eight columns, blank, unit.
        r"(?P<cas>(?P<c_state>ST|US),(?P<c_what>GS|NT),[^\n](?P<lamps>[^\n]),"
        r"(?P<data>[ \d.+-]{8})[^\n](?P<c_unit>[ A-Za-z]{2}))"
        # Extended: scale, state, net weight, tare, pieces, unit, perhaps date and time.
        rf"|(?P<extended>{_ADDRESS}\d,?(?P<x_state>ST|US),(?:\d,)?{_number('x')},(?:PT|  )"
        rf"{_number('y')}(?:, {{0,10}}\d{{1,10}}){{1,2}}{_unit('x')}(?:,[\d/: ]{{1,20}})?)"
        # AF, and the alibi record, which adds the number under which it is kept.
        rf"|(?P<alibi>{_ADDRESS}(?P<pid>PID)?(?P<a_state>ST|US),\d,{_number('a')}{_unit('a')}"
        rf",(?:PT|  ){_number('b')}{_unit('b')}(?:,(?P<record>\d{{5}}-\d{{6}})|,NO)?)"
        rf"|(?P<plain>{_ADDRESS}(?P<state>ST|US)(?:,(?:LO|OK|HI|--))?"
        rf"(?:,(?P<what>GS|NT|TR|VL|RZ|G|N|T))?[, ]{_number('p')}{_unit('p')})"
        rf"|(?P<out>{_ADDRESS}(?:\d,?|PID)?(?P<why>OL|UL|TL|ER|QT|HD)(?P<rest>,[^\r\n]{{4,60}}))"
        # 10 bytes of CAS: the number alone.
        rf"|(?P<bare>(?=[ \d.+-]{{8}}\r?\n){_number('n')})"
        rf"|(?P<error>{_ADDRESS}(?P<code>ERR[0-9A-F]{{1,2}}|EC,E\d\d)(?=\r))"
        # Whatever is so short is only an answer where something was asked.
        r"|(?P<no>[!?I](?=\r))"
        # An acknowledgement, or a command that is sent back as one.
        rf"|(?P<done>{_ADDRESS}(?:OK|\x06|MZ|MT)(?=\r))"
        r")[\r ]{0,16}\n"
    ).encode("latin-1"),
    re.MULTILINE,
)

# A sign in front of what would be the weight; a row of dashes is none.
_MINUS = re.compile(rb",-(?!-)")
# The eight columns of CAS.
_DATA = re.compile(f"{_number('c')} {{0,7}}".encode())

_AT = {
    name: tuple(LINE.groupindex[f"{name}_{part}"] for part in ("sign", "whole", "fraction"))
    for name in "pxyabn"
} | {"c": (1, 2, 3)}

_STATES = {b"ST": "stable", b"US": "unstable"}
STABLE, HOLD = 0x40, 0x10  # lamps of CAS
GROSS, NET, TARE = "gross", "net", "tare"
_WHAT = {b"GS": GROSS, b"G": GROSS, b"NT": NET, b"N": NET, b"": NET, b"TR": TARE, b"T": TARE}
_OUT = {
    b"OL": ("over", "more than the scale's maximum"),
    b"UL": ("under", "less than the scale's minimum: is the plate in its place?"),
    b"TL": ("tilt", "the scale is not level"),
    b"ER": ("scale-error", "the scale cannot hear its weighing cell"),
    b"QT": ("unit", "the scale counts pieces"),
    b"HD": ("hold", "the scale shows a weight of before"),
}
_ERRORS = {
    b"ERR01": ("syntax", "the scale knows the request, but not what follows it"),
    b"ERR02": ("syntax", "the scale found wrong data in the request"),
    b"ERR03": ("busy", "the scale cannot do this now"),
    b"ERR04": ("syntax", "the scale does not know the request"),
    b"EC,E00": ("transmission", "the request arrived damaged"),
    b"EC,E01": ("syntax", "the scale does not know the request"),
    b"EC,E02": ("busy", "the scale cannot do this now"),
    b"EC,E03": ("transmission", "the request did not arrive whole"),
    b"EC,E04": ("syntax", "the request is too long for the scale"),
    b"EC,E06": ("syntax", "the scale expects the request in another form"),
    b"EC,E07": ("syntax", "the scale found wrong data in the request"),
    b"EC,E11": ("busy", "the scale moves too much to be made zero or tare"),
    b"!": ("busy", "the scale cannot do this now"),
    b"?": ("syntax", "the scale does not know the request"),
    b"I": ("busy", "the scale cannot do this now"),
}


class Weighed(NamedTuple):
    """What a line says: weights in mg by register; or why there is none, as kind and detail.

    `state` is "stable", "unstable" or "unjudged". `record` is an alibi record's number, "" where
    the line tells of none.
    """

    weights: tuple[tuple[str, int], ...]
    state: str = "stable"
    record: str = ""
    fault: tuple[str, str] | None = None


def weighed(parts: re.Match[bytes], unit: bytes) -> Weighed:
    """What a line of `LINE` says, which is no acknowledgement.

    `unit` is that of lines that tell none, b"" where nobody has said it.
    """
    return _READ[parts.lastgroup or ""](parts, unit)


def _none(kind: str, detail: str) -> Weighed:
    return Weighed((), fault=(kind, detail))


def _plain(parts: re.Match[bytes], unit: bytes) -> Weighed:
    what, written = parts["what"] or b"", parts["p_unit"]
    if what not in _WHAT:
        return _none("unit", "the scale tells microvolts, or points of its converter")
    if not what and written == b"t":
        return _none("unit", "unit 't', by which some balances mean tolas, not tonnes")
    mg = _weight_mg(parts, "p", written, unit)
    return (
        _unknown(written) if mg is None else Weighed(((_WHAT[what], mg),), _STATES[parts["state"]])
    )


def _cas(parts: re.Match[bytes], unit: bytes) -> Weighed:
    """The header and the lamp must agree on whether the scale is at rest."""
    lamps, state = parts["lamps"][0], _STATES[parts["c_state"]]
    if lamps & HOLD:
        return _none(*_OUT[b"HD"])
    if (state == "stable") != bool(lamps & STABLE):
        return _none("status", f"the header says {state}, the lamps 0x{lamps:02X} otherwise")
    data, written = _DATA.fullmatch(parts["data"]), parts["c_unit"].strip()
    if not data:
        return _none("value", f"no weight in {parts['data'].decode('ascii')!r}")
    mg = _weight_mg(data, "c", written, unit)
    return _unknown(written) if mg is None else Weighed(((_WHAT[parts["c_what"]], mg),), state)


def _extended(parts: re.Match[bytes], unit: bytes) -> Weighed:
    """The net weight and the tare, in one unit."""
    written = parts["x_unit"]
    net_mg = _weight_mg(parts, "x", written, unit)
    tare_mg = _weight_mg(parts, "y", written, unit)
    if net_mg is None or tare_mg is None:
        return _unknown(written)
    weights = ((GROSS, net_mg + tare_mg), (TARE, tare_mg), (NET, net_mg))
    return Weighed(weights, _STATES[parts["x_state"]])


def _alibi(parts: re.Match[bytes], unit: bytes) -> Weighed:
    """The gross weight and the tare, each with its unit."""
    gross_mg = _weight_mg(parts, "a", parts["a_unit"], unit)
    tare_mg = _weight_mg(parts, "b", parts["b_unit"], unit)
    if gross_mg is None or tare_mg is None:
        return _unknown(parts["a_unit"] if gross_mg is None else parts["b_unit"])
    weights = ((GROSS, gross_mg), (TARE, tare_mg), (NET, gross_mg - tare_mg))
    record = (parts["record"] or b"").decode("ascii")
    return Weighed(weights, _STATES[parts["a_state"]], record)


def _bare(parts: re.Match[bytes], unit: bytes) -> Weighed:
    mg = _weight_mg(parts, "n", b"", unit)
    return _unknown(b"") if mg is None else Weighed(((NET, mg),), "unjudged")


def _out(parts: re.Match[bytes], unit: bytes) -> Weighed:
    del unit
    why = parts["why"]
    below = why == b"OL" and _MINUS.search(parts["rest"])
    return _none(*_OUT[b"UL" if below else why])


def _error(parts: re.Match[bytes], unit: bytes) -> Weighed:
    del unit
    code = parts["code"] or parts["no"]
    return _none(*_ERRORS.get(code, ("scale-error", f"the scale says {code.decode('ascii')}")))


_READ: dict[str, Callable[[re.Match[bytes], bytes], Weighed]] = {
    "plain": _plain,
    "cas": _cas,
    "extended": _extended,
    "alibi": _alibi,
    "bare": _bare,
    "out": _out,
    "error": _error,
    "no": _error,
}


def _weight_mg(parts: re.Match[bytes], name: str, written: bytes, unit: bytes) -> int | None:
    """A number of the line in mg; None in a unit that nobody knows."""
    place = b"kg" if written in {b"Kg", b"KG"} else written or unit
    if place not in UNITS:
        return None
    sign, whole, fraction = parts.group(*_AT[name])
    return weight_mg((sign or b"") + whole, fraction, place)


def _unknown(written: bytes) -> Weighed:
    if not written:
        return _none("unit", 'the line names no unit: say which, as in unit = "kg"')
    return _none("unit", f"unit {written.decode('latin-1')!r}, known are {KNOWN}")
