"""Hear one device on its port without a gateway: messages with their bytes, and what may be wrong.

For whoever wires a scale: silence, noise and a wrong speed are told with what to try.
"""

import select
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from drivers import sdk
from drivers.reading import Message
from drivers.sdk import Line
from gateway.lines.ports import Port
from gateway.tools.catalogue import line_text

# What noise was is shown by its first bytes; messages lie within what a driver holds.
KEPT_BYTES = 64 * 1024
SILENT_S = 5.0
NOISE_BYTES, NOISE_S = 64, 3.0
USUAL_LINES = (Line(9600), Line(9600, "7E1"), Line(4800), Line(4800, "7E1"), Line(2400, "7E1"))
_TEXT = {*range(0x20, 0x7F), 0x02, 0x03, 0x09, 0x0A, 0x0D}
_ESCAPES = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
_SWAPPED = "try 2 and 3 swapped, and speed and frame in the scale's own menu"


class Heard(NamedTuple):
    """A message and its bytes, also those of noise, as far as they are still known."""

    message: Message
    raw: bytes


class Hearing:
    """A session and its port; `hear` waits and gives what was said. Raises LineLost."""

    def __init__(
        self, port: Port, session: sdk.Session, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._port = port
        self._session = session
        self._clock_s = clock_s
        self._wake_s: float | None = clock_s()  # at once: the line has been opened
        self._kept = b""
        self.bytes = 0  # ever heard

    @property
    def last(self) -> bytes:
        """The last bytes that came."""
        return self._kept[-KEPT_BYTES:]

    def hear(self, seconds: float) -> list[Heard]:
        """What is said until something is, or the time is over."""
        until_s = self._clock_s() + seconds
        while True:
            now_s = self._clock_s()
            wake_s = until_s if self._wake_s is None else min(until_s, self._wake_s)
            ready, _, _ = select.select([self._port.fileno()], [], [], max(0.0, wake_s - now_s))
            told: list[Heard] = []
            if ready:
                chunk = self._port.read()
                self.bytes += len(chunk)
                self._kept = (self._kept + chunk)[-2 * KEPT_BYTES :]
                told = self._take(self._session.feed(chunk))
            elif self._wake_s is not None and self._clock_s() >= self._wake_s:
                self._wake_s = None
                told = self._take(self._session.timeout())
            if told or self._clock_s() >= until_s:
                return told

    def drain(self) -> None:
        """Forget what has come meanwhile."""
        while select.select([self._port.fileno()], [], [], 0)[0]:
            chunk = self._port.read()
            if not chunk:
                break
            self.bytes += len(chunk)
            self._take(self._session.feed(chunk))

    def _take(self, steps: list[sdk.Step]) -> list[Heard]:
        told = []
        for step in steps:
            match step:
                case Message():
                    told.append(Heard(step, step.raw or self._noise(step)))
                case sdk.Send(data):
                    self._port.write(data)
                case sdk.Wait(seconds) | sdk.Rest(seconds):
                    self._wake_s = self._clock_s() + seconds
                case sdk.SetLine(line):
                    self._port.set_line(line)
        return told

    def _noise(self, message: Message) -> bytes:
        """The bytes of noise, which no message keeps."""
        at = message.offset - (self.bytes - len(self._kept))
        length = sum(fault.length for fault in message.faults)
        return self._kept[max(0, at) : max(0, at + length)]


def shown(raw: bytes, most: int = 80) -> str:
    """Bytes as text with escapes, or as hex where they are no text.

    >>> shown(b"\\x02S S  1.0 g\\r\\n")
    '\\\\x02S S  1.0 g\\\\r\\\\n'
    >>> shown(bytes.fromhex("b148588e"))
    'b1 48 58 8e'
    """
    if not raw:
        return ""
    cut, more = raw[:most], " …" if len(raw) > most else ""
    if sum(byte in _TEXT for byte in raw) * 4 < len(raw) * 3:
        return cut[: most // 3].hex(" ") + (" …" if len(raw) > most // 3 else "")
    return "".join(map(_escaped, cut)) + more


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def silence(device: sdk.Device) -> str:
    """What to try where nothing was heard."""
    if device.ports:
        return f"nothing heard for {SILENT_S:.0f} s: is the chip wired and powered?"
    asked = "" if device.polled else ", and that the scale sends by itself"
    return f"nothing heard for {SILENT_S:.0f} s: {_SWAPPED}{asked}"


def noise(sample: bytes, line: Line, device: sdk.Device) -> str:
    """What to try where bytes come that the driver does not understand."""
    if device.ports:
        return f"not understood, heard {shown(sample, 30)}"
    frame = _parity(sample)
    if frame and line.frame == "8N1":
        return f'each byte has a parity bit: --line "{line.baud} {frame}"'
    others = [one for one in (*device.other_lines, *USUAL_LINES) if one != line]
    lines = ", ".join(dict.fromkeys(line_text(one) for one in others))
    if sum(byte in _TEXT for byte in sample) * 10 < len(sample) * 9:
        return f"what comes at {line_text(line)} is no text: another speed or frame? Try {lines}"
    known = [name for name in _recognised(sample) if name != device.name]
    if known:
        return f"{device.name} does not know these lines; {' or '.join(known)} may"
    what = f"{device.name} does not know these lines"
    return f"{what}: choose another output format at the scale, or write a map for them"


def _parity(sample: bytes) -> str:
    """7E1 or 7O1 where the bytes are text with such a parity bit, else ""."""
    if not any(byte & 0x80 for byte in sample) or any(byte & 0x7F not in _TEXT for byte in sample):
        return ""
    odd = {byte.bit_count() & 1 for byte in sample}
    return {frozenset({0}): "7E1", frozenset({1}): "7O1"}.get(frozenset(odd), "")


def _recognised(sample: bytes) -> Iterator[str]:
    for name in sdk.names():
        if sdk.load(name).recognise(sample):
            yield name
