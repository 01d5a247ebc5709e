"""PN532 on a serial line: a reader of 13.56 MHz cards (ISO 14443 type A: MIFARE, NTAG, DESFire).

Spec: NXP, PN532 User Manual UM0701-02, §6.2 (frames, acknowledgement, abort), §7.2.10
SAMConfiguration, §7.3.1 RFConfiguration, §7.3.5 InListPassiveTarget; ISO/IEC 14443-3 for numbers
that are drawn anew.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Rest, Send, Step, Wait
from drivers.wire.noise import Noise
from drivers.wire.said import KNOWN_MAX, Said, message

START = b"\x00\x00\xff"  # the preamble, of one byte, and the start code
ACK = START + b"\x00\xff\x00"
TO_CHIP, FROM_CHIP, ERROR = 0xD4, 0xD5, 0x7F
# Of what a frame holds. The chip may send 265 bytes, but lists two cards with all that they may
# tell, numbers of 10 bytes and answers to select of 20, in fewer.
LENGTH_MAX = 80
FRAME_MAX = LENGTH_MAX + 10

SAM_CONFIGURATION, RF_CONFIGURATION, LIST_TARGETS = 0x14, 0x32, 0x4A
CARDS_LISTED = 0x4B
IS_ISO_DEP = 0x20  # of SEL_RES: the card tells its ATS as well
NUMBER_LENGTHS = (4, 7, 10)
DRAWN_ANEW = 0x08  # the first of four bytes

# A chip asleep wakes at the first of these, and the long row gives it the time for it.
WAKE = b"\x55\x55" + bytes(14)
PAUSE_S = 0.02  # after an abort, which the chip needs a moment for
ANSWER_S = 0.5  # the search of a card takes a few hundredths of a second
INTERVAL_S = 0.2
SILENT_S = 1.0  # until a chip that says nothing is tried again

# An acknowledgement, or a frame up to who sent it; and what may yet become one of these.
_HEAD = re.compile(
    rb"\0\0\xff(?:\0\xff\0|(?:(?P<length>[\x01-%c].)|\xff\xff(?P<longer>...))[\x7f\xd4\xd5])"
    % LENGTH_MAX,
    re.DOTALL,
)
_BEGUN = re.compile(rb"(?:\0(?:\0(?:\xff.{0,5})?)?)?\Z", re.DOTALL)
BEGUN_MAX = 8


def frame(data: bytes, sender: int = TO_CHIP) -> bytes:
    """A normal information frame.

    >>> frame(b"\\x14\\x01\\x00\\x00").hex(" ")
    '00 00 ff 05 fb d4 14 01 00 00 17 00'
    """
    held = bytes((sender,)) + data
    length = len(held)
    return START + bytes((length, -length & 0xFF)) + held + bytes((-sum(held) & 0xFF, 0))


# Normal mode, no time limit, no interrupt line; then at most two tries to find a card, or the chip
# would search for ever; then up to two cards at 106 kbit/s, type A; then the field off, which makes
# a card that stays begin anew.
_SET_UP = (
    WAKE + frame(bytes((SAM_CONFIGURATION, 1, 0, 0))),
    frame(bytes((RF_CONFIGURATION, 5, 0xFF, 1, 1))),
)
_ROUND = (frame(bytes((LIST_TARGETS, 2, 0))), frame(bytes((RF_CONFIGURATION, 1, 0))))
_COMMAND = {sent: sent[sent.index(TO_CHIP) + 1] for sent in (*_SET_UP, *_ROUND)}


class _Told(NamedTuple):
    """What a frame says, and the command that it answers, 0 for none."""

    said: Said
    answers: int = 0


class Session:
    """Wakes the chip, sets it up, and asks it for cards again and again."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._due: list[bytes] = []  # what is still to be sent before the next rest
        self._asked = 0  # the command whose answer is due, 0 for none
        self._is_ready = False  # the chip has been set up
        self._is_silent = False
        self._known: dict[bytes, _Told] = {}

    def feed(self, chunk: bytes) -> list[Step]:
        self._buffer += chunk
        return self._frames(is_over=False)

    def timeout(self) -> list[Step]:
        """The pause is over; or the chip is silent, and perhaps was reset: set it up anew."""
        steps = [*self._frames(is_over=True), *self._noise.tell()]
        if any(isinstance(step, Wait | Rest) for step in steps):
            return steps
        if self._asked:
            self._asked, self._is_ready, self._due = 0, False, []
            if not self._is_silent:
                self._is_silent = True
                fault = Fault("silent", self._offset, 0, "the chip does not answer")
                steps.append(Message(self._offset, b"", (), (fault,)))
            return [*steps, Rest(SILENT_S)]
        if self._due:
            return steps + self._send()
        if self._is_ready:
            self._due = list(_ROUND)
            return steps + self._send()
        self._due = [*_SET_UP, *_ROUND]
        return [*steps, Send(ACK), Wait(PAUSE_S)]  # it ends what was under way before

    def _send(self) -> list[Step]:
        sent = self._due.pop(0)
        self._asked = _COMMAND[sent]
        return [Send(sent), Wait(ANSWER_S)]

    def _answered(self) -> list[Step]:
        """The answer that was due has come."""
        self._asked, self._is_silent = 0, False
        if self._due:
            return self._send()
        self._is_ready = True
        return [Rest(INTERVAL_S)]

    def _frames(self, *, is_over: bool) -> list[Step]:
        """All frames of the buffer. When it is over, what has begun will not be completed.

        An acknowledgement tells nothing: a command whose answer does not come has failed.
        """
        buffer = self._buffer
        steps: list[Step] = []
        start = at = 0
        while head := _HEAD.search(buffer, at):
            at = head.start()
            end, is_good = head.end(), True
            if head.lastgroup:
                end = _end(head)
                if end > len(buffer) and not is_over:
                    break
                if not at < end <= len(buffer) or buffer[end - 1]:
                    at += 1
                    continue
                is_good = not sum(buffer[head.end() - 1 : end - 1]) & 0xFF
                if not is_good and buffer.find(START, at + 1, end) >= 0:
                    at += 1  # bytes were lost, and another frame has begun
                    continue
            if at > start or self._noise.length:
                start = self._noise_from(start, at)
                steps += self._noise.end(self._offset + start, at - start)
            if head.lastgroup:
                raw = bytes(buffer[at:end])
                told = self._known.get(raw) or self._understood(raw, is_good=is_good)
                steps.append(message(self._offset + at, raw, told.said))
                if self._asked and told.answers == self._asked:
                    steps += self._answered()
            start = at = end
        else:
            at = len(buffer) if is_over else _begun(buffer, start)
        start = self._noise_from(start, at)
        if at > start:
            steps += self._noise.skip(self._offset + start, at - start)
        del buffer[:at]
        self._offset += at
        return steps

    def _noise_from(self, start: int, stop: int) -> int:
        """Where noise begins between two frames: zeros before one may be any number."""
        if self._noise.length:
            return start
        return stop - len(self._buffer[start:stop].lstrip(b"\0"))

    def _understood(self, raw: bytes, *, is_good: bool) -> _Told:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[raw] = _told(raw, is_good=is_good)
        return self._known[raw]


def _begun(buffer: bytearray, start: int) -> int:
    """Where that begins which may yet become a frame."""
    begun = _BEGUN.search(buffer, max(start, len(buffer) - BEGUN_MAX))
    assert begun  # nothing at all is a beginning too
    return begun.start()


def _end(head: re.Match[bytes]) -> int:
    """Where a frame with this head ends; where it begins, if its length cannot be."""
    length, longer = head.groups()
    if length:
        is_right = not sum(length) & 0xFF
        return head.start() + (length[0] + 7 if is_right else 0)
    is_right = not sum(longer) & 0xFF and 0 < longer[0] << 8 | longer[1] <= LENGTH_MAX
    return head.start() + ((longer[0] << 8 | longer[1]) + 10 if is_right else 0)


def _told(raw: bytes, *, is_good: bool) -> _Told:
    """What a whole frame says."""
    held = raw[8 if raw[3:5] == b"\xff\xff" else 5 : -2]
    if not is_good:
        what = f"frame says {raw[-2]:02X}, its bytes give {-sum(held) & 0xFF:02X}"
        return _Told(_against("checksum", what))
    if held and held[0] == ERROR:
        return _Told(_against("syntax", "the chip does not know the command"))
    if len(held) < 2 or held[0] != FROM_CHIP:
        return _Told(((), ()))  # the echo of a command
    said = _cards(held[2:]) if held[1] == CARDS_LISTED else ((), ())
    return _Told(said, held[1] - 1)


def _cards(listed: bytes) -> Said:
    """What an answer to InListPassiveTarget says."""
    count, card = listed[:1], listed[1:]
    if count == b"\0" and not card:
        return (), ()
    if count == b"\2":
        return _against("collision", "two cards at once")
    length = card[4] if len(card) > 4 else 0
    number, rest = card[5 : 5 + length], card[5 + length :]
    has_ats = bool(rest) and bool(card[3] & IS_ISO_DEP) and rest[0] == len(rest)
    is_whole = len(number) == length in NUMBER_LENGTHS and (has_ats or not rest)
    if count != b"\1" or not is_whole:
        return _against("shape", f"{len(listed)} bytes that list no card")
    if length == NUMBER_LENGTHS[0] and number[0] == DRAWN_ANEW:
        return _against("random", "it draws a new number each time, as phones do")
    return (Reading("card", number.hex().upper()),), ()


def _against(kind: str, what: str) -> Said:
    return (), ((kind, what),)


def _recognise(sample: bytes) -> bool:
    """Whether a frame of the chip's own is in the sample; it only speaks when it is asked."""
    steps = Session().feed(sample)
    return any(
        isinstance(step, Message) and not step.faults and FROM_CHIP in step.raw[5:9]
        for step in steps
    )


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # the reader has none
    return Session()


def _listed(cards: str) -> bytes:
    """The acknowledgement and the answer of an example, from its hex digits."""
    return ACK + frame(bytes((CARDS_LISTED,)) + bytes.fromhex(cards), FROM_CHIP)


DEVICE = Device(
    name="pn532",
    title="Card reader, PN532 on a serial line (13.56 MHz: MIFARE, NTAG, DESFire)",
    line=Line(115200),
    wiring=(
        "Set the board's switches to HSU (UART), mostly both off. Its TX to the RX of a 3.3 V USB "
        "adapter or of the Pi, its RX to TX, VCC to 3.3 V or 5 V as the board says, GND to ground. "
        "Keep the antenna two fingers away from metal."
    ),
    registers=(
        Register("card", "", "the card's own number: 8, 14 or 20 hex digits, in the chip's order"),
    ),
    examples=(
        Example(
            "a MIFARE Classic card of four bytes",
            _listed("01 01 0004 08 04 DE AD BE EF"),
            (Reading("card", "DEADBEEF"),),
        ),
        Example(
            "an NTAG sticker of seven bytes",
            _listed("01 01 0044 00 07 04 A1 B2 C3 D4 E5 80"),
            (Reading("card", "04A1B2C3D4E580"),),
        ),
        Example(
            "a DESFire card, which tells more of itself",
            _listed("01 01 0344 20 07 04 25 36 47 58 69 7A 06 75 77 81 02 80"),
            (Reading("card", "0425364758697A"),),
        ),
        Example(
            "a card of ten bytes",
            _listed("01 01 0084 00 0A 04 11 22 33 44 55 66 77 88 99"),
            (Reading("card", "04112233445566778899"),),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    checksum_bits=8,
    buffer_max=FRAME_MAX,
    quirks=(
        "A held card is told five times a second.",
        "Two cards at once are refused (fault collision): hold up the card, not the purse.",
        "Phones and some passports draw a new number each time (fault random): no card to go by.",
        "The numbers of simple cards can be copied: a card says who claims to be there, no more.",
        "Readers differ in the order of bytes: enrol cards with the reader that will read them.",
        "After a power cut or half a second of silence the chip is woken and set up anew.",
    ),
)
