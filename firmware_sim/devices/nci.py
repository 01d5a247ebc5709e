"""A scale that answers to W, S, Z and T as NCI scales do.

Spec: Weigh-Tronix SCP-01 in the manuals of the NCI 6702 ("what you see is what you get": carets,
underscores and dashes for bars) and Ohaus Aviator 7000 (S before the status, status alone when
there is no weight); Adam MDW, table 1 (three bytes of status).
"""

from typing import NamedTuple

from firmware_sim import sevenbits
from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulated, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale

LINE_BYTES_MAX = 16
WIDTH = 7
FIXED, MORE = 0x30, 0x40
BARS = {"over": "^", "under": "_", "unzeroed": "-"}
LB_UG = 453_592_370


class Form(NamedTuple):
    """How a scale is set. One that `hides` tells its status alone when it has no good weight."""

    parity: str = sevenbits.NONE
    hides: bool = False
    capitals: bool = False
    status_bytes: int = 2
    tare_mg: int = 0


class Answering:
    """Commands in, an answer to each out."""

    def __init__(self, form: Form, source: Source) -> None:
        self._form = form
        self._bags = Bagged(source, Plate(Scale()))
        self.indicator = Indicator(Scale(), self._bags.plate)
        self.indicator.tare_mg = form.tare_mg
        self._line = b""
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._bags.lay(now_ms)
        *lines, self._line = (self._line + sevenbits.heard(data, self._form.parity)).split(b"\r")
        self._line = self._line[-LINE_BYTES_MAX:]
        said = "".join(self._obey(line.decode("latin-1"), now_ms) for line in lines)
        return sevenbits.sent(said.encode("ascii"), self._form.parity)

    def ticks(self, now_ms: int) -> bytes:
        self._bags.lay(now_ms)
        return b""

    def truth(self) -> Shown:
        return self._said

    def _obey(self, command: str, now_ms: int) -> str:
        match command:
            case "Z":
                self.indicator.zero(now_ms)
            case "T":
                self.indicator.tare(now_ms)
            case "W" | "S":
                pass
            case _:
                return "\n?\r\x03"
        shown = self.indicator.shows(now_ms)
        status = f"\n{'S' * self._form.capitals}{self._status(shown)}\r\x03"
        return self._weight(shown) + status if command == "W" else status

    def _weight(self, shown: Display) -> str:
        form = self._form
        if form.hides and (shown.out or not shown.stable or shown.net_mg < 0):
            return ""
        unit = shown.unit.upper() if form.capitals else shown.unit
        if shown.out:
            return f"\n{BARS[shown.out] * WIDTH}{unit}\r"
        if shown.unit == "kg":
            tells_net = form.status_bytes == 2 or shown.tare_mg
            self._said = {"net" if tells_net else "gross": shown.net_mg}
        return f"\n{_number(shown):>{WIDTH}}{unit}\r"

    def _status(self, shown: Display) -> str:
        at_zero = shown.gross_mg == 0 and not shown.out
        first = FIXED | (not shown.stable) | at_zero << 1
        second = FIXED | (shown.out == "under") | (shown.out == "over") << 1
        if self._form.status_bytes == 2:
            return chr(first) + chr(second)
        third = FIXED | 1 | (shown.tare_mg > 0) << 2 | (shown.out == "unzeroed") << 3
        return chr(first) + chr(second | MORE) + chr(third)


def _number(shown: Display) -> str:
    """The number on the display; of pieces the one that was set wrongly, of pounds the right."""
    mg = abs(shown.net_mg)
    sign = "-" if shown.net_mg < 0 else ""
    if shown.unit == "lb":
        hundredths = mg * 100_000 // LB_UG
        return f"{sign}{hundredths // 100}.{hundredths % 100:02}"
    if shown.unit == "pcs":
        return f"{sign}{mg // 10_000}"
    return f"{sign}{mg // 1_000_000}.{mg // 1000 % 1000:03}"


FORMS = {
    "6702": Form(parity=sevenbits.EVEN),
    "Aviator 7000": Form(hides=True, capitals=True),
    "MDW with a tare": Form(status_bytes=3, tare_mg=1_500_000),
    "MDW": Form(status_bytes=3),
}


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed, at_ms  # nothing is left to chance
    return Answering(FORMS[variant], source)


SIMULATOR = Simulator(variants={name: {} for name in FORMS}, begin=_begin, source=bags)
