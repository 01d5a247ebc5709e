"""Electricity meters that send SML files through their optical head, one every few seconds.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b), 5 (messages), 6.3 (binary encoding), 8 (transport);
DIN 43863-5 (identification); libsml issues 59, 75 and 125 for what some makers do otherwise.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from drivers.wire import crc
from firmware_sim.device import Shown, Simulator, Source

_ESCAPE = b"\x1b\x1b\x1b\x1b"
_NONE = b"\x01"  # an optional element that is left out
_UNITS = {"W": 27, "Wh": 30, "A": 33, "V": 35, "Hz": 44, "°": 8}
_INSTALLED_MS = 1_577_836_800_000


def octets(data: bytes) -> bytes:
    """A string of octets with its length, which counts the bytes that tell it."""
    if len(data) < 15:
        return bytes((len(data) + 1,)) + data
    length = len(data) + 2
    return bytes((0x80 | length >> 4, length & 15)) + data


def unsigned(number: int, width: int = 0) -> bytes:
    """A number of `width` bytes, or of as few as it needs."""
    width = width or max(1, (number.bit_length() + 7) // 8)
    return bytes((0x61 + width,)) + number.to_bytes(width, "big")


def signed(number: int, width: int = 0) -> bytes:
    """The same for a number with a sign."""
    width = width or (number + (number < 0)).bit_length() // 8 + 1
    return bytes((0x51 + width,)) + number.to_bytes(width, "big", signed=True)


def sequence(*members: bytes) -> bytes:
    """A list and its members."""
    number = len(members)
    head = bytes((0x70 | number,)) if number < 16 else bytes((0xF0 | number >> 4, number & 15))
    return head + b"".join(members)


def since_start(seconds: int, width: int = 4) -> bytes:
    """A time that counts from when the meter was switched on."""
    return sequence(unsigned(1), unsigned(seconds, width))


def instant(seconds: int) -> bytes:
    """A time of the day and year, UTC."""
    return sequence(unsigned(2), unsigned(seconds, 4))


def without_choice(seconds: int) -> bytes:
    """The same as `since_start`, but nothing says so."""
    return unsigned(seconds, 4)


def swapped(data: bytes) -> int:
    """CRC-16/X-25 as messages have it: its lower byte stands first."""
    return int.from_bytes(crc.x25(data).to_bytes(2, "little"), "big")


class Make(NamedTuple):
    """What a maker built: how it writes numbers and times, and how often it speaks."""

    maker: str
    server: bytes
    serial: str  # as the plate has it
    table: Callable[["Make", Shown, int], list["Row"]]
    sensor_time: Callable[[int], bytes] = since_start
    entry_time: Callable[[int], bytes] | None = None
    check: Callable[[bytes], int] = swapped
    ends_with: Callable[[bytes], bytes] = lambda data: crc.x25(data).to_bytes(2, "little")
    interval_ms: int = 2_000
    energy: Callable[[int], bytes] = lambda number: signed(number, 5)
    power: Callable[[int], bytes] = lambda number: signed(number, 4)


class Row(NamedTuple):
    """An entry of a list as elements, and what a driver must make of it."""

    wire: bytes
    register: str
    value: int | str


def _entry(register: str, value: bytes, *, unit: str = "", scaler: int = 0, **more: bytes) -> bytes:
    """`more`: elements `status` and `time`."""
    groups = register.replace("-", ".").replace(":", ".").replace("*", ".").split(".")
    name = bytes(int(group) for group in groups).ljust(6, b"\xff")
    return sequence(
        octets(name),
        more.get("status", _NONE),
        more.get("time", _NONE),
        unsigned(_UNITS[unit]) if unit else _NONE,
        signed(scaler) if unit else _NONE,
        value,
        _NONE,
    )


def _word(register: str, data: bytes, meant: str) -> Row:
    return Row(_entry(register, octets(data)), register, meant)


def _measured(
    shown: Shown,
    register: str,
    unit: str,
    scaler: int,
    write: Callable[[int], bytes],
    **more: bytes,
) -> Row:
    """A register in units of ten to the power of `scaler`, as many as are full."""
    step = 10 ** (scaler + 3)
    number = int(shown[register]) // step
    wire = _entry(register, write(number), unit=unit, scaler=scaler, **more)
    return Row(wire, register, number * step)


def _counted(
    make: Make, shown: Shown, registers: tuple[str, ...], scaler: int, at_s: int
) -> list[Row]:
    """Counters of energy. The first has a status word."""
    time = {"time": make.entry_time(at_s)} if make.entry_time else {}
    status = {"status": unsigned(0x1C0104, 4)}
    return [
        _measured(shown, one, "Wh", scaler, make.energy, **time, **({} if n else status))
        for n, one in enumerate(registers)
    ]


def _powers(make: Make, shown: Shown, scaler: int, *registers: str) -> list[Row]:
    return [_measured(shown, one, "W", scaler, make.power) for one in registers]


def _grid(shown: Shown) -> list[Row]:
    """Voltages, currents, an angle and the frequency, as three-phase meters tell them."""
    rows = [_measured(shown, f"1-0:{c}2.7.0", "V", -1, unsigned) for c in (3, 5, 7)]
    rows += [_measured(shown, f"1-0:{c}1.7.0", "A", -2, unsigned) for c in (3, 5, 7)]
    angle = int(shown["angle"])
    wire = _entry("1-0:81.7.1", unsigned(angle), unit="°")
    rows.append(Row(wire, "1-0:81.7.1", f"{angle} °"))
    return [*rows, _measured(shown, "1-0:14.7.0", "Hz", -1, unsigned)]


def _edl21(make: Make, shown: Shown, at_s: int) -> list[Row]:
    """The registers of meters until 2015 or so, with the key to check their signatures."""
    key = bytes(range(1, 49))
    return [
        _word("129-129:199.130.3", make.maker.encode(), make.maker),
        _word("1-0:0.0.9", make.server, make.serial),
        *_counted(make, shown, ("1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2"), -1, at_s),
        *_powers(make, shown, -1, "1-0:15.7.0"),
        _word("129-129:199.130.5", key, key.hex()),
    ]


def _named(make: Make) -> list[Row]:
    return [
        _word("1-0:96.50.1*1", make.maker.encode(), make.maker),
        _word("1-0:96.1.0", make.server, make.serial),
    ]


def _both_ways(make: Make, shown: Shown, at_s: int) -> list[Row]:
    return [
        *_named(make),
        *_counted(make, shown, ("1-0:1.8.0", "1-0:2.8.0"), -1, at_s),
        *_powers(make, shown, 0, "1-0:16.7.0"),
    ]


def _hundredths(make: Make, shown: Shown, at_s: int) -> list[Row]:
    return [
        *_named(make),
        *_counted(make, shown, ("1-0:1.8.0", "1-0:2.8.0"), -1, at_s),
        *_powers(make, shown, -2, "1-0:16.7.0"),
    ]


def _locked(make: Make, shown: Shown, at_s: int) -> list[Row]:
    """Whole kilowatt-hours and no power, until the member has entered the PIN."""
    return [*_named(make), *_counted(make, shown, ("1-0:1.8.0", "1-0:2.8.0"), 3, at_s)]


def _three_phases(make: Make, shown: Shown, at_s: int) -> list[Row]:
    version = "1.02.007"
    phases = ("1-0:16.7.0", "1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0")
    return [
        *_named(make),
        *_counted(make, shown, ("1-0:1.8.0", "1-0:2.8.0"), -1, at_s),
        *_powers(make, shown, 0, *phases),
        *_grid(shown),
        _word("1-0:0.2.0*0", version.encode(), version),
        Row(_entry("1-0:96.5.0", unsigned(0x1C0104, 4)), "1-0:96.5.0", "1835268"),
    ]


def _fine(make: Make, shown: Shown, at_s: int) -> list[Row]:
    """Ten-thousandths of a watt-hour: less than the milli-units that a driver tells."""
    del at_s
    energies = []
    for register in ("1-0:1.8.0", "1-0:2.8.0"):
        told = int(shown[register])
        wire = _entry(register, make.energy(told * 10 + 7), unit="Wh", scaler=-4)
        energies.append(Row(wire, register, told))
    phases = ("1-0:16.7.0", "1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0")
    return [
        _word("129-129:199.130.3", make.maker.encode(), make.maker),
        _word("1-0:0.0.0", make.serial.encode(), make.serial),
        *energies,
        *_powers(make, shown, -2, *phases),
        *_grid(shown)[:3],
    ]


def identity(maker: str, block: int, number: int, first: int = 10) -> bytes:
    """The ten bytes of an electricity meter's identification."""
    return bytes((first, 1)) + maker.encode() + bytes((block,)) + number.to_bytes(4, "big")


def faulty(number: int) -> bytes:
    """A power as early DZG meters write it: no bit for the sign unless it is negative."""
    if number < 0:
        return signed(number, 4)
    told = unsigned(number)
    return bytes((told[0] - 0x10,)) + told[1:]


def kermit(data: bytes) -> bytes:
    """What early Holley meters end a file with."""
    return crc.kermit(data).to_bytes(2, "big")


_HOLLEY = Make(
    "HLY",
    identity("HLY", 2, 123456),
    "1HLY0200123456",
    _three_phases,
    energy=unsigned,
    power=signed,
)
_DZG = Make(
    "DZG",
    identity("DZG", 0, 61234567),
    "1DZG0061234567",
    _hundredths,
    entry_time=lambda _seconds: since_start(0, 1),
    energy=unsigned,
    power=signed,
)
MAKES = {
    "ISKRA MT691": Make(
        "ISK",
        identity("ISK", 0, 70012345),
        "1ISK0070012345",
        _both_ways,
        energy=lambda number: unsigned(number, 4),
        power=signed,
    ),
    "ISKRA MT631 without its PIN": Make(
        "ISK", identity("ISK", 0, 72012345), "1ISK0072012345", _locked, energy=unsigned
    ),
    "EMH eHZ": Make(
        "EMH",
        bytes.fromhex("06454d480100012345ab"),
        "06454d480100012345ab",
        _edl21,
        interval_ms=1_000,
    ),
    "DZG DVS74, early": _DZG._replace(
        server=identity("DZG", 0, 42123456), serial="1DZG0042123456", power=faulty
    ),
    "DZG DVS74": _DZG,
    "Holley DTZ541, early": _HOLLEY._replace(
        sensor_time=without_choice, entry_time=without_choice, check=crc.kermit, ends_with=kermit
    ),
    "Holley DTZ541": _HOLLEY._replace(entry_time=since_start),
    "EasyMeter Q3A": Make(
        "ESY",
        identity("ESY", 0x11, 62012345, 9),
        "1ESY1162012345",
        _fine,
        energy=lambda number: signed(number, 8),
        power=lambda number: signed(number, 8),
    ),
    "meter with a clock": Make(
        "XYZ",
        identity("XYZ", 1, 4711),
        "1XYZ0100004711",
        _both_ways,
        instant,
        energy=lambda number: unsigned(number, 8),
    ),
}


def message(number: bytes, kind: int, body: bytes, check: Callable[[bytes], int]) -> bytes:
    """A message: its number, no group, go on after errors, the body, its checksum, the end."""
    head = [octets(number), unsigned(0), unsigned(0), sequence(unsigned(kind, 2), body)]
    counted = b"\x76" + b"".join(head)
    return counted + unsigned(check(counted), 2) + b"\x00"


def frame(content: bytes, ends_with: Callable[[bytes], bytes]) -> bytes:
    """A file on the line: filled up to whole blocks of four bytes, its escapes doubled."""
    fill = -len(content) % 4
    inner = (content + bytes(fill)).replace(_ESCAPE, _ESCAPE * 2)
    counted = _ESCAPE + b"\x01" * 4 + inner + _ESCAPE + bytes((0x1A, fill))
    return counted + ends_with(counted)


def file(make: Make, rows: list[Row], at_s: int, number: int) -> bytes:
    """A whole file: it opens, tells its list, and closes."""
    numbers = [(number * 3 + n).to_bytes(4, "big") for n in range(3)]
    opened = sequence(_NONE, _NONE, octets(numbers[0][1:]), octets(make.server), _NONE, _NONE)
    told = sequence(
        _NONE,
        octets(make.server),
        octets(bytes.fromhex("0100620affff")),
        make.sensor_time(at_s),
        sequence(*(row.wire for row in rows)),
        _NONE,
        _NONE,
    )
    closed = sequence(_NONE)
    bodies = [(0x0101, opened), (0x0701, told), (0x0201, closed)]
    parts = [
        message(name, kind, body, make.check)
        for name, (kind, body) in zip(numbers, bodies, strict=True)
    ]
    return frame(b"".join(parts), make.ends_with)


class Head:
    """A meter that looks out through its optical head."""

    def __init__(self, make: Make, source: Source, now_ms: int) -> None:
        self._make = make
        self._source = source
        self._due_ms = now_ms
        self._number = 0
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """Nothing: the head only sends."""
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        if now_ms < self._due_ms:
            return b""
        self._due_ms = now_ms + self._make.interval_ms
        self._number += 1
        at_s = now_ms // 1000
        if self._make.sensor_time is not instant:
            at_s -= _INSTALLED_MS // 1000
        rows = self._make.table(self._make, self._source(now_ms), at_s)
        self._said = {row.register: row.value for row in rows}
        return file(self._make, rows, at_s, self._number)

    def truth(self) -> Shown:
        return self._said


def _house(seed: int) -> Source:
    """A house that now draws, now gives, and often draws 327.68 to 655.35 W."""

    def shown(at_ms: int) -> Shown:
        draw = Random(f"{seed}/sml/{at_ms // 1000}")  # noqa: S311 - a play, no secret
        gone_ms = at_ms - _INSTALLED_MS
        low, high = draw.choice([(327_680, 655_360), (-4_000_000, 0), (0, 6_000_000), (0, 300_000)])
        phases = [draw.randrange(low // 3, high // 3 + 1) for _ in range(3)]
        values: dict[str, int | str] = {
            "1-0:1.8.0": gone_ms // 9 + seed,
            "1-0:1.8.1": gone_ms // 18,
            "1-0:1.8.2": gone_ms // 18 + seed,
            "1-0:2.8.0": gone_ms // 21,
            "1-0:15.7.0": abs(sum(phases)),
            "1-0:16.7.0": draw.randrange(low, high),
            "1-0:14.7.0": draw.randrange(49_900, 50_100),
            "angle": draw.randrange(118, 123),
        }
        for c, power in zip((3, 5, 7), phases, strict=True):
            values[f"1-0:{c}6.7.0"] = power
            values[f"1-0:{c}2.7.0"] = draw.randrange(222_000, 240_000)
            values[f"1-0:{c}1.7.0"] = abs(power) * 1000 // 230_000
        return values

    return shown


SIMULATOR = Simulator(
    variants={name: {} for name in MAKES},
    begin=lambda variant, source, _seed, at_ms: Head(MAKES[variant], source, at_ms),
    source=_house,
)
