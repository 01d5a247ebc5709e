"""The P1 port of smart meters: plain telegrams of every dialect, told apart by what they say.

Spec: DSMR P1 companion 2.2, 3.0, 4.2.2 and 5.0.2; e-MUCS-P1 1.7.1; the P1 and H1 notes of Sweden,
Hungary and Austria. Reference: drivers/wire/iec62056.py reads the lines between `/` and `!`.
"""

import re
from collections.abc import Callable, Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Step
from drivers.wire import crc
from drivers.wire.iec62056 import read_objects
from drivers.wire.noise import Noise

BUFFER_MAX = 16 * 1024  # the longest known telegrams, Hungary's and Luxembourg's, have 4 to 8 kB
END_MAX = 32  # `!`, four digits, CRLF; some senders add a NUL or blanks
AHEAD = 8  # enough of what follows to see the next telegram begin

# A telegram begins with `/`, three letters and the meter's name, then an empty line. It may begin
# anywhere, as the one before may have been cut off; a name holds neither `/` nor `!`.
_BEGIN = re.compile(rb"/[A-Za-z]{3}[^\r\n/!]{0,59}\r?\n(?=\r?\n|\d-\d:)")
# A push of mode D begins alike, and may go on with a short code.
_FIRST = re.compile(_BEGIN.pattern + rb"(?:\r?\n)?\d-\d:\d")
_SLASH = re.compile(rb"[/\xaf]")  # with and without parity
_END = re.compile(rb"([0-9A-Fa-f]{0,4})[ \t\0\r]*\n?")
_NEXT = re.compile(rb"[\r\n\0 ]*(?:/[A-Za-z]{3}|\Z)")
# Blank space between telegrams; after its `!` a Q3D meter tells its seconds of life and its key.
_TRAILER = re.compile(rb"[\r\n\0 ]*(?:\d{8}\r?\n(?:[0-9A-Z]{33}|\xff{33})\r?\n[\r\n\0 ]*)?")
# Dialects with a clock, a version number or stamps that say S or W have a checksum as well.
_CHECKED = re.compile(rb"\n(?:0-0:1\.0\.0|1-3:0\.2\.8|0-0:96\.1\.4)\b|\(\d{12}[SW]\)")

_EVEN = bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0)
_SEVEN = bytes(byte & 0x7F if byte in _EVEN else byte for byte in range(256))


class Session:
    """Telegrams out of a stream. A frame ends at a `!` that starts a line."""

    def __init__(self, arc: Callable[[bytes], int] = crc.arc) -> None:
        """`arc` computes CRC-16/ARC."""
        self._arc = arc
        self._buffer = bytearray()
        self._offset = 0  # place in the stream of the buffer's first byte
        self._scan = 0  # no frame ends before this index
        self._begun = False  # whether a `/` stands before that index
        self._open_end = False  # whether the buffer holds a `!` that may end a frame
        self._noise = Noise()

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        if len(buffer) + len(chunk) < BUFFER_MAX:
            buffer += chunk
            if self._open_end or b"!" in chunk:
                return self._drain(silent=False)
            return []
        steps: list[Step] = []
        fed = 0
        while fed < len(chunk):
            room = BUFFER_MAX - len(buffer)
            buffer += chunk[fed : fed + room]
            fed += room
            steps += self._drain(silent=False)
            if len(buffer) >= BUFFER_MAX:
                steps += self._overflow()
        return steps

    def timeout(self) -> list[Step]:
        """After a silence nothing more of a telegram comes: tell what stands, drop the rest."""
        steps = self._drain(silent=True)
        steps += self._skip(bytes(self._buffer))
        self._advance(len(self._buffer))
        self._begun = False
        return [*steps, *self._noise.tell()]

    def _drain(self, *, silent: bool) -> list[Step]:
        buffer = self._buffer
        steps: list[Step] = []
        start = 0
        self._open_end = False
        while True:
            if not self._begun:  # an end before any beginning is noise and costs no look
                slash = _SLASH.search(buffer, self._scan)
                self._begun = slash is not None
                self._scan = slash.start() if slash else len(buffer)
            bang = buffer.find(b"\n!", self._scan) + 1
            if not bang:
                self._scan = max(start, self._scan, len(buffer) - 1)
                break
            stop = buffer.find(b"\n", bang, bang + END_MAX) + 1
            if not stop:
                if len(buffer) >= bang + END_MAX:
                    self._scan = bang  # text follows the `!`: no end
                    continue
                if not silent:
                    self._scan = bang - 1
                    self._open_end = True
                    break
                stop = len(buffer)
            span = bytes(buffer[start:stop])
            ahead = bytes(buffer[stop : stop + AHEAD])
            told = self._frame(span, bang - start, self._offset + start, ahead, silent=silent)
            if told is None:
                self._scan = bang - 1
                self._open_end = True
                break
            steps += told
            start = self._scan = stop
            self._begun = False
        self._advance(start)
        return steps

    def _advance(self, length: int) -> None:
        if length:
            del self._buffer[:length]
            self._offset += length
            self._scan = max(0, self._scan - length)

    def _overflow(self) -> list[Step]:
        """The buffer is full without a frame: keep what may be the beginning of one."""
        held = bytes(self._buffer).translate(_SEVEN)
        begins = [match.start() for match in _BEGIN.finditer(held)]
        keep = begins[-1] if begins else 0
        if not keep:
            keep = max(held.rfind(b"/", BUFFER_MAX - 64), 0) or BUFFER_MAX
        steps = self._skip(bytes(self._buffer[:keep]))
        self._advance(keep)
        self._begun = False
        self._scan = 0
        return steps

    def _skip(self, skipped: bytes) -> list[Step]:
        """Tell bytes at the buffer's front that are in no telegram."""
        return self._skip_at(skipped, self._offset)

    def _skip_at(self, skipped: bytes, offset: int) -> list[Step]:
        if not skipped or (not self._noise.length and _TRAILER.fullmatch(skipped)):
            return []
        if _BEGIN.search(skipped.translate(_SEVEN)) is None:
            return self._noise.skip(offset, len(skipped))
        fault = Fault("cut", offset, len(skipped), "a telegram without its end")
        return [*self._noise.tell(), Message(offset, skipped, (), (fault,))]

    def _frame(
        self, span: bytes, bang: int, offset: int, ahead: bytes, *, silent: bool
    ) -> list[Step] | None:
        """What `span`, whose `!` stands at `bang`, says; None when more must come to tell."""
        seen = span if span.isascii() else span.translate(_SEVEN)
        begin = 0
        if seen.rfind(b"/") != 0 or not _BEGIN.match(seen):
            # Of several beginnings the last one counts: the others were cut off.
            begins = [match.start() for match in _BEGIN.finditer(seen)]
            if not begins:
                return self._skip_at(span, offset)
            begin = begins[-1]
        raw = span[begin:]
        told = self._telegram(raw, bang - begin, offset + begin, ahead, silent=silent)
        if told is None:
            return None
        readings, faults = told
        steps = self._skip_at(span[:begin], offset)
        steps += self._noise.tell()
        steps.append(Message(offset + begin, raw, tuple(readings), tuple(faults)))
        return steps

    def _telegram(
        self, frame: bytes, bang: int, offset: int, ahead: bytes, *, silent: bool
    ) -> tuple[list[Reading], list[Fault]] | None:
        """The readings and faults of one telegram from `/` to its line's end."""
        if frame[:1] != b"/":  # a 7E1 sender seen as 8N1 shows its parity in bit 7
            wrong = len(frame.translate(None, _EVEN))
            if wrong:
                what = f"{wrong} bytes of wrong parity"
                return [], [Fault("parity", offset, len(frame), what)]
            frame = frame.translate(_SEVEN)
        doubt = ""
        end = _END.fullmatch(frame, bang + 1)
        if end is None:
            what = f"end line {frame[bang : bang + 12]!r}"
            return [], [Fault("checksum", offset, len(frame), what)]
        if end[1]:
            counted = self._arc(frame[: bang + 1])
            if counted != int(end[1], 16):
                what = f"telegram says {end[1].decode()}, its bytes give {counted:04X}"
                return [], [Fault("checksum", offset, len(frame), what)]
        else:
            # Where a checksum belongs, half a line of it may have been damaged into line ends.
            # Then the other half follows, and not another telegram.
            if _CHECKED.search(frame):
                if len(ahead) < AHEAD and not silent:
                    return None
                if _NEXT.match(ahead.translate(_SEVEN)) is None:
                    what = "no checksum, and then no telegram"
                    return [], [Fault("checksum", offset, len(frame), what)]
            doubt = "unchecked"
        readings, faults = read_objects(frame[:bang].decode("latin-1"), offset=offset, doubt=doubt)
        if not readings and not faults:
            faults = [Fault("empty", offset, len(frame), "a telegram without data lines")]
        return readings, faults


def _recognise(sample: bytes) -> bool:
    """Whether a telegram begins in the sample, seen with or without parity."""
    return _FIRST.search(sample.translate(_SEVEN)) is not None


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # the stream says all
    return Session()


def _lines(*lines: str) -> bytes:
    return "\r\n".join((*lines, "")).encode("latin-1")


_DUTCH = Example(
    "Netherlands, DSMR 5 with a gas meter",
    _lines(
        "/MKT5\\HALL-1",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260701120010S)",
        "0-0:96.1.1(4D4B3030303037)",
        "1-0:1.8.1(001234.567*kWh)",
        "1-0:2.8.2(000042.000*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:2.7.0(01.250*kW)",
        "0-0:96.7.21(00004)",
        "1-0:32.7.0(231.4*V)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(47415330303031)",
        "0-1:24.2.1(260701120000S)(00321.009*m3)",
        "!9BBC",
    ),
    (
        Reading("1-3:0.2.8", "50", "", 1782900010000, "MK00007"),
        Reading("0-0:1.0.0", "260701120010S", "", 1782900010000, "MK00007"),
        Reading("0-0:96.1.1", "MK00007", "", 1782900010000, "MK00007"),
        Reading("1-0:1.8.1", 1234567000, "mWh", 1782900010000, "MK00007"),
        Reading("1-0:2.8.2", 42000000, "mWh", 1782900010000, "MK00007"),
        Reading("0-0:96.14.0", "0002", "", 1782900010000, "MK00007"),
        Reading("1-0:2.7.0", 1250000, "mW", 1782900010000, "MK00007"),
        Reading("0-0:96.7.21", 4, "count", 1782900010000, "MK00007"),
        Reading("1-0:32.7.0", 231400, "mV", 1782900010000, "MK00007"),
        Reading("0-1:24.1.0", "003", "", 1782900010000, "GAS0001"),
        Reading("0-1:96.1.0", "GAS0001", "", 1782900010000, "GAS0001"),
        Reading("0-1:24.2.1", 321009000, "mL", 1782900000000, "GAS0001"),
    ),
)
_BELGIAN = Example(
    "Belgium, peaks of the month and of the last two",
    _lines(
        "/MKT5\\BE-1",
        "",
        "0-0:96.1.4(50221)",
        "0-0:1.0.0(260115083000W)",
        "1-0:1.4.0(02.351*kW)",
        "1-0:1.6.0(260109171500W)(04.329*kW)",
        "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(251201000000W)(251118180000W)(03.695*kW)"
        "(260101000000W)(251224173000W)(05.980*kW)",
        "!40E0",
    ),
    (
        Reading("0-0:96.1.4", "50221", "", 1768462200000),
        Reading("0-0:1.0.0", "260115083000W", "", 1768462200000),
        Reading("1-0:1.4.0", 2351000, "mW", 1768462200000),
        Reading("1-0:1.6.0", 4329000, "mW", 1767975300000),
        Reading("0-0:98.1.0", 3695000, "mW", 1763485200000, "", 1764543600000),
        Reading("0-0:98.1.0", 5980000, "mW", 1766593800000, "", 1767222000000),
    ),
)
_OLD = Example(
    "Netherlands, DSMR 2.2: no clock, no checksum, gas on two lines",
    _lines(
        "/MKT5\\OLD",
        "",
        "0-0:96.1.1(4D4B32)",
        "1-0:1.8.1(00420.001*kWh)",
        "1-0:1.7.0(0001.01*kW)",
        "0-1:96.1.0(473232)",
        "0-1:24.3.0(120615130000)(00)(60)(1)(0-1:24.2.1)(m3)",
        "(00077.500)",
        "!",
    ),
    (
        Reading("0-0:96.1.1", "MK2", "", None, "MK2", None, "unchecked"),
        Reading("1-0:1.8.1", 420001000, "mWh", None, "MK2", None, "unchecked"),
        Reading("1-0:1.7.0", 1010000, "mW", None, "MK2", None, "unchecked"),
        Reading("0-1:96.1.0", "G22", "", None, "G22", None, "unchecked"),
        Reading("0-1:24.2.1", 77500000, "mL", 1339758000000, "G22", None, "unchecked"),
    ),
)

DEVICE = Device(
    name="p1",
    title="Smart meter, P1 port (Netherlands, Belgium, Sweden, Hungary, Austria and kin)",
    line=Line(115200),
    wiring=(
        "RJ12: 1 +5 V out (at most 250 mA), 2 request (5 V to run, else open), 3 data ground, "
        "5 data out (open collector, inverted: pull up with 3 kohm), 6 power ground. A P1 cable "
        "with an FTDI chip does all of this. DSMR 2 and 3 speak 9600 7E1."
    ),
    registers=(
        Register("0-0:1.0.0", "", "the meter's clock"),
        Register("0-0:96.1.1", "", "serial number (0-0:96.1.0 or 0-0:96.1.255 at some makers)"),
        Register("1-0:1.8.1", "mWh", "energy imported, tariff 1 (Netherlands low, Belgium day)"),
        Register(
            "1-0:1.8.2", "mWh", "energy imported, tariff 2 (Netherlands normal, Belgium night)"
        ),
        Register("1-0:2.8.1", "mWh", "energy exported, tariff 1"),
        Register("1-0:2.8.2", "mWh", "energy exported, tariff 2"),
        Register("1-0:1.8.0", "mWh", "energy imported, where it is not counted by tariff"),
        Register("1-0:2.8.0", "mWh", "energy exported, where it is not counted by tariff"),
        Register("0-0:96.14.0", "", "tariff now"),
        Register("1-0:1.7.0", "mW", "power imported"),
        Register("1-0:2.7.0", "mW", "power exported"),
        Register("1-0:21.7.0", "mW", "power imported, L1 (41 L2, 61 L3; exported 22, 42, 62)"),
        Register("1-0:32.7.0", "mV", "voltage, L1 (52 L2, 72 L3)"),
        Register("1-0:31.7.0", "mA", "current, L1 (51 L2, 71 L3)"),
        Register("1-0:3.8.0", "mvarh", "reactive energy imported (4.8.0 exported)"),
        Register("0-0:96.7.21", "count", "power failures (0-0:96.7.9 long ones)"),
        Register("1-0:99.97.0", "ms", "a long failure's duration, at its end"),
        Register("1-0:32.32.0", "count", "voltage sags, L1 (32.36.0 swells)"),
        Register("1-0:1.4.0", "mW", "Belgium: average power of the running quarter-hour"),
        Register("1-0:1.6.0", "mW", "Belgium: highest quarter-hour of this month, at its end"),
        Register("0-0:98.1.0", "mW", "Belgium: highest quarter-hours of the last 13 months"),
        Register("0-n:24.1.0", "", "kind of M-Bus meter n: 3 gas, 4 heat, 7 water"),
        Register("0-n:96.1.0", "", "serial number of M-Bus meter n (Belgium 0-n:96.1.1)"),
        Register("0-n:24.2.1", "mL", "volume (heat: mJ) of M-Bus meter n, at its own time"),
        Register("0-n:24.2.3", "mL", "Belgium: gas volume, not converted for temperature"),
        Register("0-0:96.13.0", "", "message of the grid operator"),
    ),
    examples=(_DUTCH, _BELGIAN, _OLD),
    recognise=_recognise,
    open=_open,
    checksum_bits=16,
    buffer_max=BUFFER_MAX,
    quirks=(
        "S or W after a stamp is believed over the calendar; Swedish meters send W all the year.",
        "DSMR 2 and 3 and Q3D send no checksum: their readings carry the doubt 'unchecked'.",
        "A 7E1 sender on an 8N1 line is read with its parity bit taken off.",
        "A gas meter may move to another channel; the dead one stays with a placeholder stamp.",
        "Q3D prints kWh with seven decimals: what is less than a milliwatt-hour is cut off.",
        "Hungary's month table 0-0:98.1.0 has no units of its own and is kept as text.",
        "A missing checksum is refused where the dialect has one and no telegram follows.",
    ),
)
