"""A scale or balance that prints its weight: when told to, or again and again by itself.

Spec: Sartorius, operating instructions of the Master series and Entris II: data output with 16 and
with 22 characters, special codes, marks of digits that are not verified; SBI commands.
"""

from typing import NamedTuple

from firmware_sim import sevenbits
from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulated, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale

ESCAPE = b"\x1b"
PERIOD_MS = 200
NAME_BYTES, BODY_BYTES = 6, 14


class Form(NamedTuple):
    """How a scale is set. One that is `named` puts a name before each value, and prints gross and
    tare as well while it holds a tare; one that is `verified` puts its last digit in brackets.
    """

    parity: str = sevenbits.ODD
    named: bool = False
    verified: bool = False
    by_itself: bool = False
    tare_mg: int = 0


class Printing:
    """ESC and a letter in, lines out."""

    def __init__(self, form: Form, source: Source) -> None:
        self._form = form
        self._bags = Bagged(source, Plate(Scale()))
        self.indicator = Indicator(Scale(), self._bags.plate)
        self.indicator.tare_mg = form.tare_mg
        self._held = b""
        self._next_ms = 0
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._bags.lay(now_ms)
        self._held += sevenbits.heard(data, self._form.parity)
        *_, last = pieces = self._held.split(ESCAPE)
        # An escape waits for its letter.
        self._held = b"" if last else self._held[-1:]
        said = b"".join(self._obey(piece[:1], now_ms) for piece in pieces[1:])
        return sevenbits.sent(said, self._form.parity)

    def ticks(self, now_ms: int) -> bytes:
        self._bags.lay(now_ms)
        if not self._form.by_itself or now_ms < self._next_ms:
            return b""
        self._next_ms = now_ms + PERIOD_MS
        return sevenbits.sent(self._print(self.indicator.shows(now_ms)), self._form.parity)

    def truth(self) -> Shown:
        return self._said

    def _obey(self, letter: bytes, now_ms: int) -> bytes:
        match letter:
            case b"P":
                return self._print(self.indicator.shows(now_ms))
            case b"V":
                self.indicator.zero(now_ms)
            case b"U":
                self.indicator.tare(now_ms)
            case b"T":
                # What cannot become zero becomes the tare.
                if self.indicator.zero(now_ms):
                    self.indicator.tare(now_ms)
        return b""

    def _print(self, shown: Display) -> bytes:
        if shown.out:
            state = {"over": "High", "under": "Low"}.get(shown.out, "")
            return self._line("Stat" if state else "", state.center(BODY_BYTES))
        values = {"N": shown.net_mg}
        if self._form.named and shown.tare_mg:
            values = {"G#": shown.gross_mg, "T1": shown.tare_mg, **values}
        if shown.stable and shown.unit == "kg":
            registers = {"G#": "gross", "T1": "tare", "N": "net"}
            self._said = {registers[name]: self._counted(mg) for name, mg in values.items()}
        return b"".join(self._line(name, self._value(mg, shown)) for name, mg in values.items())

    def _counted(self, mg: int) -> int:
        """Without the digit in brackets, towards zero."""
        if not self._form.verified:
            return mg
        return abs(mg) // 10_000 * 10_000 * (-1 if mg < 0 else 1)

    def _value(self, mg: int, shown: Display) -> str:
        number = f"{abs(mg) // 1_000_000}.{abs(mg) // 1000 % 1000:03}"
        columns = f"{number[:-1]}[{number[-1]}]" if self._form.verified else f"{number} "
        unit = shown.unit if shown.stable else ""
        return f"{'-' if mg < 0 else '+'}{columns:>10}{unit:3}"

    def _line(self, name: str, body: str) -> bytes:
        name = name.ljust(NAME_BYTES) if self._form.named else ""
        return f"{name}{body}\r\n".encode("ascii")


FORMS = {
    "Combics": Form(),
    "Combics with names and a tare": Form(named=True, tare_mg=1_500_000),
    "Entris, verified": Form(sevenbits.NONE, named=True, verified=True),
    "Signum printing by itself": Form(sevenbits.EVEN, by_itself=True),
    "MSE printing by itself": Form(sevenbits.NONE, named=True, by_itself=True),
}


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed, at_ms  # nothing is left to chance
    return Printing(FORMS[variant], source)


SIMULATOR = Simulator(variants={name: {} for name in FORMS}, begin=_begin, source=bags)
