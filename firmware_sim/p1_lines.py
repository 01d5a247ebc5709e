"""What the lines of a P1 telegram are made of, and how they are printed.

Spec: DSMR P1 companion 2.2, 3.0, 4.2.2 and 5.0.2, section 6 (telegram); e-MUCS-P1 1.7.1.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")  # Brussels, Luxembourg, Vienna and Budapest keep the same time
GAS, HEAT, WATER, COLD = 3, 4, 7, 10  # kinds of M-Bus meters
HOUR_MS, FIVE_MINUTES_MS = 3_600_000, 300_000


@lru_cache(maxsize=64)
def _offset(hour: int) -> tuple[int, str]:
    """Seconds ahead of UTC and the flag of the companion standard, for an hour since 1970."""
    local = datetime.fromtimestamp(hour * 3600, ZONE)
    shift = local.utcoffset()
    assert shift is not None
    return int(shift.total_seconds()), "S" if local.dst() else "W"


def stamp(at_ms: int) -> str:
    """YYMMDDhhmmss in local time with its flag: S in summer, W in winter.

    >>> stamp(1_782_036_000_000)
    '260621120000S'
    """
    seconds = at_ms // 1000
    shift, flag = _offset(seconds // 3600)
    # A wall clock without a zone: the shift has been added already.
    wall = datetime.fromtimestamp(seconds + shift, ZoneInfo("UTC"))
    return f"{wall:%y%m%d%H%M%S}{flag}"


def winter_stamp(at_ms: int) -> str:
    """Sweden's meters keep winter time all the year."""
    wall = datetime.fromtimestamp(at_ms // 1000 + 3600, ZoneInfo("UTC"))
    return f"{wall:%y%m%d%H%M%S}W"


class Peak(NamedTuple):
    """The highest quarter-hour of a month, in milliwatts: when it ended, and when the month did."""

    until_ms: int
    at_ms: int
    power_mw: int


class Behind(NamedTuple):
    """What is behind the port on an M-Bus channel; `amount` in mL, or mJ, at `at_ms`.

    A meter that is no longer there has no time.
    """

    channel: int
    kind: int
    serial: str
    at_ms: int | None
    amount: int


class Seen(NamedTuple):
    """All that a telegram is printed from: `shown` by register, in milli-units.

    `peaks`: those of 13 months, the oldest first, and of this one; asked for where they are told.
    """

    clock_ms: int
    shown: Mapping[str, int | str]
    behind: Sequence[Behind] = ()
    peaks: Callable[[], Sequence[Peak]] = tuple


class Row(NamedTuple):
    """A line, and the register that it tells, if it is one to check."""

    line: str
    register: str = ""
    value: int | str = 0


class Form(NamedTuple):
    """How a number stands: thousandths of `unit` in a last digit, its places and whole digits."""

    step: int
    places: int
    digits: int
    unit: str

    def text(self, value: int) -> str:
        """Digits and unit; what is less than the last digit is cut off."""
        whole, rest = divmod(value // self.step, 10**self.places)
        fraction = f".{rest:0{self.places}}" if self.places else ""
        return f"{whole:0{self.digits}}{fraction}*{self.unit}"


KW = Form(1_000, 3, 2, "kW")

# What makes lines out of what is seen; a text is a line that is always the same.
Lines = Callable[[Seen], list[Row]]


def numbers(form: Form, *registers: str) -> Lines:
    """Each register that the meter has, in this form."""

    def lines(seen: Seen) -> list[Row]:
        return [
            Row(f"{name}({form.text(value)})", name, value // form.step * form.step)
            for name in registers
            if isinstance(value := seen.shown.get(name), int)
        ]

    return lines


def words(*registers: str) -> Lines:
    """Each register as it stands."""
    return lambda seen: [
        Row(f"{name}({seen.shown[name]})", name, seen.shown[name])
        for name in registers
        if name in seen.shown
    ]


def fixed(register: str, printed: str, value: int | str) -> Lines:
    """A line that is always the same, and what it tells."""
    row = Row(f"{register}({printed})", register, value)
    return lambda _seen: [row]


def hexed(register: str) -> Lines:
    def lines(seen: Seen) -> list[Row]:
        text = str(seen.shown[register])
        return [Row(f"{register}({_hex(text)})", register, text)]

    return lines


def events(*codes: str) -> Lines:
    """Nothing of the kind has happened yet; a phase that is not there counts nothing."""

    def lines(seen: Seen) -> list[Row]:
        return [
            Row(f"{code}(00000)", code, 0)
            for code in codes
            if code[0] != "1" or f"1-0:{code[4]}1.7.0" in seen.shown
        ]

    return lines


def _hex(text: str) -> str:
    return text.encode("ascii").hex().upper()


def clock(stamped: Callable[[int], str] = stamp) -> Lines:
    def lines(seen: Seen) -> list[Row]:
        text = stamped(seen.clock_ms)
        return [Row(f"0-0:1.0.0({text})", "0-0:1.0.0", text)]

    return lines


def _amount(behind: Behind) -> str:
    if behind.kind == HEAT:  # gigajoules with three places
        return Form(10**9, 3, 5, "GJ").text(behind.amount)
    return Form(1_000, 3, 5, "m3").text(behind.amount)


def _least(behind: Behind) -> int:
    return behind.amount - behind.amount % (10**9 if behind.kind == HEAT else 1_000)


def channels(serial: str = "96.1.0", *, belgian: bool = False) -> Lines:
    """M-Bus meters of DSMR 4 and later; Belgian gas is not converted for temperature."""

    def lines(seen: Seen) -> list[Row]:
        rows = []
        for one in seen.behind:
            place = f"0-{one.channel}"
            code = f"{place}:24.2.3" if belgian and one.kind == GAS else f"{place}:24.2.1"
            name = f"{place}:{serial}"
            rows += [
                Row(f"{place}:24.1.0({one.kind:03})", f"{place}:24.1.0", f"{one.kind:03}"),
                Row(f"{name}({_hex(one.serial)})", name, one.serial),
            ]
            if belgian and one.kind == GAS:
                rows.append(Row(f"{place}:24.4.0(1)", f"{place}:24.4.0", "1"))
            if one.at_ms is None:
                rows.append(Row(f"{code}(700101010000W)(00000000)"))
            else:
                rows.append(Row(f"{code}({stamp(one.at_ms)})({_amount(one)})", code, _least(one)))
        return rows

    return lines


def old_channels(kind_digits: int) -> Lines:
    """M-Bus meters of DSMR 2.2 and 3.0: two lines, a stamp without flag."""

    def lines(seen: Seen) -> list[Row]:
        rows = []
        for one in seen.behind:
            assert one.at_ms is not None
            place = f"0-{one.channel}"
            kind = f"{one.kind:0{kind_digits}}"
            number, _, unit = _amount(one).partition("*")
            rows += [
                Row(f"{place}:24.1.0({kind})", f"{place}:24.1.0", kind),
                Row(f"{place}:96.1.0({_hex(one.serial)})", f"{place}:96.1.0", one.serial),
                Row(
                    f"{place}:24.3.0({stamp(one.at_ms)[:-1]})(00)(60)(1)({place}:24.2.1)({unit})",
                    f"{place}:24.2.1",
                    _least(one),
                ),
                Row(f"({number})"),
                Row(f"{place}:24.4.0(1)", f"{place}:24.4.0", "1"),
            ]
        return rows

    return lines


def month_peaks(seen: Seen) -> list[Row]:
    """Belgium: the running quarter-hour, this month's highest, and those of 13 months before."""
    running = seen.shown.get("1-0:1.4.0")
    if not isinstance(running, int):
        return []
    rows = [Row(f"1-0:1.4.0({KW.text(running)})", "1-0:1.4.0", running // 1_000 * 1_000)]
    *months, now = seen.peaks()
    rows.append(
        Row(f"1-0:1.6.0({stamp(now.at_ms)})({KW.text(now.power_mw)})", "1-0:1.6.0", now.power_mw)
    )
    table = "".join(
        f"({stamp(one.until_ms)})({stamp(one.at_ms)})({KW.text(one.power_mw)})" for one in months
    )
    rows.append(Row(f"0-0:98.1.0({len(months)})(1-0:1.6.0)(1-0:1.6.0){table or '()'}"))
    return rows
