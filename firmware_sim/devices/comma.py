"""Indicators of the comma family: Dini Argeo, A&D, CAS and KERN, asked or streaming.

Spec: Dini Argeo, DFW and LTP technical manuals, communication strings and serial commands; Dini
Argeo 3590E technical manual, 5.4 to 5.8 (REXT, alibi memory); A&D, GC series manual, 16.2 and
acknowledgement; CAS, CI-400 series manual, appendices 1 and 2; KERN, KXS-TM manual, 14.
"""

from typing import NamedTuple

from firmware_sim.bags import Bagged, bags
from firmware_sim.device import Shown, Simulator, Source
from firmware_sim.scale import Display, Indicator, Plate, Scale
from firmware_sim.scale_text import foreign, written

LINE_BYTES_MAX = 64
CYCLE_MS = 100
# CAS, appendix 1: bit 7 is always 1, bit 5 is 1 at CI-400 and 0 at CI-600.
LAMPS, STABLE, HOLD, GROSS, TARE, ZERO = 0xA0, 0x40, 0x10, 0x04, 0x02, 0x01
DEVICE_ID = 0x31
ACKNOWLEDGED = "\x06"
RECORDS_MAX = 1_000_000  # then the memory begins anew


class Dialect(NamedTuple):
    """How a make writes its lines: "dini", "a&d", "cas", "cas10", "and18" or "kern".

    `address` is the one on RS-485, "" on RS-232. A 3590E tells two fields more than a DFW.
    """

    form: str
    streams: bool = False
    address: str = ""
    is_3590: bool = False
    has_alibi: bool = False


DIALECTS: dict[str, tuple[Dialect, dict[str, str]]] = {
    "Dini Argeo": (Dialect("dini"), {}),
    "Dini Argeo 3590E, REXT": (Dialect("dini", is_3590=True), {"ask": "REXT"}),
    "Dini Argeo, alibi": (Dialect("dini", has_alibi=True), {"alibi": "yes"}),
    "Dini Argeo, RS-485": (Dialect("dini", address="01"), {"ask": "01READ"}),
    "A&D": (Dialect("a&d"), {"ask": "Q"}),
    "A&D, 18 bytes": (Dialect("and18", streams=True), {"ask": ""}),
    "CAS": (Dialect("cas", streams=True), {"ask": ""}),
    "CAS, asked": (Dialect("cas", address="01"), {"ask": "01RW"}),
    "CAS, 10 bytes": (Dialect("cas10", streams=True), {"ask": "", "unit": "kg"}),
    "KERN": (Dialect("kern", streams=True), {"ask": ""}),
}


class Terminal:
    """The indicator's end of the line: requests in, lines out; time is passed in, real ms."""

    def __init__(self, scale: Scale, plate: Plate, dialect: Dialect) -> None:
        self.indicator = Indicator(scale, plate)
        self.is_tilted = False
        self.is_held = False
        self.said: dict[str, int | str] = {}  # what the last line told, weights in mg
        self.records = 0  # in the alibi memory
        self._dialect = dialect
        self._line = b""
        self._cycle_ms = 0

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """The answers to the requests that these bytes complete."""
        *lines, self._line = (self._line + data).split(b"\r\n")
        self._line = self._line[-LINE_BYTES_MAX:]
        return b"".join(self._obey(line.decode("latin-1"), now_ms) for line in lines)

    def ticks(self, now_ms: int) -> bytes:
        """The next line of one that streams."""
        if not self._dialect.streams or now_ms < self._cycle_ms:
            return b""
        self._cycle_ms = now_ms + CYCLE_MS
        return self._weight(now_ms)

    def _obey(self, request: str, now_ms: int) -> bytes:
        address = self._dialect.address
        if not request.startswith(address):
            return b""  # for another one on the bus
        word = request[len(address) :]
        match self._dialect.form:
            case "dini":
                return self._dini(word, now_ms)
            case "a&d":
                return self._and(word, now_ms)
            case "cas" if address:
                return self._cas(word, now_ms)
            case _:
                self._act(word, now_ms)
                return b""

    def _act(self, word: str, now_ms: int) -> bool:
        """Zero or tare, if the plate is at rest and within range: whether it was done."""
        if not self.indicator.plate.feels(now_ms).stable:
            return False
        if word in {"Z", "ZERO", "MZ"}:
            return not self.indicator.zero(now_ms)
        if word in {"T", "TARE", "MT"}:
            return not self.indicator.tare(now_ms)
        return False

    def _dini(self, word: str, now_ms: int) -> bytes:
        match word:
            case "READ" | "R":
                return self._weight(now_ms)
            case "REXT":
                return self._extended(now_ms)
            case "PID" if self._dialect.has_alibi:
                return self._keep(now_ms)
            case "Z" | "ZERO" | "T" | "TARE":
                self._act(word, now_ms)
                return self._say("OK")  # whether or not it could
            case _:
                return self._say("ERR01" if word.startswith(("READ", "TARE")) else "ERR04")

    def _and(self, word: str, now_ms: int) -> bytes:
        if word in {"Q", "SI"}:
            return self._weight(now_ms)
        if word in {"Z", "T"}:
            done = self._act(word, now_ms)
            return self._say(ACKNOWLEDGED) + self._say(ACKNOWLEDGED if done else "EC,E11")
        return self._say("EC,E01")

    def _cas(self, word: str, now_ms: int) -> bytes:
        if word == "RW":
            return self._weight(now_ms)
        if word in {"MZ", "MT"}:
            return self._say(self._dialect.address + word if self._act(word, now_ms) else "!")
        return self._say("?")

    def _say(self, text: str) -> bytes:
        return text.encode("latin-1") + b"\r\n"

    def _weight(self, now_ms: int) -> bytes:
        shown = self.indicator.shows(now_ms)
        what, mg = ("NT", shown.net_mg) if shown.tare_mg else ("GS", shown.gross_mg)
        # A&D's first form, and a number alone, do not say which of the two it is.
        names_it = self._dialect.form not in {"a&d", "cas10"}
        if not shown.out and shown.unit == "kg" and not self.is_tilted and not self.is_held:
            self.said = {"gross" if names_it and what == "GS" else "net": mg}
        match self._dialect.form:
            case "dini":
                return self._dini_line(shown, what, mg)
            case "a&d":
                return self._and_line(shown, mg)
            case "cas":
                return self._cas_line(shown, what, mg)
            case "cas10":
                return self._say(" " * 8 if shown.out else f"{self._text(shown, mg):0>8}")
            case "and18":
                head = f"{self._header(shown)},{what},"
                data = " " * 8 if shown.out else self._signed(shown, mg, 8)
                return self._say(f"{head}{data}{shown.unit:>2.2}")
            case _:
                head = f"{self._header(shown)},{what},"
                data = "+" + " " * 8 if shown.out else self._signed(shown, mg, 9)
                return self._say(f"{head}{data}{shown.unit:>4}")

    def _header(self, shown: Display) -> str:
        """Few makes have a word for less than nothing, and none but Dini Argeo for aslant."""
        is_dini = self._dialect.form == "dini"
        if self.is_tilted and is_dini:
            return "TL"
        if shown.out:
            return "UL" if is_dini and shown.out == "under" else "OL"
        return "ST" if shown.stable else "US"

    def _text(self, shown: Display, mg: int) -> str:
        return written(mg, 3, 6) if shown.unit == "kg" else foreign(shown)

    def _signed(self, shown: Display, mg: int, columns: int) -> str:
        """Sign first, then noughts."""
        text = self._text(shown, mg)
        return ("-" if text[0] == "-" else "+") + f"{text.lstrip('-'):0>{columns - 1}}"

    def _dini_line(self, shown: Display, what: str, mg: int) -> bytes:
        if shown.out == "unzeroed":
            return self._say("ERR03")
        text = "" if shown.out else self._text(shown, mg)
        header = self._dialect.address + self._header(shown)
        return self._say(f"{header},{what},{text:>8},{shown.unit:>2.2}")

    def _and_line(self, shown: Display, mg: int) -> bytes:
        if shown.out == "unzeroed":
            return self._say("EC,E02")
        if shown.out:
            return self._say(f"OL,{'+' if shown.out == 'over' else '-'}9999999E+19")
        if shown.unit == "pcs":
            pieces = self._signed(shown, mg, 9)
            return self._say(f"{'QT' if shown.stable else 'US'},{pieces} PC")
        return self._say(f"{self._header(shown)},{self._signed(shown, mg, 9)}{shown.unit:>3}")

    def _cas_line(self, shown: Display, what: str, mg: int) -> bytes:
        lamps = LAMPS | (GROSS if what == "GS" else TARE)
        lamps |= STABLE if shown.stable and not shown.out else 0
        lamps |= ZERO if not shown.out and not mg else 0
        lamps |= HOLD if self.is_held else 0
        text = self._text(shown, mg)
        data = ("-" if text[0] == "-" else "") + text.lstrip("-").rjust(8 - (text[0] == "-"), "0")
        head = f"{self._header(shown)},{what},{chr(DEVICE_ID)}{chr(lamps)},"
        return self._say(f"{head}{' ' * 8 if shown.out else data} {shown.unit:>2.2}")

    def _extended(self, now_ms: int) -> bytes:
        shown = self.indicator.shows(now_ms)
        if shown.out == "unzeroed":
            return self._say("ERR03")
        net, tare = self._text(shown, shown.net_mg), written(shown.tare_mg, 3, 6)
        if shown.out:
            net = ""
        elif shown.unit == "kg" and not self.is_tilted:
            self.said = {"gross": shown.gross_mg, "tare": shown.tare_mg, "net": shown.net_mg}
        head = "1," if self._dialect.is_3590 else "1"
        more = f"{0:>10}," if self._dialect.is_3590 else ""
        state = self._dialect.address + head + self._header(shown)
        return self._say(f"{state},{net:>10},  {tare:>10},{0:>10},{more}{shown.unit:>2.2}")

    def _keep(self, now_ms: int) -> bytes:
        """Into the alibi memory, if it is at rest and not below nothing."""
        shown = self.indicator.shows(now_ms)
        header = self._header(shown)
        is_kept = header == "ST" and shown.gross_mg >= 0 and shown.unit == "kg"
        record = "NO"
        if is_kept:
            self.records += 1
            again, number = divmod(self.records, RECORDS_MAX)
            record = f"{again:05}-{number:06}"
            self.said = {
                "gross": shown.gross_mg,
                "tare": shown.tare_mg,
                "net": shown.net_mg,
                "alibi": record,
            }
        gross, tare = written(shown.gross_mg, 3, 6), written(shown.tare_mg, 3, 6)
        head = f"{self._dialect.address}PID{header},1"
        return self._say(f"{head},{gross:>10}kg,  {tare:>10}kg,{record}")


class Weighing:
    """An indicator at a recycling point where bags come and go as the source says."""

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
    variants={name: settings for name, (_, settings) in DIALECTS.items()},
    begin=lambda variant, source, _seed, at_ms: Weighing(DIALECTS[variant][0], source, at_ms),
    source=bags,
)
