"""The header before the records of an M-Bus telegram: whose it is, and how the meter does.

Spec: EN 13757-3:2018, §5 (CI field), §6.1 to §6.3 (fixed and short header, maker, status);
EN 13757-7:2018 (device types).
"""

from functools import lru_cache
from typing import NamedTuple

CI_LONG = 0x72
CI_SHORT = 0x7A  # without serial number, maker and medium
CI_NONE = 0x78
_BYTES = {CI_LONG: 12, CI_SHORT: 4, CI_NONE: 0}

MEDIA = {
    0x00: "other",
    0x01: "oil",
    0x02: "electricity",
    0x03: "gas",
    0x04: "heat, volume in the return",
    0x05: "steam",
    0x06: "warm water",
    0x07: "water",
    0x08: "heat cost allocator",
    0x09: "compressed air",
    0x0A: "cooling, volume in the return",
    0x0B: "cooling, volume in the flow",
    0x0C: "heat, volume in the flow",
    0x0D: "heat and cooling",
    0x0E: "bus",
    0x0F: "unknown",
    0x14: "calorific value",
    0x15: "hot water",
    0x16: "cold water",
    0x17: "hot and cold water",
    0x18: "pressure",
    0x19: "A/D converter",
    0x1A: "smoke",
    0x1B: "room sensor",
    0x20: "breaker",
    0x21: "valve",
    0x28: "waste water",
    0x29: "waste",
}
_UNKNOWN = 0x0F


class Meter(NamedTuple):
    """What the records need to know of the meter."""

    medium: int
    maker: str


class Header(NamedTuple):
    """Registers and their texts, serial number, meter, where the records begin, and the mode
    of encryption, 0 for none."""

    registers: tuple[tuple[str, str], ...]
    serial: str
    meter: Meter
    end: int
    mode: int


def read(ci: int, body: bytes) -> Header | None:
    """The header of a telegram with this CI field; None where it is not known or too short."""
    size = _BYTES.get(ci, len(body) + 1)
    if size > len(body):
        return None
    if ci != CI_LONG:
        registers = (("status", _status(body[1])),) if size else ()
        return Header(registers, "", Meter(_UNKNOWN, ""), size, body[3] & 0x1F if size else 0)
    # The access number at 8 changes with every telegram, and so is left out of what is remembered.
    return _long(body[:8], body[9], body[11])


@lru_cache(maxsize=64)
def _long(identity: bytes, status: int, config: int) -> Header:
    maker, medium = _letters(identity[4] | identity[5] << 8), identity[7]
    registers = (
        ("manufacturer", maker),
        ("medium", MEDIA.get(medium, f"{medium:02X}")),
        ("version", str(identity[6])),
        ("status", _status(status)),
    )
    serial = identity[3::-1].hex().upper()
    return Header(registers, serial, Meter(medium, maker), _BYTES[CI_LONG], config & 0x1F)


def _letters(code: int) -> str:
    """The maker's three letters, of five bits each."""
    letters = [(code >> shift & 0x1F) + 64 for shift in (10, 5, 0)]
    return "".join(map(chr, letters)) if all(65 <= n <= 90 for n in letters) else f"{code:04X}"


def _status(bits: int) -> str:
    words = ["", "busy", "application error", "alarm"][bits & 3 : (bits & 3) + 1]
    words += ["power low"] * (bits >> 2 & 1)
    words += ["permanent error"] * (bits >> 3 & 1)
    words += ["temporary error"] * (bits >> 4 & 1)
    words += [f"maker's {bits & 0xE0:02X}"] * (bits >> 5 > 0)
    return ", ".join(word for word in words if word) or "ok"
