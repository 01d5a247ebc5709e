"""A scale at a till that answers to W with a weight, or with why it has none.

Spec: METTLER TOLEDO Viva service manual, 8217 protocol; Salter Brecknell 6700U service manual,
7.6.3 and table 7.5 (8213); Rice Lake BenchPro manual, status bits.
"""

from typing import NamedTuple

from firmware_sim import sevenbits
from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulated, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale

MOVES, OVER, UNDER, UNZEROED, AT_ZERO, NET, ONE = (1 << bit for bit in range(7))


class Form(NamedTuple):
    """How a scale is set. Weights have `digits` digits, a point before the last `decimals` of them
    where it `has_point`, the last one worth `last_mg`. `says_net`: N behind a net weight.
    Its unit key is locked.
    """

    digits: int = 5
    decimals: int = 3
    last_mg: int = 1_000
    has_point: bool = True
    says_net: bool = False
    parity: str = sevenbits.EVEN
    tare_mg: int = 0


class Till:
    """Questions and commands of one letter in, an answer to each out."""

    def __init__(self, form: Form, source: Source) -> None:
        self._form = form
        self.indicator = Indicator(Scale(), Plate(Scale()))
        self.indicator.tare_mg = form.tare_mg
        self._bagged = Bagged(source, self.indicator.plate)
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._bagged.lay(now_ms)
        letters = sevenbits.heard(data, self._form.parity).decode("latin-1")
        said = b"".join(self._answer(letter, now_ms) for letter in letters)
        return sevenbits.sent(said, self._form.parity)

    def ticks(self, now_ms: int) -> bytes:
        self._bagged.lay(now_ms)
        return b""

    def truth(self) -> Shown:
        return self._said

    def _answer(self, letter: str, now_ms: int) -> bytes:
        if letter == "Z":
            self.indicator.zero(now_ms)
        elif letter == "T":
            self.indicator.tare(now_ms)
        shown = self.indicator.shows(now_ms)
        if letter != "W" or shown.out or not shown.stable or shown.net_mg < 0:
            return b"\x02?" + bytes((_status(shown),)) + b"\r"
        self._said = {"net": shown.net_mg}
        return b"\x02" + self._weight(shown).encode() + b"\r"

    def _weight(self, shown: Display) -> str:
        form = self._form
        text = str(shown.net_mg // form.last_mg).rjust(form.digits, "0")
        if form.has_point:
            text = f"{text[: -form.decimals]}.{text[-form.decimals :]}"
        return text + "N" * (form.says_net and shown.tare_mg > 0)


def _status(shown: Display) -> int:
    status = ONE
    status |= MOVES * (not shown.stable)
    status |= OVER * (shown.out == "over")
    status |= UNDER * (shown.out == "under" or shown.net_mg < 0)
    status |= UNZEROED * (shown.out == "unzeroed")
    status |= AT_ZERO * (shown.gross_mg == 0)
    status |= NET * (shown.tare_mg > 0)
    return status


# Each with the settings of the driver's block.
_VARIANTS: dict[str, tuple[Form, dict[str, str]]] = {
    "Viva": (Form(), {}),
    "Ariva with a tare": (Form(says_net=True, tare_mg=250_000), {}),
    "8213 in grams": (
        Form(6, 0, has_point=False, parity=sevenbits.NONE),
        {"unit": "g", "decimals": "0"},
    ),
    "8217 without a point": (Form(has_point=False), {"decimals": "3"}),
}


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed, at_ms  # nothing is left to chance
    return Till(_VARIANTS[variant][0], source)


SIMULATOR = Simulator(
    variants={name: settings for name, (_, settings) in _VARIANTS.items()},
    begin=_begin,
    source=bags,
)
