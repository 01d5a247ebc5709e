"""A scale that speaks MT-SICS.

Spec: METTLER TOLEDO MT-SICS reference manual, levels 0 and 1: ASCII lines ended by CR LF, a
weight in ten columns, right-aligned, between the status and the unit. KERN KCP 1.1 is the same.
"""

from typing import NamedTuple

from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulator, Source
from firmware_sim.scale import Indicator, Plate, Scale
from firmware_sim.scale_text import foreign, written

# `S` waits so long for a stable weight, then the scale says that it cannot.
STABLE_WAIT_MS_MAX = 3_000
# `SIR` repeats at this pace.
REPEAT_MS = 100
LINE_BYTES_MAX = 64


COMMANDS = {
    0: ("I0", "I1", "I2", "I3", "I4", "I5", "S", "SI", "SIR", "Z", "ZI", "@"),
    1: ("T", "TI", "TA", "TAC"),
}


class Dialect(NamedTuple):
    """What a make does its own way. `lacks` are commands of these levels that it does not know,
    to which it answers `ES`, or nothing where it `is_deaf` to them. `places` is the number of
    digits behind the point, in kg or, with `in_grams`, in g.
    """

    model: str = "ICS429"
    lacks: frozenset[str] = frozenset()
    is_deaf: bool = False
    in_grams: bool = False
    places: int = 3
    # Left repeating by whoever used the scale last.
    repeats: bool = False


LEVEL_1 = frozenset(COMMANDS[1])
DIALECTS = {
    "ICS429": Dialect(),
    "KERN IFB": Dialect("IFB", lacks=frozenset({"I5"})),
    "KERN PCB": Dialect("PCB", in_grams=True, places=1),
    "level 0": Dialect("BBA211", lacks=LEVEL_1),
    "level 0, deaf": Dialect("SB16001", lacks=LEVEL_1 | {"I4", "ZI"}, is_deaf=True),
    "no Z": Dialect("ID1", lacks=frozenset({"Z", "T"})),
    "repeating": Dialect("WM124", repeats=True),
}


class Terminal:
    """The scale's end of the line: commands in, answers out; time is passed in, real ms."""

    def __init__(self, scale: Scale, plate: Plate, dialect: Dialect = DIALECTS["ICS429"]) -> None:
        self.indicator = Indicator(scale, plate)
        self._scale = scale
        self._dialect = dialect
        self._line = b""
        self._stable_by_ms: int | None = None
        self._repeat_ms: int | None = 0 if dialect.repeats else None
        self.said: dict[str, int] = {}  # the weights last told, in mg

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """The answers to the commands that these bytes complete."""
        *lines, self._line = (self._line + data).split(b"\r\n")
        self._line = self._line[-LINE_BYTES_MAX:]
        return b"".join(self._obey(line.decode("latin-1"), now_ms) for line in lines)

    def ticks(self, now_ms: int) -> bytes:
        """What is due by itself: the answer to a waiting `S`, and the next of `SIR`."""
        if self._stable_by_ms is not None:
            if self.indicator.shows(now_ms).stable:
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
        if word in self._dialect.lacks:
            return b"" if self._dialect.is_deaf else _line("ES")
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
                self.said["tare"] = self.indicator.tare_mg
                return _line(f"TA A {self._columns(self.indicator.tare_mg)}")
            case _:
                return self._identify(word)

    def _weight(self, now_ms: int) -> bytes:
        shown = self.indicator.shows(now_ms)
        if shown.out:
            return _line({"over": "S +", "under": "S -"}.get(shown.out, "S I"))
        status = "S" if shown.stable else "D"
        if shown.unit != "kg":
            return _line(f"S {status} {foreign(shown):>10} {shown.unit}")
        self.said["net"] = shown.net_mg
        if "TA" not in self._dialect.lacks:
            self.said |= {"gross": shown.gross_mg, "tare": shown.tare_mg}
        return _line(f"S {status} {self._columns(shown.net_mg)}")

    def _zero(self, word: str, now_ms: int) -> bytes:
        stable = self.indicator.shows(now_ms).stable
        if word == "Z" and not stable:
            return _line("Z I")
        if out := self.indicator.zero(now_ms):
            return _line(f"{word} +" if out == "over" else f"{word} -")
        return _line("Z A" if word == "Z" else f"ZI {'S' if stable else 'D'}")

    def _tare(self, word: str, now_ms: int) -> bytes:
        stable = self.indicator.shows(now_ms).stable
        if word == "T" and not stable:
            return _line("T I")
        if out := self.indicator.tare(now_ms):
            return _line(f"{word} +" if out == "over" else f"{word} -")
        columns = self._columns(self.indicator.tare_mg)
        return _line(f"{word} {'S' if stable else 'D'} {columns}")

    def _identify(self, word: str) -> bytes:
        if word in {"@", "TAC"}:
            self.indicator.tare_mg = 0
        if word == "I0":
            known = [
                (level, name)
                for level, names in COMMANDS.items()
                for name in names
                if name not in self._dialect.lacks
            ]
            more = "B" * (len(known) - 1) + "A"
            return b"".join(
                _line(f'I0 {last} {level} "{name}"')
                for last, (level, name) in zip(more, known, strict=True)
            )
        says = {
            "I1": 'I1 A "01" "2.30" "2.22" "" ""',
            "I2": f'I2 A "{self._dialect.model} {self._scale.capacity_mg // 1_000_000} kg"',
            "I3": 'I3 A "2.10 10.28.0.493"',
            "I4": f'I4 A "{self._scale.serial}"',
            "I5": 'I5 A "12121306C"',
            "@": f'I4 A "{self._scale.serial}"',
            "TAC": "TAC A",
        }
        return _line(says.get(word, "ES"))

    def _columns(self, mg: int) -> str:
        unit, tens = ("g", 3) if self._dialect.in_grams else ("kg", 6)
        return f"{written(mg, self._dialect.places, tens):>10} {unit}"


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\r\n"


class Weighing:
    """A scale at a recycling point where bags come and go as the source says."""

    def __init__(self, dialect: Dialect, source: Source, now_ms: int) -> None:
        self._plate = Bagged(source, Plate(Scale()))
        self._terminal = Terminal(Scale(), self._plate.plate, dialect)
        self._plate.lay(now_ms)

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        self._plate.lay(now_ms)
        return self._terminal.hears(data, now_ms=now_ms)

    def ticks(self, now_ms: int) -> bytes:
        self._plate.lay(now_ms)
        return self._terminal.ticks(now_ms)

    def truth(self) -> Shown:
        return self._terminal.said


SIMULATOR = Simulator(
    variants={name: {} for name in DIALECTS},
    begin=lambda variant, source, _seed, at_ms: Weighing(DIALECTS[variant], source, at_ms),
    source=bags,
)
