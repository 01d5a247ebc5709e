"""Wired M-Bus: heat, cooling, water, gas and electricity meters, asked by a master.

Spec: EN 13757-2:2018 (line and frames), EN 13757-3:2018 (data), EN 13757-7:2018 (secondary
addresses). Reference: drivers/wire/mbus.py finds the frames, drivers/wire/mbus_data.py reads them.
"""

from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import (
    Device,
    Example,
    Line,
    Register,
    Rest,
    Send,
    Setting,
    SettingError,
    Step,
    Wait,
    whole,
)
from drivers.wire import mbus, mbus_data
from drivers.wire.noise import Noise

INTERVAL_S = 60
INTERVAL_S_MAX = 7 * 86_400
TIMEOUT_MS = 1_000  # 330 bit times and 50 ms (EN 13757-2) are 190 ms at 2400 baud
TIMEOUT_MS_MAX = 60_000
TRIES = 3  # of one question; EN 13757-2 asks for at least two
TELEGRAMS_MAX = 32  # of one readout: a meter that says "more" forever is left alone
HEARD_MAX = 4 * mbus.FRAME_BYTES_MAX  # of bytes that prolong the wait for one answer
PRIMARY_MAX = 250
CI_ERROR = 0x70

_LONG = b"\x68"  # the first byte of a selection
_RESET = bytes((mbus.SND_NKE,))  # the second of a reset

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Session:
    """Reads a meter again and again; understands a bus on which another master asks as well.

    A round is: begin anew (SND_NKE), select if the address is secondary, then ask for data until
    no more telegrams follow.
    """

    def __init__(
        self,
        address: int = mbus.BROADCAST_WITH_ANSWER,
        secondary: bytes = b"",
        interval_s: float = INTERVAL_S,
        timeout_s: float = TIMEOUT_MS / 1000,
    ) -> None:
        self._address = mbus.SELECTED if secondary else address
        self._secondary = secondary
        self._rest = Rest(interval_s)
        self._wait = Wait(timeout_s)
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._question = b""  # the one under way, b"" between two rounds
        self._tries = 0
        self._heard = 0  # bytes since the question
        self._telegrams = 0
        self._count_bit = True
        self._is_ack_due = False  # to a question of ours or another's

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = self._follow(steps, final=False)
        del buffer[:start]
        self._offset += start
        self._heard += len(chunk)
        if self._question and chunk and self._heard <= HEARD_MAX and not _waits(steps):
            steps.append(self._wait)  # an answer of 261 bytes takes more than a second
        return steps

    def timeout(self) -> list[Step]:
        """A round begins, a question is repeated, or the meter is given up for this round."""
        steps: list[Step] = []
        self._follow(steps, final=True)
        self._offset += len(self._buffer)
        self._buffer.clear()
        if _waits(steps):  # the answer stood there after all
            return steps
        steps += self._noise.tell()
        if not self._question:
            self._telegrams = 0
            return steps + self._ask(mbus.reset(self._address))
        if self._secondary and self._question == mbus.reset(mbus.SELECTED):
            return steps + self._ask(mbus.select(self._secondary))  # nobody was selected still
        if self._tries < TRIES:
            return steps + self._ask(self._question, self._tries + 1)
        self._question = b""
        silent = Fault("silent", self._offset, 0, f"no answer to {TRIES} questions")
        return [*steps, Message(self._offset, b"", (), (silent,)), self._rest]

    def _ask(self, question: bytes, tries: int = 1) -> list[Step]:
        self._question, self._tries, self._heard = question, tries, 0
        self._is_ack_due = _is_acknowledged(question)
        return [Send(question), self._wait]

    def _follow(self, steps: list[Step], *, final: bool) -> int:
        """What the buffer holds, frame by frame; gives how much of it is done with."""
        buffer = self._buffer
        start = 0
        while True:
            # Amid noise a question is noise as well.
            amid_noise = self._noise.length > 0
            at, length = mbus.find(buffer, start, final=final, only_long=amid_noise)
            if at > start:
                steps += self._between(start, at)
            start = at
            if not length:
                return start
            if length == mbus.SHORT_BYTES:
                if not self._noise.length:
                    is_ack_ours = _is_acknowledged(self._question)
                    last = mbus.last_of_row(buffer, at, with_acks=not is_ack_ours)
                    self._is_ack_due = buffer[last + 1] == mbus.SND_NKE
                    start = last + length
                continue
            if self._noise.length:
                steps += self._noise.tell()
            steps += self._frame(bytes(buffer[at : at + length]), self._offset + at)
            start += length

    def _between(self, start: int, stop: int) -> list[Step]:
        """Bytes that are no frame: the acknowledgement that is due, and noise."""
        steps: list[Step] = []
        if self._is_ack_due and (ack := self._buffer.find(mbus.ACK, start, stop)) >= 0:
            self._is_ack_due = False
            if ack == start and not self._noise.length:
                start += 1
            steps = self._acknowledged()
        if stop > start:
            steps = self._noise.skip(self._offset + start, stop - start) + steps
        return steps

    def _acknowledged(self) -> list[Step]:
        question = self._question
        if question == mbus.reset(self._address) and self._secondary:
            return self._ask(mbus.select(self._secondary))
        if not _is_acknowledged(question):
            return []  # another master's business
        self._count_bit = True
        return self._ask(mbus.request(self._address, count_bit=True))

    def _frame(self, raw: bytes, offset: int) -> list[Step]:
        """What a long frame says: nothing if it is a question, our own echo or another's."""
        control, ci, body, told_sum = raw[4], raw[6], raw[mbus.HEAD_BYTES : -2], raw[-2]
        counted = sum(raw[4:-2]) & 0xFF
        if counted != told_sum:
            what = f"frame says {told_sum:02X}, its bytes give {counted:02X}"
            fault = _new(Fault, ("checksum", offset, len(raw), what))
            return [_new(Message, (offset, raw, (), (fault,)))]
        if not mbus.is_answer(control):
            self._is_ack_due = True
            return []
        if ci == CI_ERROR:
            what = f"the meter's application error {body.hex() or 'without number'}"
            told = mbus_data.Telegram((), (Fault("refused", offset, len(raw), what),))
        else:
            told = mbus_data.read(ci, body, offset=offset, length=len(raw))
        message = _new(Message, (offset, raw, told.readings, told.faults))
        return [message, *self._after(more=told.more)] if self._question else [message]

    def _after(self, *, more: bool) -> list[Step]:
        """The next question after an answer: for the next telegram, or none for a while."""
        self._telegrams += 1
        if more and self._telegrams < TELEGRAMS_MAX:
            self._count_bit = not self._count_bit
            return self._ask(mbus.request(self._address, count_bit=self._count_bit))
        self._question = b""
        return [self._rest]


def _is_acknowledged(question: bytes) -> bool:
    """Whether a single E5 answers this question of ours, if there is one, rather than data."""
    return question[:1] == _LONG or question[1:2] == _RESET


def _waits(steps: list[Step]) -> bool:
    return any(isinstance(step, Wait | Rest) for step in steps)


def _recognise(sample: bytes) -> bool:
    """Whether a meter's answer is in the sample, whole and readable to its end."""
    at, length = mbus.find(sample, final=True)
    while length:
        frame = mbus.parse(sample[at : at + length])
        if frame is not None and frame.answers:
            told = mbus_data.read(frame.ci, frame.body, offset=at, length=length)
            if told.readings:
                return True
        at, length = mbus.find(sample, at + 1, final=True)
    return False


def _open(settings: Mapping[str, str]) -> Session:
    address = whole(settings, "address", 0, PRIMARY_MAX, mbus.BROADCAST_WITH_ANSWER)
    text = settings.get("secondary", "").strip().upper()
    secondary = mbus.secondary_address(text) if text else b""
    if secondary is None:
        what = f"{text!r} is no secondary address"
        raise SettingError("secondary", what, "16 hex digits, of which F may stand for any digit")
    interval_s = whole(settings, "interval", 1, INTERVAL_S_MAX, INTERVAL_S)
    timeout_ms = whole(settings, "timeout_ms", 50, TIMEOUT_MS_MAX, TIMEOUT_MS)
    return Session(address, secondary, interval_s, timeout_ms / 1000)


_Row = tuple[str, int | str, str]


def _said(
    serial: str, medium: str, version: str, *rows: _Row, at_ms: int | None = None
) -> list[Reading]:
    """The readings of an example: its header, then its rows."""
    header: list[_Row] = [
        ("manufacturer", "XYZ", ""),
        ("medium", medium, ""),
        ("version", version, ""),
        ("status", "ok", ""),
    ]
    return [Reading(name, value, unit, at_ms, serial) for name, value, unit in [*header, *rows]]


DEVICE = Device(
    name="mbus",
    title="M-Bus meter, wired (heat, cooling, water, gas, electricity)",
    line=Line(2400, "8E1"),
    wiring=(
        "Two wires, either way round, from the meter's M-Bus terminals to a master that feeds the "
        "bus (level converter to USB or RS-232, about 36 V); never straight to a serial port. "
        "2400 8E1 from the factory; some meters are set to 300 or 9600."
    ),
    registers=(
        Register("6-0:1.0.0", "mJ", "heat; mWh from a meter that counts kWh; *1 on its due date"),
        Register("6-0:2.0.0", "mL", "volume that carried the heat"),
        Register("6-0:8.0.0", "mW", "heat now"),
        Register("6-0:9.0.0", "", "flow now, as text with its unit"),
        Register("6-0:10.0.0", "m°C", "flow temperature"),
        Register("6-0:11.0.0", "m°C", "return temperature"),
        Register("6-0:12.0.0", "", "difference of the two, as text in K"),
        Register("5-0:1.0.0", "mWh", "cold"),
        Register("8-0:1.0.0", "mL", "cold water"),
        Register("9-0:1.0.0", "mL", "hot water"),
        Register("7-0:3.0.0", "mL", "gas as counted; 7-0:3.2.0 at base conditions"),
        Register("1-0:1.8.0", "mWh", "electricity taken from the net; .1 and up are tariffs"),
        Register("1-0:2.8.0", "mWh", "electricity given to the net"),
        Register("1-0:1.7.0", "mW", "electric power"),
        Register("1-0:32.7.0", "mV", "voltage of phase 1; 52 and 72 for phases 2 and 3"),
        Register("1-0:31.7.0", "mA", "current of phase 1; 51 and 71 for phases 2 and 3"),
        Register("0-0:1.0.0", "", "the meter's clock, local time"),
        Register("manufacturer", "", "three letters, as in the list of the FLAG association"),
        Register("medium", "", "what the meter says it measures"),
        Register("status", "", "ok, or the errors that the meter reports"),
    ),
    examples=(
        Example(
            "district heating in GJ with the value of the due date",
            bytes.fromhex(
                "68414168 080572 23124140 3a63 03 04 2a 00 0000 040f39300000 041440e20100 0259641b"
                "025db511 0261af09 042d57000000 023b2e01 046d1e0c5536 440f10270000 426c3f3c a116"
            ),
            (
                *_said(
                    "40411223",
                    "heat, volume in the return",
                    "3",
                    ("6-0:1.0.0", 123_450_000_000_000, "mJ"),
                    ("6-0:2.0.0", 1_234_560_000, "mL"),
                    ("6-0:10.0.0", 70_120, "m°C"),
                    ("6-0:11.0.0", 45_330, "m°C"),
                    ("6-0:12.0.0", "24.79 K", ""),
                    ("6-0:8.0.0", 8_700_000, "mW"),
                    ("6-0:9.0.0", "0.302 m3/h", ""),
                    ("0-0:1.0.0", "2026-06-21T12:30", ""),
                    at_ms=1_782_037_800_000,
                ),
                Reading("6-0:1.0.0*1", 100_000_000_000_000, "mJ", None, "40411223"),
                Reading("date*1", "2025-12-31", "", None, "40411223"),
            ),
        ),
        Example(
            "a bus where another master resets and asks a water meter",
            bytes.fromhex(
                "1040014116 e5 107b017c16 68272768 080172 10325580 3a63 09 16 07 00 0000"
                "0c1353724100 0a3b4201 0265a2fe 4c1391340000 01fd1700 4216"
            ),
            tuple(
                _said(
                    "80553210",
                    "cold water",
                    "9",
                    ("8-0:1.0.0", 417_253_000, "mL"),
                    ("8-0:2.0.0", "0.142 m3/h", ""),
                    ("outside-temperature", -3_500, "m°C"),
                    ("8-0:1.0.0*1", 3_491_000, "mL"),
                    ("error-flags", "00", ""),
                )
            ),
        ),
        Example(
            "electricity both ways, with phases",
            bytes.fromhex(
                "68595968 080972 01557100 3a63 01 02 91 00 0000 0403a7d61b01 04833cc4e00500"
                "8e1003391600030000 02fdc8fc01fd08 04fdd9fc01a20d0000 04aafc01751f0000"
                "02fdc8fc02f808 02fdc8fc030b09 04ab3cd2040000 02fb2ef301 0f4a e016"
            ),
            tuple(
                _said(
                    "00715501",
                    "electricity",
                    "1",
                    ("1-0:1.8.0", 18_601_639_000, "mWh"),
                    ("1-0:2.8.0", 385_220_000, "mWh"),
                    ("1-0:1.8.1", 3_001_639_000, "mWh"),
                    ("1-0:32.7.0", 230_100, "mV"),
                    ("1-0:31.7.0", 3_490, "mA"),
                    ("1-0:21.7.0", 805_300, "mW"),
                    ("1-0:52.7.0", 229_600, "mV"),
                    ("1-0:72.7.0", 231_500, "mV"),
                    ("1-0:2.7.0", 1_234_000, "mW"),
                    ("1-0:14.7.0", 49_900, "mHz"),
                    ("maker-data", "4a", ""),
                )
            ),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    checksum_bits=8,
    settings=(
        Setting("address", "254", "primary address, 0 to 250; 254 where the meter is alone"),
        Setting("secondary", "", "serial number, maker, version, medium: 16 hex digits, F for any"),
        Setting("interval", "60", "seconds between two readouts"),
        Setting("timeout_ms", "1000", "milliseconds of silence until a question is repeated"),
    ),
    quirks=(
        "Address 254 is answered by every meter of the bus: where there are two, set another.",
        "A secondary address needs no setting at the meter: its serial number and FFFFFFFF do.",
        "A meter with a battery counts its readouts: some answer only so often in a month.",
        "With a battery in the meter ask its maker, and set the interval to an hour or more.",
        "The sum has 8 bits only: a telegram is refused if one record cannot be followed.",
        "Digits that are none, and what the meter marks as no value, are faults.",
        "What OBIS cannot name surely keeps a word of our own: the quantity, .backward, .l1, .max.",
        "After these .u1 is a subunit, .t1 a tariff, *1 an older value, #2 the same once more.",
        "Flow, temperature differences, pressure and what the meter spells out are kept as text.",
        "The clock has no zone and is taken as local time of central Europe.",
        "A meter that stays in winter time all year is an hour off in summer.",
        "Some converters echo what is sent; that is passed over.",
        "Encrypted telegrams and the old fixed data structure (CI 73) are refused.",
    ),
)
