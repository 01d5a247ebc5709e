"""Meters on a wired M-Bus: they hold their tongue until a master asks.

Spec: EN 13757-2:2018 (frames, frame count bit), EN 13757-3:2018 (fixed header, data records),
EN 13757-7:2018 (selection by secondary address).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from firmware_sim.device import Shown, Simulator, Source

ZONE = ZoneInfo("Europe/Amsterdam")
# The longest frame; what does not become one within so many bytes is forgotten.
HEARD_BYTES_MAX = 261

ACKNOWLEDGED = b"\xe5"
TO_ALL_WITH_ANSWER, TO_ALL, TO_SELECTED = 254, 255, 253


class Record(NamedTuple):
    """A record on the wire, and the register that it tells, if it is one to check."""

    wire: bytes
    register: str = ""
    value: int | str = 0


class Meter(NamedTuple):
    """What stands on the type plate, the address that was set, and what is told."""

    serial: str
    maker: str
    version: int
    medium: int
    telegrams: Callable[[Shown, int], list[list[Record]]]
    primary: int = 1


def _records(head: str, wire: bytes, register: str = "", value: int | str = 0) -> Record:
    return Record(bytes.fromhex(head) + wire, register, value)


def _binary(shown: Shown, register: str, head: str, step: int, width: int = 4) -> Record:
    """The register in whole steps of so many milli-units, as a signed integer."""
    steps = int(shown[register]) // step
    return _records(head, steps.to_bytes(width, "little", signed=True), register, steps * step)


def _digits(shown: Shown, register: str, head: str, step: int, width: int = 4) -> Record:
    """The register in whole steps of so many milli-units, two decimal digits in a byte."""
    steps = int(shown[register]) // step
    wire = bytes.fromhex(f"{steps:0{2 * width}}")[::-1]
    return _records(head, wire, register, steps * step)


def _text(head: str, number: int, width: int, register: str, value: str) -> Record:
    """A number whose unit no register has: the driver keeps it as text."""
    return _records(head, number.to_bytes(width, "little", signed=True), register, value)


def _clock(at_ms: int, head: str = "046d", register: str = "0-0:1.0.0") -> Record:
    """Type F: local time to the minute."""
    local = datetime.fromtimestamp(at_ms / 1000, ZONE)
    summer = 0x80 if local.dst() else 0
    year = local.year - 2000
    wire = bytes((local.minute, local.hour | summer, local.day | (year & 7) << 5))
    wire += bytes((local.month | year >> 3 << 4,))
    return _records(head, wire, register, f"{local:%Y-%m-%dT%H:%M}")


def _due_date(at_ms: int, head: str = "426c", register: str = "date*1") -> Record:
    """Type G: the last day of the year before."""
    year = datetime.fromtimestamp(at_ms / 1000, ZONE).year - 2001
    wire = bytes((31 | (year & 7) << 5, 12 | year >> 3 << 4))
    return _records(head, wire, register, f"{year + 2000}-12-31")


def _heat(shown: Shown, at_ms: int) -> list[list[Record]]:
    """Gigajoules with two decimals, as a district heating meter counts."""
    flow_l_h = int(shown["flow_l_h"])
    difference = (int(shown["6-0:10.0.0"]) - int(shown["6-0:11.0.0"])) // 10
    return [
        [
            _binary(shown, "6-0:1.0.0", "040f", 10_000_000_000),
            _binary(shown, "6-0:2.0.0", "0414", 10_000),
            _binary(shown, "operating-time", "0426", 3_600_000),
            _binary(shown, "6-0:10.0.0", "0259", 10, 2),
            _binary(shown, "6-0:11.0.0", "025d", 10, 2),
            _text("0261", difference, 2, "6-0:12.0.0", _decimal(difference, 2) + " K"),
            _binary(shown, "6-0:8.0.0", "042d", 100_000),
            _text("043b", flow_l_h, 4, "6-0:9.0.0", _decimal(flow_l_h, 3) + " m3/h"),
            _clock(at_ms),
            _binary(shown, "6-0:1.0.0*1", "440f", 10_000_000_000),
            _due_date(at_ms),
            Record(bytes.fromhex("0f00a1b2c3")),
        ]
    ]


def _monthly_heat(shown: Shown, at_ms: int) -> list[list[Record]]:
    """The present in one telegram, months in the next."""
    (present,) = _heat(shown, at_ms)
    months = [
        _binary(
            shown, f"6-0:1.0.0*{month}", f"{0x84 | (month & 1) << 6:02x}{month >> 1:02x}0f", 10**10
        )
        for month in range(2, 14)
    ]
    return [[*present[:-1], Record(b"\x1f")], [*months, Record(b"\x0f")]]


def _water(shown: Shown, at_ms: int) -> list[list[Record]]:
    flow_l_h = int(shown["flow_l_h"])
    return [
        [
            _records("0c78", bytes.fromhex("21436587"), "fabrication", "87654321"),
            _digits(shown, "8-0:1.0.0", "0c13", 1_000),
            _records(
                "0a3b",
                bytes.fromhex(f"{flow_l_h:04}")[::-1],
                "8-0:2.0.0",
                _decimal(flow_l_h, 3) + " m3/h",
            ),
            _binary(shown, "outside-temperature", "0265", 10, 2),
            _clock(at_ms),
            _digits(shown, "8-0:1.0.0*1", "4c13", 1_000),
            _due_date(at_ms),
            Record(b"\x2f\x2f"),
        ]
    ]


def _gas(shown: Shown, at_ms: int) -> list[list[Record]]:
    return [
        [
            _digits(shown, "7-0:3.0.0", "0e13", 1_000, 6),
            _clock(at_ms),
            _records("01fd17", b"\0", "error-flags", "00"),
            _records("02fd74", (3650).to_bytes(2, "little")),
        ]
    ]


def _electricity(shown: Shown, at_ms: int) -> list[list[Record]]:
    phases = []
    for phase in (1, 2, 3):
        tail = f"fc{phase:02x}"
        c = phase * 20
        phases += [
            _binary(shown, f"1-0:{12 + c}.7.0", "02fdc8" + tail, 100, 2),
            _binary(shown, f"1-0:{11 + c}.7.0", "04fdd9" + tail, 1),
            _binary(shown, f"1-0:{1 + c}.7.0", "04aa" + tail, 100),
        ]
    return [
        [
            _binary(shown, "1-0:1.8.0", "0403", 1_000),
            _binary(shown, "1-0:2.8.0", "04833c", 1_000),
            _digits(shown, "1-0:1.8.1", "8e1003", 1_000, 6),
            _digits(shown, "1-0:1.8.2", "8e2003", 1_000, 6),
            _binary(shown, "1-0:3.8.0", "04fb8273", 1_000),
            _binary(shown, "1-0:1.7.0", "042b", 1_000),
            *phases,
            _binary(shown, "1-0:14.7.0", "02fb2e", 100, 2),
            _clock(at_ms),
        ]
    ]


def _pulses(shown: Shown, at_ms: int) -> list[list[Record]]:
    """A counter of pulses beside a room sensor, with quantities spelled out."""
    count, humidity = int(shown["pulses"]), int(shown["humidity"])
    return [
        [
            _text("047c06" + b"pulses"[::-1].hex(), count, 4, "text:pulses", str(count)),
            _text(
                "02fc03" + b"%RH"[::-1].hex() + "74", humidity, 2, "text:%RH", _decimal(humidity, 2)
            ),
            _binary(shown, "outside-temperature", "0265", 10, 2),
            _records("0dfd11", b"\x05" + b"Noord"[::-1], "customer", "Noord"),
            _clock(at_ms),
        ]
    ]


def _decimal(number: int, places: int) -> str:
    whole, rest = divmod(abs(number), 10**places)
    return f"{'-' * (number < 0)}{whole}.{rest:0{places}}"


METERS = {
    "heat meter": Meter("06855817", "KAM", 8, 0x04, _heat, 17),
    "water meter": Meter("87654321", "HYD", 25, 0x07, _water),
    "gas meter": Meter("30012345", "ELS", 71, 0x03, _gas, 250),
    "electricity meter": Meter("50043064", "GAV", 102, 0x02, _electricity),
    "pulse counter": Meter("00000412", "REL", 18, 0x00, _pulses),
    "heat meter with months": Meter("14491001", "LUG", 10, 0x0C, _monthly_heat),
    "converter that echoes": Meter("70112345", "HYD", 25, 0x16, _water),
    "heat meter by its serial number": Meter("06855818", "KAM", 8, 0x04, _heat, 0),
}
ECHOES = {"converter that echoes"}
VARIANTS: dict[str, dict[str, str]] = {
    **{name: {} for name in METERS},
    "water meter": {"address": "1"},
    "heat meter by its serial number": {"secondary": "06855818FFFFFFFF"},
}


def frame(control: int, address: int, ci: int, body: bytes) -> bytes:
    """A long frame."""
    content = bytes((control, address, ci)) + body
    head = bytes((0x68, len(content), len(content), 0x68))
    return head + content + bytes((sum(content) % 256, 0x16))


def secondary(meter: Meter) -> bytes:
    """Serial number, maker, version and medium, as header and selection have them."""
    letters = 0
    for letter in meter.maker:
        letters = letters << 5 | ord(letter) - 64
    number = bytes.fromhex(meter.serial)[::-1]
    return number + letters.to_bytes(2, "little") + bytes((meter.version, meter.medium))


def answer(meter: Meter, records: Iterable[Record], access: int) -> bytes:
    """RSP_UD with the fixed header; status and signature are zero."""
    header = secondary(meter) + bytes((access % 256, 0, 0, 0))
    return frame(0x08, meter.primary, 0x72, header + b"".join(one.wire for one in records))


class Slave:
    """A meter at its end of the bus."""

    def __init__(self, meter: Meter, source: Source, *, echoes: bool = False) -> None:
        self._meter = meter
        self._source = source
        self._echoes = echoes
        self._heard = b""
        self._is_selected = False
        self._count_bit: int | None = None
        self._next = 0
        self._last = b""
        self._access = 0
        self._truth: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """Its own frames answered, others' let pass."""
        said = data if self._echoes else b""
        self._heard = (self._heard + data)[-HEARD_BYTES_MAX:]
        while self._heard:
            one = self._first_frame()
            if one is None:
                break
            said += self._obeys(one, now_ms)
        return said

    def ticks(self, now_ms: int) -> bytes:
        del now_ms
        return b""

    def truth(self) -> Shown:
        return self._truth

    def _first_frame(self) -> bytes | None:
        """The next frame that came, its sum right; what is none is dropped."""
        while self._heard:
            size = {0x10: 5, 0x68: 6}.get(self._heard[0], 0)
            if size == 6:
                size += self._heard[1] if len(self._heard) > 1 else 0
            if len(self._heard) < size:
                return None
            one = self._heard[:size]
            content = one[4:-2] if size > 5 else one[1:-2]
            if size and one[-1] == 0x16 and sum(content) % 256 == one[-2]:
                self._heard = self._heard[size:]
                return content
            self._heard = self._heard[1:]
        return None

    def _obeys(self, content: bytes, now_ms: int) -> bytes:
        control, address = content[0], content[1]
        if content[2:3] == b"\x52" and address == TO_SELECTED:
            self._is_selected = self._is_meant(content[3:])
            self._count_bit = None
            return ACKNOWLEDGED if self._is_selected else b""
        if not (
            address in {self._meter.primary, TO_ALL_WITH_ANSWER, TO_ALL}
            or (address == TO_SELECTED and self._is_selected)
        ):
            return b""
        if control == 0x40:
            self._is_selected, self._count_bit, self._next = False, None, 0
            return b"" if address == TO_ALL else ACKNOWLEDGED
        if control & 0xDF == 0x5B and address != TO_ALL:
            return self._tells(control & 0x20, now_ms)
        return b""

    def _is_meant(self, mask: bytes) -> bool:
        own = secondary(self._meter)
        number = zip(mask[3::-1].hex(), self._meter.serial, strict=True)
        rest = zip(mask[4:], own[4:], strict=True)
        return all(said in {"f", digit} for said, digit in number) and all(
            said in {0xFF, byte} for said, byte in rest
        )

    def _tells(self, count_bit: int, now_ms: int) -> bytes:
        """The next telegram; the last one again if the bit has not turned."""
        if count_bit == self._count_bit:
            return self._last
        self._count_bit = count_bit
        telegrams = self._meter.telegrams(self._source(now_ms), now_ms)
        records = telegrams[self._next % len(telegrams)]
        self._next += 1
        self._access += 1
        self._last = answer(self._meter, records, self._access)
        self._truth = {one.register: one.value for one in records if one.register}
        return self._last


def _house(seed: int) -> Source:
    """What the meters of a house have counted since 2020, and what flows now."""
    base = Random(f"{seed}/mbus").randrange(20, 10_000)  # noqa: S311 - a play, no secret

    def shown(at_ms: int) -> Shown:
        hours_ms = at_ms - 1_577_836_800_000
        draw = Random(f"{seed}/{at_ms // 60_000}")  # noqa: S311 - a play, no secret
        values: dict[str, int | str] = {
            "6-0:1.0.0": hours_ms * 1_500_000 + base * 10**9,
            "6-0:1.0.0*1": base * 10**9,
            "6-0:2.0.0": hours_ms // 100 + base,
            "6-0:8.0.0": draw.randrange(0, 12_000_000),
            "6-0:10.0.0": draw.randrange(55_000, 90_000),
            "6-0:11.0.0": draw.randrange(25_000, 45_000),
            "operating-time": hours_ms,
            "flow_l_h": draw.randrange(0, 2_000),
            "8-0:1.0.0": hours_ms // 250 + base,
            "8-0:1.0.0*1": base * 1_000,
            "7-0:3.0.0": hours_ms // 50 + base,
            "outside-temperature": draw.randrange(-9_000, 30_000),
            "1-0:1.8.0": hours_ms // 4 + base,
            "1-0:1.8.1": hours_ms // 8,
            "1-0:1.8.2": hours_ms // 8 + base,
            "1-0:2.8.0": hours_ms // 9,
            "1-0:3.8.0": hours_ms // 40,
            "1-0:1.7.0": draw.randrange(100_000, 9_000_000),
            "1-0:14.7.0": draw.randrange(49_900, 50_100),
            "pulses": hours_ms // 9_000,
            "humidity": draw.randrange(2_000, 9_500),
        }
        for c in (20, 40, 60):
            values[f"1-0:{12 + c}.7.0"] = draw.randrange(222_000, 240_000)
            values[f"1-0:{11 + c}.7.0"] = draw.randrange(0, 16_000)
            values[f"1-0:{1 + c}.7.0"] = draw.randrange(0, 3_000_000)
        for month in range(2, 14):
            values[f"6-0:1.0.0*{month}"] = base * 10**9 - month * 10**9
        return values

    return shown


SIMULATOR = Simulator(
    variants=VARIANTS,
    begin=lambda variant, source, _seed, _at_ms: Slave(
        METERS[variant], source, echoes=variant in ECHOES
    ),
    source=_house,
)
