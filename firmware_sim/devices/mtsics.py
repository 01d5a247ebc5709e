"""A scale that speaks MT-SICS, on a small physical model of a plate with something on it.

Spec: METTLER TOLEDO MT-SICS reference manual, levels 0 and 1: ASCII lines ended by CR LF, a
weight in ten columns, right-aligned, between the status and the unit.
"""

from random import Random
from typing import NamedTuple

from firmware_sim.device import Shown, Simulator, Source

# The plate swings for so long after its load has changed.
SETTLING_MS = 500
# `S` waits so long for a stable weight, then the scale says that it cannot.
STABLE_WAIT_MS_MAX = 3_000
# `SIR` repeats at this pace.
REPEAT_MS = 100
LINE_BYTES_MAX = 64


class Scale(NamedTuple):
    """What stands on the type plate: range and division, in milligrams."""

    capacity_mg: int = 60_000_000
    division_mg: int = 5_000
    serial: str = "B427100311"


class Weight(NamedTuple):
    """A weight as the plate feels it, rounded to the division."""

    mg: int
    stable: bool


class Plate:
    """What lies on the plate. It swings while it settles, and for as long as it is `moved`."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._load_mg = 0
        self._from_mg = 0
        self._changed_ms = -SETTLING_MS
        self._moved_until_ms = 0

    def put(self, load_mg: int, *, now_ms: int, moved_ms: int = 0) -> None:
        """From now on this is the load; it moves about for `moved_ms` before it settles."""
        self._from_mg, self._load_mg = self._load_mg, load_mg
        self._moved_until_ms = now_ms + moved_ms
        self._changed_ms = self._moved_until_ms

    def feels(self, now_ms: int) -> Weight:
        """The weight now: a swing that dies away, with the load as it is once it is stable."""
        left_ms = self._changed_ms + SETTLING_MS - now_ms
        if left_ms <= 0:
            return Weight(self._rounded(self._load_mg), stable=True)
        part = min(left_ms, SETTLING_MS)
        # Up and down every 80 ms, by at most a fifth of the change.
        swing = (self._load_mg - self._from_mg) * part // SETTLING_MS // 5
        sign = 1 if now_ms // 80 % 2 else -1
        return Weight(self._rounded(self._load_mg + sign * swing), stable=False)

    def _rounded(self, mg: int) -> int:
        """To the nearest division, halves upward."""
        division = self._scale.division_mg
        return (mg + division // 2) // division * division


COMMANDS = {
    0: ("I0", "I1", "I2", "I3", "I4", "I5", "S", "SI", "SIR", "Z", "ZI", "@"),
    1: ("T", "TI", "TA", "TAC"),
}


class Terminal:
    """The scale's end of the line: commands in, answers out; time is passed in, real ms."""

    def __init__(self, scale: Scale, plate: Plate) -> None:
        self._scale = scale
        self._plate = plate
        self._zero_mg = 0
        self._tare_mg = 0
        self._line = b""
        self._stable_by_ms: int | None = None
        self._repeat_ms: int | None = None
        self.said_mg: int | None = None  # the last weight told

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """The answers to the commands that these bytes complete."""
        *lines, self._line = (self._line + data).split(b"\r\n")
        self._line = self._line[-LINE_BYTES_MAX:]
        return b"".join(self._obey(line.decode("latin-1"), now_ms) for line in lines)

    def ticks(self, now_ms: int) -> bytes:
        """What is due by itself: the answer to a waiting `S`, and the next of `SIR`."""
        if self._stable_by_ms is not None:
            if self._plate.feels(now_ms).stable:
                self._stable_by_ms = None
                return self._weight(now_ms)
            if now_ms >= self._stable_by_ms:
                self._stable_by_ms = None
                return _line("S I")
        if self._repeat_ms is not None and now_ms >= self._repeat_ms:
            self._repeat_ms = now_ms + REPEAT_MS
            return self._weight(now_ms)
        return b""

    def _obey(self, command: str, now_ms: int) -> bytes:
        word, _, rest = command.partition(" ")
        if word in {"S", "SI", "SIR", "@"}:
            self._stable_by_ms = self._repeat_ms = None
        if rest:
            return _line("ES")
        if word in {"Z", "ZI"}:
            return self._zero(word, now_ms)
        if word in {"T", "TI"}:
            return self._tare(word, now_ms)
        return self._weigh_or_tell(word, now_ms)

    def _weigh_or_tell(self, word: str, now_ms: int) -> bytes:
        match word:
            case "S":
                self._stable_by_ms = now_ms + STABLE_WAIT_MS_MAX
                return self.ticks(now_ms)
            case "SI":
                return self._weight(now_ms)
            case "SIR":
                self._repeat_ms = now_ms
                return self.ticks(now_ms)
            case "TA":
                return _line(f"TA A {self._columns(self._tare_mg)}")
            case _:
                return self._identify(word)

    def _weight(self, now_ms: int) -> bytes:
        felt = self._plate.feels(now_ms)
        gross_mg = felt.mg - self._zero_mg
        if gross_mg > self._scale.capacity_mg:
            return _line("S +")
        # A plate that was lifted off pulls the cell below what it can measure.
        if gross_mg < -self._scale.capacity_mg // 50:
            return _line("S -")
        status = "S" if felt.stable else "D"
        self.said_mg = gross_mg - self._tare_mg
        return _line(f"S {status} {self._columns(gross_mg - self._tare_mg)}")

    def _zero(self, word: str, now_ms: int) -> bytes:
        felt = self._plate.feels(now_ms)
        if word == "Z" and not felt.stable:
            return _line("Z I")
        if abs(felt.mg) > self._scale.capacity_mg // 50:
            return _line(f"{word} +" if felt.mg > 0 else f"{word} -")
        self._zero_mg, self._tare_mg = felt.mg, 0
        return _line("Z A" if word == "Z" else f"ZI {'S' if felt.stable else 'D'}")

    def _tare(self, word: str, now_ms: int) -> bytes:
        felt = self._plate.feels(now_ms)
        gross_mg = felt.mg - self._zero_mg
        if word == "T" and not felt.stable:
            return _line("T I")
        if not 0 <= gross_mg <= self._scale.capacity_mg:
            return _line(f"{word} +" if gross_mg > 0 else f"{word} -")
        self._tare_mg = gross_mg
        return _line(f"{word} {'S' if felt.stable else 'D'} {self._columns(gross_mg)}")

    def _identify(self, word: str) -> bytes:
        if word in {"@", "TAC"}:
            self._tare_mg = 0
        if word == "I0":
            known = [(level, name) for level, names in COMMANDS.items() for name in names]
            more = "B" * (len(known) - 1) + "A"
            return b"".join(
                _line(f'I0 {last} {level} "{name}"')
                for last, (level, name) in zip(more, known, strict=True)
            )
        says = {
            "I1": 'I1 A "01" "2.30" "2.22" "" ""',
            "I2": f'I2 A "ICS429 {self._scale.capacity_mg // 1_000_000} kg"',
            "I3": 'I3 A "2.10 10.28.0.493"',
            "I4": f'I4 A "{self._scale.serial}"',
            "I5": 'I5 A "12121306C"',
            "@": f'I4 A "{self._scale.serial}"',
            "TAC": "TAC A",
        }
        return _line(says.get(word, "ES"))

    def _columns(self, mg: int) -> str:
        sign = "-" if mg < 0 else ""
        grams = abs(mg) // 1000
        return f"{sign + f'{grams // 1000}.{grams % 1000:03}':>10} kg"


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\r\n"


class Weighing:
    """A scale at a recycling point where bags come and go as the source says."""

    def __init__(self, source: Source, now_ms: int) -> None:
        self._source = source
        self._plate = Plate(Scale())
        self._terminal = Terminal(Scale(), self._plate)
        self._lies_mg: int | str = 0
        self._lay(now_ms)

    def _lay(self, now_ms: int) -> None:
        lies_mg = self._source(now_ms)["net"]
        if lies_mg != self._lies_mg:
            self._lies_mg = lies_mg
            self._plate.put(int(lies_mg), now_ms=now_ms)

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._lay(now_ms)
        return self._terminal.hears(data, now_ms=now_ms)

    def ticks(self, now_ms: int) -> bytes:
        self._lay(now_ms)
        return self._terminal.ticks(now_ms)

    def truth(self) -> Shown:
        return {} if self._terminal.said_mg is None else {"net": self._terminal.said_mg}


def _bags(seed: int) -> Source:
    """A bag lies for six seconds of every ten."""

    def shown(at_ms: int) -> Shown:
        bag, within_ms = divmod(at_ms, 10_000)
        draw = Random(f"{seed}/{bag}")  # noqa: S311 - a play, no secret
        return {"net": draw.randrange(400_000, 9_000_000) if within_ms >= 4_000 else 0}

    return shown


SIMULATOR = Simulator(
    variants={"ICS429": {}},
    begin=lambda _variant, source, _seed, at_ms: Weighing(source, at_ms),
    source=_bags,
)
