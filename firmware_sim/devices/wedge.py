"""A reader of barcodes, QR codes or cards that types on a keyboard, as /dev/input shows it.

Spec: Linux Documentation/input/event-codes.rst; include/uapi/linux/input.h and
input-event-codes.h (an event of a 64-bit kernel: two 64-bit numbers of time, kind, code, value);
USB HID Usage Tables, keyboard page, for the MSC_SCAN that goes before each key.
"""

import struct
from random import Random
from typing import NamedTuple

from firmware_sim.device import Shown, Simulated, Simulator, Source

EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
SYN_REPORT, MSC_SCAN = 0, 4
KEY_ENTER, KEY_TAB, KEY_LEFTSHIFT, KEY_KPENTER = 28, 15, 42, 96
STROKE_MS = 10  # a full-speed keyboard is asked for its keys as often as this

# Keys in the order of their numbers, of a US keyboard.
KEYS = {
    character: number
    for first, row in ((2, "1234567890-="), (16, "qwertyuiop"), (30, "asdfghjkl;"), (44, "zxcvbnm"))
    for number, character in enumerate(row, first)
} | {",": 51, ".": 52, "/": 53, " ": 57}
SHIFTED = {":": ";", "_": "-", "+": "=", "?": "/"}
# What stands elsewhere on a German keyboard.
GERMAN = {"y": KEYS["z"], "z": KEYS["y"], "-": 53}


class Form(NamedTuple):
    """How a reader is set. One that `repeats` reads a code again while it is held there."""

    end: int = KEY_ENTER
    is_german: bool = False
    has_scan: bool = True
    repeats: bool = False


FORMS = {
    "barcode": Form(),
    "QR": Form(has_scan=False, end=KEY_KPENTER),
    "German keyboard": Form(is_german=True),
    "card, ends with Tab": Form(end=KEY_TAB, repeats=True),
}


def event(now_ms: int, kind: int, code: int, value: int) -> bytes:
    """One event as the kernel writes it."""
    return struct.pack("<qqHHi", now_ms // 1000, now_ms % 1000 * 1000, kind, code, value)


class Reader:
    """Types a code key by key, `STROKE_MS` between two."""

    def __init__(self, form: Form, source: Source) -> None:
        self._form = form
        self._source = source
        self._near: int | str = ""
        self._strokes: list[tuple[int, bool]] = []  # keys still to go down or up
        self._next_ms = 0
        self._typing = ""
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        near = self._source(now_ms)["card"]
        is_new = near != self._near or (self._form.repeats and not self._strokes)
        self._near = near
        if near and is_new and now_ms >= self._next_ms:
            self._typing = str(near)
            self._strokes = [
                stroke for character in self._typing for stroke in self._stroke(character)
            ]
            self._strokes += [(self._form.end, True), (self._form.end, False)]
        if not self._strokes or now_ms < self._next_ms:
            return b""
        self._next_ms = now_ms + STROKE_MS
        code, is_down = self._strokes.pop(0)
        if code == self._form.end and is_down:
            self._said = {"card": self._typing}
        if not self._strokes:
            self._next_ms = now_ms + 1_000
        scan = event(now_ms, EV_MSC, MSC_SCAN, 0x70000 + code) if self._form.has_scan else b""
        key = event(now_ms, EV_KEY, code, int(is_down))
        return scan + key + event(now_ms, EV_SYN, SYN_REPORT, 0)

    def _stroke(self, character: str) -> list[tuple[int, bool]]:
        """The keys for a character, each with whether it goes down."""
        plain = SHIFTED.get(character, character.lower())
        code = (GERMAN if self._form.is_german else {}).get(plain, KEYS[plain])
        typed = [(code, True), (code, False)]
        if plain == character:
            return typed
        return [(KEY_LEFTSHIFT, True), *typed, (KEY_LEFTSHIFT, False)]

    def truth(self) -> Shown:
        return self._said


def _code(seed: int, number: int) -> str:
    draw = Random(f"{seed}/{number}")  # noqa: S311 - a play, no secret
    return f"MK-{draw.randrange(36**4):05d}-" + "".join(draw.choice("ACEYZacyz059") for _ in "1234")


def _codes(seed: int) -> Source:
    """A code is held before the reader for two and a half seconds of every six."""

    def shown(at_ms: int) -> Shown:
        number, within_ms = divmod(at_ms, 6_000)
        return {"card": _code(seed, number) if within_ms >= 3_500 else ""}

    return shown


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed, at_ms  # nothing is left to chance
    return Reader(FORMS[variant], source)


SIMULATOR = Simulator(
    variants={
        "barcode": {},
        "QR": {},
        "German keyboard": {"layout": "de"},
        "card, ends with Tab": {"end": "tab"},
    },
    begin=_begin,
    source=_codes,
)
