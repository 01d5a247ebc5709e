"""CRC-16 of four kinds, in the standard library alone and through fastcrc where it is there.

Spec: CRC-16/ARC is polynomial 0x8005 reflected, start 0, no final XOR (DSMR P1 companion 5.0.2,
§6.2); CRC-16/MODBUS is the same with start 0xFFFF (Modbus over serial line 1.02, §6.2.2);
CRC-16/X-25 is polynomial 0x1021 reflected, start and final XOR 0xFFFF (IEC 62056-46);
CRC-16/KERMIT is the same with start and final XOR 0 (ITU-T V.41, bits lowest first).

Each is chosen once, at import; those that end in `_stdlib` are always there.
"""

import binascii
from collections.abc import Callable

# All checks take the bits of a byte lowest first; this table turns every byte round.
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_TO_ONES = b"\x57\x15"  # whose CRC-16/ARC is 0xFFFF


def _turn16(value: int) -> int:
    return _TURNED[value & 0xFF] << 8 | _TURNED[value >> 8]


def arc_stdlib(data: bytes) -> int:
    """CRC-16/ARC of `data` by folding one big integer instead of stepping through bytes.

    The polynomial is (x + 1)(x^15 + x + 1). Modulo the second factor x^(15k) equals x^k + 1 for
    every power of two k, so the upper half of the message folds onto the lower one with a few
    shifts and XORs; modulo the first only the parity of the message counts. The remainder
    modulo the product is the one of the two candidates that has this parity.

    >>> hex(arc_stdlib(b"123456789"))
    '0xbb3d'
    """
    rest = int.from_bytes(data.translate(_TURNED), "big")
    parity = rest.bit_count()
    rest <<= 16
    for exponent in range((rest.bit_length() // 15).bit_length(), -1, -1):
        width = 15 << exponent
        high = rest >> width
        rest ^= high << width ^ high << (1 << exponent) ^ high
    while rest > 0x7FFF:  # one fold at each size leaves a few bits over
        high = rest >> 15
        rest ^= high << 15 ^ high << 1 ^ high
    if (parity ^ rest.bit_count()) & 1:
        rest ^= 0x8003
    return _turn16(rest)


def modbus_stdlib(data: bytes) -> int:
    """CRC-16/MODBUS of `data`: two bytes before it bring CRC-16/ARC to its start.

    >>> hex(modbus_stdlib(b"123456789"))
    '0x4b37'
    """
    return arc_stdlib(_TO_ONES + data)


def x25_stdlib(data: bytes) -> int:
    """CRC-16/X-25 of `data`: the C code of crc_hqx has the same polynomial, bits the other way.

    >>> hex(x25_stdlib(b"123456789"))
    '0x906e'
    """
    return _turn16(binascii.crc_hqx(data.translate(_TURNED), 0xFFFF)) ^ 0xFFFF


def kermit_stdlib(data: bytes) -> int:
    """CRC-16/KERMIT of `data`, computed likewise.

    >>> hex(kermit_stdlib(b"123456789"))
    '0x2189'
    """
    return _turn16(binascii.crc_hqx(data.translate(_TURNED), 0))


arc: Callable[[bytes], int]
modbus: Callable[[bytes], int]
x25: Callable[[bytes], int]
kermit: Callable[[bytes], int]
try:
    from fastcrc import crc16 as _crc16
except ImportError:
    arc, modbus, x25, kermit = arc_stdlib, modbus_stdlib, x25_stdlib, kermit_stdlib
else:
    arc, modbus = _crc16.arc, _crc16.modbus
    x25, kermit = _crc16.ibm_sdlc, _crc16.kermit
