"""Scales that only a map describes: a RADWAG indicator that is asked, a Bilanciai that is not.

Spec: RADWAG, PUE C/31H user manual, 18.2 to 18.4 (21 columns; Z and T are acknowledged twice);
Società Cooperativa Bilanciai, DD700 advanced use manual, 2.2.1 (the string CB, cyclical).
"""

from collections.abc import Callable

from firmware_sim.bags import bags
from firmware_sim.device import Shown, Simulated, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale

LINE_BYTES_MAX = 64
CYCLE_MS = 100
# What five digits of a division of 5 g can show.
CAPACITY_MG = 60_000_000

RADWAG_MAP = r"""line = "9600 8N1"
pattern = [
    'SI (?P<state>[ ?^v]) (?P<net>[ -].{9}) (?P<unit>.{3})',
    '[A-Z]{1,2} (?P<refused>[I^vE])',
    '(?P<error>ES)',
]
skip = ['[ZT] [AD]']
ask = "SI\r\n"
zero = "Z\r\n"
tare = "T\r\n"

[means.state]
" " = "stable"
"?" = "unstable"
"^" = "over"
"v" = "under"

[means.refused]
I = "busy"
"^" = "logic"
v = "logic"
E = "busy"

[means.error]
ES = "syntax"

[[sample]]
line = "SI        3.425 kg "
says = { net = "3.425 kg", stable = true }

[[sample]]
line = "SI ? -    0.010 kg "
says = { net = "-0.01 kg", stable = false }

[[sample]]
line = "SI v            kg "
fault = "under"

[[sample]]
line = "SI        7.550 lb "
fault = "unit"

[[sample]]
line = "SI I"
fault = "busy"

[[sample]]
line = "ES"
fault = "syntax"
"""
BILANCIAI_MAP = r"""line = "4800 7E2"
ends = "\r"
pattern = '\$(?P<state>[013])(?P<net>\d{5})'
unit = "kg"
places = 3

[means.state]
0 = "stable"
1 = "unstable"
3 = "range"

[[sample]]
line = "$003425"
says = { net = "3.425 kg", stable = true }

[[sample]]
line = "$103410"
says = { net = "3.41 kg", stable = false }

[[sample]]
line = "$300000"
fault = "range"
"""


class _Bagged:
    """A scale where bags come and go; remembers what it last told."""

    def __init__(self, source: Source) -> None:
        scale = Scale(CAPACITY_MG)
        self._source = source
        self._plate = Plate(scale)
        self.indicator = Indicator(scale, self._plate)
        self._lies_mg: int | str = 0
        self._said_mg: int | None = None

    def shows(self, now_ms: int) -> Display:
        lies_mg = self._source(now_ms)["gross"]
        if lies_mg != self._lies_mg:
            self._lies_mg = lies_mg
            self._plate.put(int(lies_mg), now_ms=now_ms)
        return self.indicator.shows(now_ms)

    def say(self, mg: int) -> None:
        self._said_mg = mg

    def truth(self) -> Shown:
        return {} if self._said_mg is None else {"net": self._said_mg}


class Radwag(_Bagged):
    """Answers SI, Z and T."""

    def __init__(self, source: Source, _now_ms: int) -> None:
        super().__init__(source)
        self._line = b""

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        *lines, self._line = (self._line + data).split(b"\r\n")
        self._line = self._line[-LINE_BYTES_MAX:]
        return b"".join(self._obey(line, now_ms) for line in lines)

    def ticks(self, now_ms: int) -> bytes:
        self.shows(now_ms)
        return b""

    def _obey(self, command: bytes, now_ms: int) -> bytes:
        if command == b"SI":
            return self._weight(self.shows(now_ms))
        if command not in {b"Z", b"T"}:
            return b"ES\r\n"
        if not self.shows(now_ms).stable:
            return command + b" E\r\n"
        act = self.indicator.zero if command == b"Z" else self.indicator.tare
        if out := act(now_ms):
            return command + (b" ^\r\n" if out == "over" else b" v\r\n")
        return command + b" A\r\n" + command + b" D\r\n"

    def _weight(self, shown: Display) -> bytes:
        if shown.out == "unzeroed":
            return b"SI I\r\n"
        if shown.out:
            mark = "^" if shown.out == "over" else "v"
            return f"SI {mark} {'':10} kg \r\n".encode()
        self.say(shown.net_mg)
        grams = abs(shown.net_mg) // 1000
        mass = f"{grams // 1000}.{grams % 1000:03}"
        state = " " if shown.stable else "?"
        sign = "-" if shown.net_mg < 0 else " "
        return f"SI {state} {sign}{mass:>9} {shown.unit:<3}\r\n".encode()


class Bilanciai(_Bagged):
    """Sends its weight ten times a second, and listens to nobody."""

    def __init__(self, source: Source, now_ms: int) -> None:
        super().__init__(source)
        self._due_ms = now_ms

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        if now_ms < self._due_ms:
            return b""
        self._due_ms = now_ms + CYCLE_MS
        shown = self.shows(now_ms)
        if shown.out or shown.net_mg < 0:
            return b"$300000\r"
        self.say(shown.net_mg)
        return f"${0 if shown.stable else 1}{shown.net_mg // 1000:05}\r".encode()


MAKES: dict[str, Callable[[Source, int], Simulated]] = {"RADWAG": Radwag, "Bilanciai": Bilanciai}

SIMULATOR = Simulator(
    variants={"RADWAG": {"map": RADWAG_MAP}, "Bilanciai": {"map": BILANCIAI_MAP}},
    begin=lambda variant, source, _seed, at_ms: MAKES[variant](source, at_ms),
    source=bags,
)
