"""Captures: what went over a line in both directions, byte by byte, with the time of each piece.

A capture is lines of JSON, for each is whole by itself: what was written before a power cut can be
read, and people can look into it with the tools they have. The first line says what was captured;
then `rx` is what the device said and `tx` what it was asked, in hex, `ms` milliseconds after the
first line. `line` is the speed and frame from there on, `lost` why the line was lost.

    {"capture":1,"device":"hall","driver":"p1","began":"2026-06-21T10:00:00Z"}
    {"ms":0,"line":"115200 8N1"}
    {"ms":412,"rx":"2f4d4b54350d0a"}
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

import msgspec

from drivers import sdk
from gateway.contract.errors import Problem, UsageError
from gateway.lines.ports import Port

_BEGINS = b'{"capture":'
CHUNK_BYTES = 16 * 1024


class Head(msgspec.Struct):
    """The first line. The port is left out, for its name is a serial number."""

    capture: int
    device: str
    driver: str
    began: str


class Entry(msgspec.Struct, omit_defaults=True):
    """Every other line; one of the texts is given."""

    ms: int
    rx: str = ""
    tx: str = ""
    line: str = ""
    lost: str = ""


class Piece(NamedTuple):
    """Bytes of a capture: heard, or sent, and when."""

    ms: int
    rx: bytes = b""
    tx: bytes = b""


class TappedPort:
    """A port of which everything is told to `note` that passes it."""

    def __init__(self, port: Port, note: Callable[[str, str], None]) -> None:
        self._port = port
        self._note = note
        self.fileno = port.fileno
        self.close = port.close

    def read(self) -> bytes:
        chunk = self._port.read()
        if chunk:
            self._note("rx", chunk.hex())
        return chunk

    def write(self, data: bytes) -> None:
        self._note("tx", data.hex())
        self._port.write(data)

    def set_line(self, line: sdk.Line) -> None:
        self._note("line", f"{line.baud} {line.frame}")
        self._port.set_line(line)


def captured(stream: BinaryIO) -> str:
    """Which device a capture is of, as it was called there; "" where it does not say."""
    first = stream.readline(CHUNK_BYTES)
    try:
        return msgspec.json.decode(first, type=Head).device if first.startswith(_BEGINS) else ""
    except msgspec.DecodeError:
        return ""


def pieces(stream: BinaryIO, where: str) -> Iterator[Piece]:
    """What a capture holds, as it is read; the bytes of a file that is none, at time 0.

    Raises UsageError for a line that is none of a capture's.
    """
    first = stream.readline(CHUNK_BYTES)
    if first.startswith(_BEGINS):
        yield from _entries(stream, where)
        return
    for chunk in chain([first], iter(lambda: stream.read(CHUNK_BYTES), b"")):
        yield Piece(0, chunk)


def _entries(stream: BinaryIO, where: str) -> Iterator[Piece]:
    decoder = msgspec.json.Decoder(Entry)
    for number, line in enumerate(stream, start=2):
        if not line.endswith(b"\n"):
            return  # cut off while it was written
        try:
            entry = decoder.decode(line)
            piece = Piece(entry.ms, bytes.fromhex(entry.rx), bytes.fromhex(entry.tx))
        except (msgspec.DecodeError, ValueError) as error:
            at = f"{where}, line {number}"
            raise UsageError(
                Problem(f"no line of a capture: {error}", at, "take it out")
            ) from error
        if piece.rx or piece.tx:
            yield piece
