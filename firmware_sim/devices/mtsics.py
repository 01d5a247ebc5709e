"""A scale that speaks MT-SICS.

Spec: METTLER TOLEDO MT-SICS reference manual, levels 0 and 1: ASCII lines ended by CR LF, a
weight in ten columns, right-aligned, between the status and the unit.
"""

from random import Random

from firmware_sim.device import Shown, Simulator, Source
from firmware_sim.scale import Indicator, Plate, Scale

# `S` waits so long for a stable weight, then the scale says that it cannot.
STABLE_WAIT_MS_MAX = 3_000
# `SIR` repeats at this pace.
REPEAT_MS = 100
LINE_BYTES_MAX = 64


COMMANDS = {
    0: ("I0", "I1", "I2", "I3", "I4", "I5", "S", "SI", "SIR", "Z", "ZI", "@"),
    1: ("T", "TI", "TA", "TAC"),
}


class Terminal:
    """The scale's end of the line: commands in, answers out; time is passed in, real ms."""

    def __init__(self, scale: Scale, plate: Plate) -> None:
        self._scale = scale
        self._indicator = Indicator(scale, plate)
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
            if self._indicator.shows(now_ms).stable:
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
                return _line(f"TA A {self._columns(self._indicator.tare_mg)}")
            case _:
                return self._identify(word)

    def _weight(self, now_ms: int) -> bytes:
        shown = self._indicator.shows(now_ms)
        if shown.out:
            return _line("S +" if shown.out == "over" else "S -")
        status = "S" if shown.stable else "D"
        self.said_mg = shown.net_mg
        return _line(f"S {status} {self._columns(shown.net_mg)}")

    def _zero(self, word: str, now_ms: int) -> bytes:
        stable = self._indicator.shows(now_ms).stable
        if word == "Z" and not stable:
            return _line("Z I")
        if out := self._indicator.zero(now_ms):
            return _line(f"{word} +" if out == "over" else f"{word} -")
        return _line("Z A" if word == "Z" else f"ZI {'S' if stable else 'D'}")

    def _tare(self, word: str, now_ms: int) -> bytes:
        stable = self._indicator.shows(now_ms).stable
        if word == "T" and not stable:
            return _line("T I")
        if out := self._indicator.tare(now_ms):
            return _line(f"{word} +" if out == "over" else f"{word} -")
        columns = self._columns(self._indicator.tare_mg)
        return _line(f"{word} {'S' if stable else 'D'} {columns}")

    def _identify(self, word: str) -> bytes:
        if word in {"@", "TAC"}:
            self._indicator.tare_mg = 0
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
