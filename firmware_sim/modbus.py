"""Devices with Modbus registers at the far end of a line: they answer when they are asked.

Spec: MODBUS Application Protocol 1.1b3, §6.3, §6.4 and §7; MODBUS over Serial Line 1.02, §2.5.1;
MODBUS Messaging on TCP/IP 1.0b, §3.1.3.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from random import Random
from struct import pack, unpack
from typing import NamedTuple

from drivers.wire import crc
from firmware_sim.device import Shown, Source

HOLDING, INPUT = 3, 4
NO_FUNCTION, NO_ADDRESS, TOO_MANY, BUSY = 1, 2, 3, 6
ANSWER_REGISTERS_MAX = 125
# What does not become a question within so many bytes is forgotten.
HEARD_BYTES_MAX = 260


class Cell(NamedTuple):
    """What stands from a register on, and the reading that it makes, if it is one to check."""

    function: int
    address: int
    wire: bytes
    register: str = ""
    value: int | str = 0


class Meter(NamedTuple):
    """How a device answers. `most` registers in one answer; `holes` are read as zeros.

    It is `busy` at every so-manieth question (0: never), and answers `late_ms` after a question.
    """

    cells: Callable[[Shown], list[Cell]]
    address: int = 1
    is_tcp: bool = False
    most: int = ANSWER_REGISTERS_MAX
    holes: bool = False
    busy: int = 0
    late_ms: int = 0


def single(shown: Shown, address: int, register: str, tens: int, function: int = INPUT) -> Cell:
    """A float of 32 bits, in a unit of 10^tens milli-units."""
    wire = pack(">f", Fraction(int(shown[register]), 10**tens))
    (given,) = unpack(">f", wire)
    return Cell(function, address, wire, register, round(Fraction(given) * 10**tens))


def ratio(shown: Shown, address: int, register: str) -> Cell:
    """A power factor: a float that is read as text of three places."""
    cell = single(shown, address, register, 3)
    return cell._replace(value=f"{Decimal(int(cell.value)).scaleb(-3):.3f}")


def whole(number: int, address: int, width: int, function: int = HOLDING) -> Cell:
    """An integer of so many registers; it makes no reading."""
    return Cell(function, address, (number % (1 << 16 * width)).to_bytes(2 * width, "big"))


def text(told: str, address: int, width: int, function: int = HOLDING) -> Cell:
    """Text in so many registers, filled up with zeros."""
    return Cell(function, address, told.encode("ascii").ljust(2 * width, b"\0"))


class Slave:
    """A device at its end of the line."""

    def __init__(self, meter: Meter, source: Source) -> None:
        self._meter = meter
        self._source = source
        self._heard = b""
        self._questions = 0
        self._due: list[tuple[int, bytes, Mapping[str, int | str]]] = []
        self._truth: dict[str, int | str] = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """Questions to its own address answered, others let pass."""
        self._heard = (self._heard + data)[-HEARD_BYTES_MAX:]
        while (question := self._first_question()) is not None:
            self._answer(*question, now_ms)
        return self.ticks(now_ms)

    def ticks(self, now_ms: int) -> bytes:
        """The answers whose time has come."""
        said = b""
        while self._due and self._due[0][0] <= now_ms:
            _, frame, truth = self._due.pop(0)
            self._truth.update(truth)
            said += frame
        return said

    def truth(self) -> Shown:
        return self._truth

    def _first_question(self) -> tuple[bytes, bytes] | None:
        """The head of TCP, b"" of RTU, and the next question with its address."""
        while self._heard:
            if self._meter.is_tcp:
                size = 6 + int.from_bytes(self._heard[4:6], "big")
                head, one = self._heard[:6], self._heard[6:size]
                good = self._heard[2:4] == b"\0\0" and size <= HEARD_BYTES_MAX
            else:
                size = 8
                head, one = b"", self._heard[:6]
                good = crc.modbus(self._heard[:8]) == 0
            if len(self._heard) < max(size, 8):
                return None
            self._heard = self._heard[size if good else 1 :]
            if good:
                return head, one
        return None

    def _answer(self, head: bytes, question: bytes, now_ms: int) -> None:
        address, function = question[0], question[1]
        if address != self._meter.address:
            return
        self._questions += 1
        cells = self._meter.cells(self._source(now_ms))
        start, size = int.from_bytes(question[2:4], "big"), int.from_bytes(question[4:6], "big")
        body = self._registers(cells, function, start, size)
        truth = {
            cell.register: cell.value
            for cell in cells
            if cell.register
            and cell.function == function
            and start <= cell.address <= start + size - len(cell.wire) // 2
        }
        if isinstance(body, int):
            said, truth = bytes((address, function | 0x80, body)), {}
        else:
            said = bytes((address, function, len(body))) + body
        if self._meter.is_tcp:
            frame = head[:4] + len(said).to_bytes(2, "big") + said
        else:
            frame = said + crc.modbus(said).to_bytes(2, "little")
        self._due.append((now_ms + self._meter.late_ms, frame, truth))

    def _registers(
        self, cells: Iterable[Cell], function: int, start: int, size: int
    ) -> bytes | int:
        """The registers that were asked for, or the code of an exception."""
        meter = self._meter
        if meter.busy and self._questions % meter.busy == 0:
            return BUSY
        if function not in {HOLDING, INPUT}:
            return NO_FUNCTION
        if not 0 < size <= meter.most:
            return TOO_MANY
        words: dict[int, bytes] = {}
        for cell in cells:
            if cell.function == function:
                for at in range(0, len(cell.wire), 2):
                    words[cell.address + at // 2] = cell.wire[at : at + 2]
        here = range(start, start + size)
        if not words or not (meter.holes or words.keys() >= set(here)):
            return NO_ADDRESS
        if max(here) > max(words) or min(here) < min(words):
            return NO_ADDRESS
        return b"".join(words.get(at, b"\0\0") for at in here)


def house(seed: int) -> Source:
    """What the electricity meter of a house has counted since 2020, and what flows now."""
    base = Random(f"{seed}/modbus").randrange(10**9, 10**10)  # noqa: S311 - a play, no secret

    def shown(at_ms: int) -> Shown:
        hours_ms = at_ms - 1_577_836_800_000
        draw = Random(f"{seed}/{at_ms // 1_000}")  # noqa: S311 - a play, no secret
        values: dict[str, int | str] = {
            "1-0:1.8.0": hours_ms // 40 + base,
            "1-0:2.8.0": hours_ms // 90,
            "1-0:3.8.0": hours_ms // 400,
            "1-0:4.8.0": hours_ms // 700,
            "1-0:14.7.0": draw.randrange(49_900, 50_100),
            "1-0:13.7.0": draw.randrange(-1_000, 1_000),
        }
        values["1-0:15.8.0"] = int(values["1-0:1.8.0"]) + int(values["1-0:2.8.0"])
        for phase in (1, 2, 3):
            c = 20 * phase
            volt, ampere = draw.randrange(222_000, 240_000), draw.randrange(60_000)
            values[f"1-0:{12 + c}.7.0"] = volt
            values[f"1-0:{11 + c}.7.0"] = ampere
            values[f"1-0:{9 + c}.7.0"] = apparent = volt * ampere // 1_000
            values[f"1-0:{16 + c}.7.0"] = draw.randrange(-apparent, apparent + 1)
            values[f"1-0:{13 + c}.7.0"] = draw.randrange(-1_000, 1_000)
            values[f"reactive-power-signed.l{phase}"] = draw.randrange(-2_000_000, 2_000_000)
            values[f"1-0:{1 + c}.8.0"] = int(values["1-0:1.8.0"]) // 3
            values[f"1-0:{2 + c}.8.0"] = int(values["1-0:2.8.0"]) // 3
        for total, parts in {
            "1-0:16.7.0": ("1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0"),
            "1-0:9.7.0": ("1-0:29.7.0", "1-0:49.7.0", "1-0:69.7.0"),
            "reactive-power-signed": tuple(f"reactive-power-signed.l{n}" for n in (1, 2, 3)),
        }.items():
            values[total] = sum(int(values[part]) for part in parts)
        watts = int(values["1-0:16.7.0"])
        values["1-0:1.7.0"], values["1-0:2.7.0"] = max(watts, 0), max(-watts, 0)
        return values

    return shown
