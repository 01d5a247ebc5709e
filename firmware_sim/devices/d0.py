"""Meters with an optical head: request, identification, selection, data block; and a push.

Spec: IEC 62056-21, 6.3 to 6.4.5 (modes A to D), annex A (block check), annex B (meters on
battery). Landis+Gyr TKB 3415 for the codes of heat meters.
"""

import re
from functools import reduce
from operator import xor
from typing import NamedTuple

from firmware_sim.device import Shown, Simulator, Source

START_BAUD = 300
# A meter answers 200 ms to 1.5 s after what it was asked.
REACTION_MS = 250
PUSH_INTERVAL_MS = 2_000
PUSH_BAUD = 2_400
# Without a selection a meter of mode C goes on in mode A, at the speed it has.
SELECT_MS_MAX = 2_000
# A meter on battery wakes up from zero bytes, and stays awake for a while.
WAKE_BYTES = 40
AWAKE_MS = 5_000
HEARD_MAX = 80

_BAUD = {sign: START_BAUD << n for n, sign in enumerate("0123456")}
_BAUD |= {sign: 2 * START_BAUD << n for n, sign in enumerate("ABCDEF")}
_SELECT = re.compile(rb"\x060([0-6])0\r\n")


class Make(NamedTuple):
    """A meter as its maker built it. `sign` is the speed it proposes."""

    name: str
    sign: str
    pushes: bool = False
    checked: bool = True
    sleeps: bool = False
    heat: bool = False
    echoes: bool = False


MAKES = {
    "mode C": Make("/MKS5SIM-C", "5"),
    "mode C, echoing head": Make("/MKS4SIM-E", "4", echoes=True),
    "mode B": Make("/MKSCSIM-B", "C"),
    "mode A": Make("/MKSxSIM-A", "x", checked=False),
    "mode D, push": Make("/MKS3SIM-D", "3", pushes=True, checked=False),
    "heat meter on battery": Make("/MKSCHEAT", "C", sleeps=True, heat=True),
}
_NEEDS = {
    "mode D, push": {"mode": "d"},
    "heat meter on battery": {"wake": "direct", "interval": "86400"},
}


def even(data: bytes) -> bytes:
    """Seven-bit characters with their parity in bit 7.

    >>> even(b"1").hex()
    'b1'
    """
    return bytes(byte | byte.bit_count() % 2 << 7 for byte in data)


def block(lines: list[str]) -> bytes:
    """A data block from STX to its check character."""
    body = "\r\n".join([*lines, "!", "\x03"]).encode("ascii")
    return b"\x02" + body + bytes([reduce(xor, body)])


def _thousandths(value: int, digits: int) -> str:
    return f"{value // 1000:0{digits}}.{value % 1000:03}"


def _electric_lines(shown: Shown) -> tuple[list[str], Shown]:
    """What the display shows, whole watt-hours and watts, and what a reader must make of it."""
    said: dict[str, int | str] = {
        "0-0:97.97.0": "00",
        "1-0:0.0.0": shown["1-0:0.0.0"],
    }
    lines = ["F.F(00)", f"0.0.0({shown['1-0:0.0.0']})"]
    for short, unit in (("1.8.0", "kWh"), ("2.8.0", "kWh"), ("1.8.0*01", "kWh"), ("1.7.0", "kW")):
        register = f"1-0:{short}".replace("*0", "*")
        whole = int(shown[register]) // 1000
        said[register] = whole * 1000
        lines.append(f"{short}({_thousandths(whole, 6 if unit == 'kWh' else 2)}*{unit})")
    return lines, said


def _heat_lines(shown: Shown) -> tuple[list[str], Shown]:
    """Whole kilowatt-hours as MWh, tens of litres as cubic metres; several sets on a line."""
    kwh = int(shown["6-0:1.0.0"]) // 1_000_000
    dekalitres = int(shown["6-0:2.0.0"]) // 10_000
    serial = shown["6-0:0.0.0"]
    volume = f"{dekalitres // 100:05}.{dekalitres % 100:02}"
    lines = [
        f"6.8({_thousandths(kwh, 4)}*MWh)6.26({volume}*m3)9.21({serial})",
        "F(0)6.35(60*m)",
    ]
    said = {
        "6-0:1.0.0": kwh * 1_000_000,
        "6-0:2.0.0": dekalitres * 10_000,
        "6-0:0.0.0": serial,
        "0-0:97.97.0": "0",
        "6.35": "60 m",
    }
    return lines, said


class Head:
    """One meter behind its optical head. What it says takes as long as its speed asks."""

    def __init__(self, make: Make, source: Source, now_ms: int) -> None:
        self._make = make
        self._source = source
        self._heard = b""
        self._zeros = 0
        self._awake_until_ms = 0
        self._select_by_ms: int | None = None
        self._due: list[tuple[int, int, bytes, Shown | None]] = []  # when, baud, what, meaning
        self._sent = 0  # bytes of the first of these
        self._said: Shown = {}
        self._push_ms = now_ms

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """The echo of a head that has one; the answers come in their time."""
        if not self._make.pushes and self._awake(data, now_ms):
            self._heard = (self._heard + bytes(byte & 0x7F for byte in data))[-HEARD_MAX:]
            self._obey(now_ms)
        return data if self._make.echoes else b""

    def _awake(self, data: bytes, now_ms: int) -> bool:
        if not self._make.sleeps:
            return True
        zeros = len(data) - len(data.lstrip(b"\0"))
        self._zeros = self._zeros + zeros if zeros else 0
        if self._zeros >= WAKE_BYTES or now_ms < self._awake_until_ms:
            self._awake_until_ms = now_ms + AWAKE_MS
        return now_ms < self._awake_until_ms

    def _obey(self, now_ms: int) -> None:
        if self._heard.endswith(b"/?!\r\n"):
            self._heard = b""
            self._sent = 0
            identification = f"{self._make.name}\r\n".encode()
            self._due = [(now_ms + REACTION_MS, START_BAUD, identification, None)]
            if self._make.sign.isdigit():
                self._select_by_ms = now_ms + REACTION_MS + SELECT_MS_MAX
            else:
                self._read_out(self._make.sign, now_ms + 2 * REACTION_MS)
        elif self._select_by_ms and (chosen := _SELECT.search(self._heard)):
            self._heard = b""
            self._read_out(chosen[1].decode(), now_ms + REACTION_MS)

    def _read_out(self, sign: str, due_ms: int) -> None:
        self._select_by_ms = None
        lines, said = self._lines(due_ms)
        plain = "\r\n".join([*lines, "!", ""]).encode("ascii")
        sent = block(lines) if self._make.checked else plain
        self._due.append((due_ms, _BAUD.get(sign, START_BAUD), sent, said))

    def _lines(self, now_ms: int) -> tuple[list[str], Shown]:
        shown = self._source(now_ms)
        return _heat_lines(shown) if self._make.heat else _electric_lines(shown)

    def ticks(self, now_ms: int) -> bytes:
        """As many bytes as the line has carried since what is due began."""
        if self._make.pushes and now_ms >= self._push_ms:
            self._push_ms = now_ms + PUSH_INTERVAL_MS
            lines, said = self._lines(now_ms)
            text = "\r\n".join([self._make.name, "", *lines, "!", ""]).encode("ascii")
            self._due = [(now_ms, PUSH_BAUD, text, said)]
            self._sent = 0
        if self._select_by_ms is not None and now_ms >= self._select_by_ms:
            self._read_out("0", now_ms)
        if not self._due or now_ms < self._due[0][0]:
            return b""
        due_ms, baud, what, said_then = self._due[0]
        carried = min(len(what), (now_ms - due_ms) * baud // 10_000)
        piece = what[self._sent : carried]
        self._sent = carried
        if carried == len(what):
            del self._due[0]
            self._sent = 0
            if said_then is not None:
                self._said = said_then
            if self._due:  # the next one begins no sooner than this one ended
                self._due[0] = (max(self._due[0][0], now_ms + REACTION_MS), *self._due[0][1:])
        return even(piece)

    def truth(self) -> Shown:
        return self._said


def _house(seed: int) -> Source:
    """A house that draws 300 W and more, feeds a little, and is heated with 2 kW."""

    def shown(at_ms: int) -> Shown:
        seconds = at_ms // 1000 % 1_000_000_000
        return {
            "1-0:0.0.0": f"{20_730_000 + seed}",
            "1-0:1.8.0": (300_000 + seed) * seconds // 3_600,
            "1-0:1.8.0*1": (300_000 + seed) * (seconds - seconds % 2_592_000) // 3_600,
            "1-0:2.8.0": 80_000 * seconds // 3_600,
            "1-0:1.7.0": 300_000 + seconds % 97 * 1_700,
            "6-0:0.0.0": f"{66_400_000 + seed}",
            "6-0:1.0.0": 2_000_000 * (seconds % 100_000_000) // 3_600,
            "6-0:2.0.0": 48_000 * (seconds % 100_000_000) // 3_600,
        }

    return shown


SIMULATOR = Simulator(
    variants={name: _NEEDS.get(name, {}) for name in MAKES},
    begin=lambda variant, source, _seed, at_ms: Head(MAKES[variant], source, at_ms),
    source=_house,
)
