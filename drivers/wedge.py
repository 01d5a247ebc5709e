"""Keyboard wedges: readers of barcodes, QR codes and cards that type what they read, over USB.

Spec: Linux Documentation/input/event-codes.rst and include/uapi/linux/input.h (`struct input_event`
of a 64-bit kernel, as /dev/input gives it); SYN_DROPPED: what was typed meanwhile is lost.
"""

import re
import struct
from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Rest, Setting, SettingError, Step, whole
from drivers.wire.keys import ENTER, KEYPAD_ENTER, LAYOUTS, SHIFTS, TAB
from drivers.wire.noise import Noise

# Seconds and microseconds since 1970, kind, code, value.
EVENT = struct.Struct("<qqHHi")
SYN, KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
UP, DOWN = 0, 1  # 2: a key that is held repeats

# An event that a keyboard can send, in this century: nothing else finds its place among others.
_EVENT = re.compile(
    rb".{3}[\x01-\xff].\0{3}.{2}[\0-\x0f]\0{5}"
    rb"(?:\0\0[\0-\x03]\0[\0\x01]\0{3}|\x01\0.[\0-\x02][\0-\x02]\0{3}"
    rb"|[\x02-\x04\x11\x14]\0.[\0-\x02].{4})",
    re.DOTALL,
)

PAUSE_S = 0.5  # a reader types a code in much less; a person who types one by hand does not
PAUSE_US = 500_000
LENGTH_MAX = 128  # characters; a longer QR code is nobody's number
LENGTH_MIN = 4
EVENTS_MAX = 2_048  # twelve for each character: a key and Shift, down and up, with their reports
ENDS = {"enter": frozenset((ENTER, KEYPAD_ENTER)), "tab": frozenset((TAB,))}


class Session:
    """What is typed up to a key that ends it is one code; half of one is never told."""

    def __init__(self, layout: str, end: str, least: int) -> None:
        self._typed = LAYOUTS[layout]
        self._ends = ENDS[end]
        self._least = least
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._span = bytearray()  # the events of the code under way
        self._at = 0  # where they begin
        self._text = ""
        self._down: set[int] = set()
        self._stamp_us: int | None = None  # of the last event
        # Why what is typed is thrown away, until the next end or pause; "" where it is not.
        self._lost = ""
        self._is_opened = False
        self._has_heard = False  # since the last pause

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = 0
        while found := _EVENT.search(buffer, start):
            at = found.start()
            if at > start:
                steps += self._skip(start, at)
            if self._noise.length:
                steps += self._noise.tell()
            steps += self._event(found[0], self._offset + at)
            start = found.end()
        decided = len(buffer) - EVENT.size + 1  # no event begins before this
        if decided > start:
            steps += self._skip(start, decided)
            start = decided
        del buffer[:start]
        self._offset += start
        return steps

    def timeout(self) -> list[Step]:
        """When the line was opened a code may be under way: what comes before a pause is none."""
        steps = self._noise.tell()
        if not self._is_opened:
            self._is_opened = True
            self._lost = self._lost or "begun"
        elif self._lost == "begun" and not self._has_heard:
            self._lost = ""
        self._has_heard = False
        return [*steps, Rest(PAUSE_S)] if self._lost == "begun" else steps

    def _skip(self, start: int, stop: int) -> list[Step]:
        """Bytes that are no event: what was typed around them cannot be known."""
        self._down.clear()
        return [
            *self._throw_away("cut", "bytes that are no event came within a code"),
            *self._noise.skip(self._offset + start, stop - start),
        ]

    def _throw_away(self, kind: str, what: str) -> list[Step]:
        """Forget the code under way, and what follows of it."""
        self._lost = kind
        return self._end(kind, what) if self._span else []

    def _end(self, kind: str, what: str) -> list[Step]:
        """The code under way is over: with a fault."""
        raw = bytes(self._span)
        self._forget()
        return [Message(self._at, raw, (), (Fault(kind, self._at, len(raw), what),))]

    def _forget(self) -> None:
        self._span.clear()
        self._text = ""

    def _event(self, raw: bytes, at: int) -> list[Step]:
        seconds, micros, kind, code, value = EVENT.unpack(raw)
        stamp_us = seconds * 1_000_000 + micros
        has_paused = self._stamp_us is not None and stamp_us - self._stamp_us > PAUSE_US
        self._stamp_us = stamp_us
        self._has_heard = True
        steps: list[Step] = []
        if has_paused:
            if self._span:
                steps += self._end("cut", f"a pause of more than {PAUSE_S} s within a code")
            self._lost = ""
        if kind == KEY and value == DOWN and not self._span and not self._lost:
            self._at = at
            self._span += raw
        elif self._span:
            self._span += raw
            if len(self._span) > EVENTS_MAX * EVENT.size:
                return steps + self._throw_away("long", f"more than {EVENTS_MAX} events")
        if kind == KEY:
            steps += self._key(code, value, at)
        elif kind == SYN and code == SYN_DROPPED:
            steps += self._dropped(raw, at)
        return steps

    def _dropped(self, raw: bytes, at: int) -> list[Step]:
        """The kernel's queue ran over."""
        what = "the kernel dropped events that nobody fetched in time"
        self._down.clear()
        if self._span:
            return self._throw_away("dropped", what)
        self._throw_away("dropped", what)
        return [Message(at, raw, (), (Fault("dropped", at, len(raw), what),))]

    def _key(self, code: int, value: int, at: int) -> list[Step]:
        if value == UP:
            return self._let_go(code)
        self._down.add(code)
        if value == DOWN and code in self._ends:
            return self._found_again(at) if self._lost else [self._code()]
        is_typed = value == DOWN and code not in SHIFTS and not self._lost
        return self._pressed(code) if is_typed else []

    def _let_go(self, code: int) -> list[Step]:
        if code in self._down:
            self._down.remove(code)
            return []
        if self._span:
            return self._throw_away("cut", f"key {code} was let go and had never gone down")
        self._lost = self._lost or "missed"
        return []

    def _pressed(self, code: int) -> list[Step]:
        character = self._typed.get((code, not SHIFTS.isdisjoint(self._down)))
        if character is None:
            return self._throw_away("keystroke", f"key {code} types nothing in this layout")
        self._text += character
        if len(self._text) > LENGTH_MAX:
            return self._throw_away("long", f"more than {LENGTH_MAX} characters")
        return []

    def _found_again(self, at: int) -> list[Step]:
        """Here the code ends that was thrown away; nobody told yet of one without a beginning."""
        lost, self._lost = self._lost, ""
        if lost not in {"begun", "missed"}:
            return []
        what = "its beginning was not heard"
        return [Message(at, b"", (), (Fault("cut", at, 0, what),))]

    def _code(self) -> Message:
        raw, text = bytes(self._span), self._text
        self._forget()
        if not text:  # some end with two keys
            return Message(self._at, raw)
        if len(text) < self._least:
            what = f"{len(text)} characters, {self._least} are the least"
            return Message(self._at, raw, (), (Fault("short", self._at, len(raw), what),))
        return Message(self._at, raw, (_card(text),))


def _card(text: str) -> Reading:
    return Reading("card", text, "", None, "", None, "unchecked")


def _recognise(sample: bytes) -> bool:
    """Whether a keyboard's key is pressed in the sample; a real port says of itself what it is."""
    return any(event[0][16] == KEY and event[0][20] == DOWN for event in _EVENT.finditer(sample))


def _one_of(settings: Mapping[str, str], name: str, allowed: Mapping[str, object]) -> str:
    text = settings.get(name, "").strip() or _DEFAULTS[name]
    if text not in allowed:
        raise SettingError(name, f"{text[:40]!r} is not known", f"one of: {', '.join(allowed)}")
    return text


def _open(settings: Mapping[str, str]) -> Session:
    return Session(
        _one_of(settings, "layout", LAYOUTS),
        _one_of(settings, "end", ENDS),
        whole(settings, "least", 1, LENGTH_MAX, LENGTH_MIN),
    )


def _typing(*keys: int) -> bytes:
    """Keys pressed one after the other, for an example; a key below zero with Shift."""
    events: list[bytes] = []
    for key in keys:
        pressed = ((42, DOWN), (-key, DOWN), (-key, UP), (42, UP)) if key < 0 else ()
        for code, value in pressed or ((key, DOWN), (key, UP)):
            micros = 2_000 * len(events)
            events.append(EVENT.pack(1_795_600_000, micros, KEY, code, value))
            events.append(EVENT.pack(1_795_600_000, micros, SYN, SYN_REPORT, 0))
    return b"".join(events[:-3])  # up to the last key that went down


DEVICE = Device(
    name="wedge",
    title="Reader of barcodes, QR codes or cards that types like a keyboard (USB)",
    line=Line(9600),
    wiring=(
        "USB. Set the reader to a US keyboard, Enter after each code and no prefix, with the codes "
        "of its manual. Its port is input: and the name that ends in event-kbd under "
        "/dev/input/by-id. The gateway takes the keyboard for itself: what it reads is typed "
        "nowhere else. The user needs the group input."
    ),
    registers=(Register("card", "", "what was typed, without the key that ends it"),),
    examples=(
        Example(
            "a barcode of 13 digits",
            _typing(5, 11, 11, 7, 4, 9, 2, 4, 4, 4, 10, 4, 2, ENTER),
            (_card("4006381333931"),),
        ),
        Example(
            "a QR code with capitals and signs",
            _typing(-50, 37, -39, 53, 53, -25, 2, 12, -48, 3, ENTER),
            (_card("Mk://P1-B2"),),
        ),
        Example(
            "a reader of cards that ends with Tab, on a French keyboard",
            _typing(-11, -11, -2, -3, -16, -30, TAB),
            (_card("0012AQ"),),
            {"layout": "fr", "end": "tab"},
        ),
    ),
    recognise=_recognise,
    open=_open,
    buffer_max=EVENTS_MAX * EVENT.size,
    settings=(
        Setting("layout", "us", "the keyboard that the reader is set to: us, de or fr"),
        Setting("end", "enter", "the key after each code: enter or tab"),
        Setting("least", str(LENGTH_MIN), "shorter codes are refused"),
    ),
    ports=("input:/dev/input/by-id/usb-WCM_HIDKeyBoard-event-kbd",),
    quirks=(
        "No checksum of its own: each card carries the doubt unchecked.",
        "A wrong layout exchanges letters and digits without a word: enrol cards with this reader.",
        "Capitals and small letters of a code are the same card.",
        "A pause of more than half a second within a code throws it away.",
        "A key that types nothing, such as Ctrl or Caps Lock, throws the code away.",
        "A code held before the reader is typed again and again, or once, as the reader is set.",
        "64-bit kernels only: a 32-bit one writes events of another size.",
        "A code can be copied by whoever sees it: it says who claims to be there, no more.",
    ),
)

_DEFAULTS = {setting.name: setting.default for setting in DEVICE.settings}
