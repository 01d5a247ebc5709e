"""Electricity meters that speak SML by themselves, as most in Germany do.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b); FNN Lastenheft Basiszähler 1.3 (optical head, PIN).
Reference: drivers/wire/sml.py opens the files, drivers/wire/sml_list.py reads them.
"""

from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Setting, SettingError, Step
from drivers.wire import sml, sml_list, sml_shape
from drivers.wire.noise import Noise

BUFFER_MAX = 16 * 1024  # the longest known files have less than 1 kB
QUIRKS = {"auto": None, "dzg": True, "none": False}
_TAIL = sml.MARK_BYTES - 1  # so much of a mark may stand at the end of what has come
_ESCAPE = sml.ESCAPE
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Session:
    """Files out of a stream. Each ends with a mark; what stands outside two marks is noise."""

    def __init__(self, ways: sml_list.Ways = sml_list.USUAL) -> None:
        self._ways = ways
        self._shapes: sml_shape.Shapes = {}
        self._buffer = bytearray()
        self._offset = 0  # place in the stream of the buffer's first byte
        self._begun = False  # whether the buffer begins with a file
        self._scan = 0  # no mark begins before this index
        self._noise = Noise()

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        if len(buffer) + len(chunk) >= BUFFER_MAX:
            return self._feed_long(chunk)
        buffer += chunk
        if self._begun and buffer.find(_ESCAPE, self._scan) < 0:
            self._scan = max(self._scan, len(buffer) - len(_ESCAPE) + 1)
            return []
        return self._drain()

    def _feed_long(self, chunk: bytes) -> list[Step]:
        """The same for a chunk that fills the buffer: no file is as long."""
        steps: list[Step] = []
        fed = 0
        while fed < len(chunk):
            room = BUFFER_MAX - len(self._buffer)
            self._buffer += chunk[fed : fed + room]
            fed += room
            steps += self._drain()
            if len(self._buffer) >= BUFFER_MAX:
                self._cut_off(BUFFER_MAX - _mark_begun(self._buffer), steps)
        return steps

    def timeout(self) -> list[Step]:
        """After a silence nothing more of a file comes: what stands is cut off, or noise."""
        steps: list[Step] = []
        self._cut_off(len(self._buffer), steps)
        return [*steps, *self._noise.tell()]

    def _drain(self) -> list[Step]:
        buffer = self._buffer
        steps: list[Step] = []
        while buffer:
            if not self._begun:
                begin = buffer.find(sml.START)
                skipped = begin if begin >= 0 else len(buffer) - _mark_begun(buffer)
                if skipped:
                    steps += self._noise.skip(self._offset, skipped)
                    self._advance(skipped)
                if begin < 0:
                    return steps
                self._begun = True
                self._scan = sml.MARK_BYTES
            escape = buffer.find(_ESCAPE, self._scan)
            mark = sml.MARK.search(buffer, escape) if escape >= 0 else None
            if mark is None:
                self._scan = max(self._scan, len(buffer) - _TAIL)
                return steps
            self._scan = mark.end()
            announced = buffer[self._scan - 4]
            if announced == 0x1A:
                self._file(bytes(buffer[: self._scan]), steps)
            elif announced == 0x01:  # another beginning
                self._cut_off(mark.start(), steps)
        return steps

    def _advance(self, length: int) -> None:
        del self._buffer[:length]
        self._offset += length
        self._begun = False

    def _cut_off(self, length: int, steps: list[Step]) -> None:
        """Done with bytes at the buffer's front that are no whole file."""
        if self._begun and length >= sml.FILE_BYTES_MIN:
            fault = Fault("cut", self._offset, length, "a file without its end")
            steps += self._noise.tell()
            steps.append(Message(self._offset, bytes(self._buffer[:length]), (), (fault,)))
        else:
            steps += self._noise.skip(self._offset, length)
        self._advance(length)

    def _file(self, frame: bytes, steps: list[Step]) -> None:
        """What a frame from mark to mark says."""
        offset, size = self._offset, len(frame)
        if size < sml.FILE_BYTES_MIN:
            self._cut_off(size, steps)
            return
        readings: tuple[Reading, ...] = ()
        faults: tuple[Fault, ...] = ()
        wrong = sml.wrong_checksum(frame, self._ways.x25)
        if wrong:
            faults = (Fault("checksum", offset, size, wrong),)
        else:
            content = sml.content(frame)
            readings, faults = sml_list.read(
                content, self._ways, offset + sml.MARK_BYTES, self._shapes
            )
            if not readings and not faults:
                faults = (Fault("empty", offset, size, "a file without values"),)
        if self._noise.length:
            steps += self._noise.tell()
        steps.append(_new(Message, (offset, frame, readings, faults)))
        self._advance(size)


def _mark_begun(buffer: bytearray) -> int:
    """How many bytes at the buffer's end may be the beginning of a file's first mark."""
    if buffer[-1] not in sml.START:
        return 0
    for length in range(_TAIL, 0, -1):
        if buffer.endswith(sml.START[:length]):
            return length
    return 0


def _recognise(sample: bytes) -> bool:
    """Whether a file begins in the sample with a message."""
    return sml.START + b"\x76" in sample


def _open(settings: Mapping[str, str]) -> Session:
    quirk = settings.get("quirk", "auto").strip().lower()
    if quirk not in QUIRKS:
        raise SettingError("quirk", f"{quirk!r} is not known", f"one of {', '.join(QUIRKS)}")
    return Session(sml_list.Ways(QUIRKS[quirk]))


def _said(serial: str, *rows: tuple[str, int | str, str]) -> tuple[Reading, ...]:
    """The readings of an example."""
    return tuple(Reading(register, value, unit, None, serial) for register, value, unit in rows)


_BOTH_WAYS = Example(
    "two ways: a counter of three bytes, tenths of milliwatt-hours, a power given to the net",
    bytes.fromhex(
        "1b1b1b1b01010101 7603110062006200726301017601010311010b0a0158595a010135270d010163"
        "991000 76031101620062007263070177010b0a0158595a010135270d070100620affff7262016501"
        "23456776 7707010060320101010101010458595a01 77070100600100ff010101010b0a0158595a01"
        "0135270d01 77070100010800ff65001c010401621e52ff6412d68701 77070100020800ff0101621e"
        "52fc6900000016fee0e52501 77070100100700ff0101621b52fe54feee9001 77070100200700ff01"
        "01622352ff63090a01010163223a00 760311026200620072630201710163a135000000001b1b1b1b"
        "1a038807"
    ),
    _said(
        "1XYZ0120260621",
        ("1-0:96.50.1*1", "XYZ", ""),
        ("1-0:96.1.0", "1XYZ0120260621", ""),
        ("1-0:1.8.0", 123_456_700, "mWh"),
        ("1-0:2.8.0", 9_876_543_210, "mWh"),
        ("1-0:16.7.0", -700_000, "mW"),
        ("1-0:32.7.0", 231_400, "mV"),
    ),
)
_DZG = Example(
    "an early DZG meter: 356.24 W, which it writes as if it were less than nothing",
    bytes.fromhex(
        "1b1b1b1b01010101 7603210062006200726301017601010321010b0a01445a47000280deaa010163"
        "231100 76032101620062007263070177010b0a01445a47000280deaa070100620affff7262016476"
        "543274 77070100603201010172620162006200520004445a4701 77070100600100ff017262016200"
        "620052000b0a01445a47000280deaa01 77070100010800ff017262016200621e52ff6502faf08101"
        "77070100100700ff017262016200621b52fe538b2801010163958500 760321026200620072630201"
        "710163c90b0000001b1b1b1b1a025e52"
    ),
    _said(
        "1DZG0042000042",
        ("1-0:96.50.1*1", "DZG", ""),
        ("1-0:96.1.0", "1DZG0042000042", ""),
        ("1-0:1.8.0", 5_000_000_100, "mWh"),
        ("1-0:16.7.0", 356_240, "mW"),
    ),
)
_HOLLEY = Example(
    "an early Holley meter: another checksum, times without their kind, an angle",
    bytes.fromhex(
        "1b1b1b1b01010101 7603310062006200726301017601010331010b0a01484c5902000f4241010163"
        "dc2700 76033101620062007263070177010b0a01484c5902000f4241070100620affff0176 770701"
        "00010801ff016500014e03621e52ff620001 77070100010802ff016500014e03621e52ff6402b4d0"
        "01 77070100100700ff0101621b520053fe3401 77070100510701ff010162085200627801 770701"
        "00000200000101010107312e30322e3701 77070100600500ff0101010165001c010401010163eddb"
        "00 760331026200620072630201710163b77b0000001b1b1b1b1a029971"
    ),
    _said(
        "1HLY0201000001",
        ("1-0:1.8.1", 0, "mWh"),
        ("1-0:1.8.2", 17_736_000, "mWh"),
        ("1-0:16.7.0", -460_000, "mW"),
        ("1-0:81.7.1", "120 °", ""),
        ("1-0:0.2.0*0", "1.02.7", ""),
        ("1-0:96.5.0", "1835268", ""),
    ),
)

DEVICE = Device(
    name="sml",
    title="Electricity meter with SML (Germany: eHZ and moderne Messeinrichtung)",
    line=Line(9600),
    wiring=(
        "An infrared head (IEC 62056-21, USB or UART) on the meter's optical window, held by its "
        "magnet; the cable usually hangs down, and a head that hears nothing often wants to be "
        "turned or shifted by a few millimetres. Nothing is sent to the meter. Without the PIN of "
        "the metering operator most meters tell whole kilowatt-hours and no power: enter it with a "
        "torch (a short light for each step of a digit) or the button, then set InF to on, and PIN "
        "to off so that it stays so after a power cut. Holley and others have RS-485 as well."
    ),
    registers=(
        Register("1-0:96.1.0", "", "number of the meter as on its plate (older: 1-0:0.0.9)"),
        Register("1-0:96.50.1*1", "", "maker, three letters (older: 129-129:199.130.3)"),
        Register("1-0:1.8.0", "mWh", "energy imported; .1 and .2 are tariffs"),
        Register("1-0:2.8.0", "mWh", "energy exported; .1 and .2 are tariffs"),
        Register("1-0:16.7.0", "mW", "power, below zero when exported (older: 1.7.0, 15.7.0)"),
        Register("1-0:36.7.0", "mW", "power of L1 (56 L2, 76 L3), below zero when exported"),
        Register("1-0:32.7.0", "mV", "voltage of L1 (52 L2, 72 L3)"),
        Register("1-0:31.7.0", "mA", "current of L1 (51 L2, 71 L3)"),
        Register("1-0:14.7.0", "mHz", "frequency of the net"),
        Register("1-0:81.7.1", "", "angle of the voltages L1 and L2, text with its unit"),
        Register("1-0:96.5.0", "", "status word of the meter"),
        Register("129-129:199.130.5", "", "public key, hexadecimal"),
    ),
    examples=(_BOTH_WAYS, _DZG, _HOLLEY),
    recognise=_recognise,
    open=_open,
    checksum_bits=16,
    buffer_max=BUFFER_MAX,
    settings=(
        Setting(
            "quirk",
            "auto",
            "short powers without sign: auto (by the meter's number), dzg (always), none (never)",
        ),
    ),
    quirks=(
        "DZG DVS74 and DWS74 before firmware 1.2 tell 327.68 to 655.35 W as powers below zero.",
        "This is mended by the meter's number, or with the setting quirk.",
        "Early Holley meters compute CRC-16/KERMIT and leave out what kind of time they tell.",
        "Most meters count seconds from somewhere: their readings have no time of the meter.",
        "Numbers of one to eight bytes are read; less than a milli-unit is cut off downwards.",
        "A message whose own checksum is wrong is refused even where that of the file is right.",
        "Numbers without a unit, angles and percentages are kept as text.",
        "A meter that waits for its PIN tells fewer registers, which is no fault.",
    ),
)
