"""A scale terminal that tells its weight seven times a second, as Toledo terminals do.

Spec: METTLER TOLEDO WILDCAT technical manual (12/00), appendix 2, tables 6-8 to 6-11; Cardinal 225
installation manual, "Toledo" formats 0 to 3.
"""

from typing import NamedTuple

from firmware_sim import sevenbits
from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulated, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale

PERIOD_MS = 150
DIGITS = 6
STX, CR = 0x02, 0x0D

KG, G = "kg", "g"
# Status byte C, bits 0 to 2; of kilograms and pounds byte B tells which.
UNITS = {KG: 0, "lb": 0, G: 1, "oz": 3, "pcs": 7}
INCREMENTS = {1: 1, 2: 2, 5: 3}


class Form(NamedTuple):
    """How a terminal is set. `point` are the digits behind the point, below zero for dummy zeros;
    `filler` stands in place of leading zeros, `tare_mg` is the crate's.
    """

    scale: Scale = Scale()
    unit: str = KG
    point: int = 3
    has_tare: bool = True
    has_sum: bool = True
    parity: str = sevenbits.NONE
    filler: str = "0"
    tare_mg: int = 0

    @property
    def last_mg(self) -> int:
        """What the last digit is worth."""
        worth: int = 10 ** ((6 if self.unit == KG else 3) - self.point)
        return worth


class Terminal:
    """Frames out, keys in: Z, T, C (clear the tare) and P (print)."""

    def __init__(self, form: Form, source: Source) -> None:
        self._form = form
        self.indicator = Indicator(form.scale, Plate(form.scale))
        self.indicator.tare_mg = form.tare_mg
        self._bagged = Bagged(source, self.indicator.plate)
        self._next_ms = 0
        self._prints = False
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._bagged.lay(now_ms)
        for key in sevenbits.heard(data, self._form.parity).decode("latin-1"):
            match key:
                case "Z":
                    self.indicator.zero(now_ms)
                case "T":
                    self.indicator.tare(now_ms)
                case "C":
                    self.indicator.tare_mg = 0
                case "P":
                    self._prints = True
        return b""

    def ticks(self, now_ms: int) -> bytes:
        self._bagged.lay(now_ms)
        if now_ms < self._next_ms:
            return b""
        self._next_ms = now_ms + PERIOD_MS
        return sevenbits.sent(self._frame(self.indicator.shows(now_ms)), self._form.parity)

    def truth(self) -> Shown:
        return self._said

    def _frame(self, shown: Display) -> bytes:
        form = self._form
        is_net = bool(shown.tare_mg)
        weight_mg = shown.net_mg if is_net else shown.gross_mg
        if not shown.out:
            self._said = {"net" if is_net else "gross": weight_mg}
            if form.has_tare:
                self._said |= {"tare": shown.tare_mg}
        text = self._digits(weight_mg) + (self._digits(shown.tare_mg) if form.has_tare else "")
        frame = bytes((STX, *self._status(shown, is_net, weight_mg))) + text.encode() + bytes((CR,))
        return frame + bytes((-sum(frame) & 0x7F,)) if form.has_sum else frame

    def _status(self, shown: Display, is_net: bool, weight_mg: int) -> tuple[int, int, int]:  # noqa: FBT001
        form = self._form
        unit = form.unit if shown.unit == KG else shown.unit
        division = form.scale.division_mg // form.last_mg
        a = 0x20 | INCREMENTS[division] << 3 | form.point + 2
        b = 0x20 | is_net | (weight_mg < 0) << 1 | (shown.out in {"over", "under"}) << 2
        b |= (not shown.stable) << 3 | (unit == KG) << 4 | (shown.out == "unzeroed") << 6
        c = 0x20 | UNITS[unit] | self._prints << 3
        self._prints = False
        return a, b, c

    def _digits(self, mg: int) -> str:
        shown = str(abs(mg) // self._form.last_mg)
        return shown.rjust(DIGITS, self._form.filler)[-DIGITS:]


_TENS_OF_G = Scale(division_mg=10_000)
# Each with the settings of the driver's block.
_VARIANTS: dict[str, tuple[Form, dict[str, str]]] = {
    "WILDCAT": (Form(parity=sevenbits.EVEN), {}),
    "WILDCAT with a tare": (Form(parity=sevenbits.EVEN, tare_mg=1_500_000, filler=" "), {}),
    "FB3000 without checksum": (Form(_TENS_OF_G, point=2, has_sum=False), {}),
    "225 short, with checksum": (Form(has_tare=False), {"checksum": "yes"}),
    "225 short, in grams": (
        Form(_TENS_OF_G, G, -1, has_tare=False, has_sum=False, parity=sevenbits.ODD),
        {"checksum": "no"},
    ),
}


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed, at_ms  # nothing is left to chance
    return Terminal(_VARIANTS[variant][0], source)


SIMULATOR = Simulator(
    variants={name: settings for name, (_, settings) in _VARIANTS.items()},
    begin=_begin,
    source=bags,
)
