"""SML files on a line: their frames, their elements, and the messages that these make up.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b), 6.3 (binary encoding) and 8 (transport protocol 1).
A file stands between two escape sequences. Within it each element begins with a TL field: its type
in bits 6 to 4 of the first byte, its length in the lower four bits, counted with the field itself.
A field with bit 7 set goes on in the next byte, which has four more bits of the length. The field
of a list says how many of the elements that follow are its members.
"""

import re
from collections.abc import Callable

from drivers.wire import crc

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
# Four bytes 1B and what they announce: the same again (they were content), the end with number of
# fill bytes and checksum, or another beginning.
MARK = re.compile(rb"(?s)\x1b{4}(?:\x1b{4}|\x1a...|\x01{4})")
MARK_BYTES = 8
# No file is shorter: two marks, and a message of at least 20 bytes.
FILE_BYTES_MIN = 36

# Types of elements, as they stand in the higher four bits of a TL field.
OCTETS, BOOLEAN, SIGNED, UNSIGNED, LIST = 0x00, 0x40, 0x50, 0x60, 0x70
ABSENT = b"\x01"  # an optional element that is left out
END = b"\x00"  # the last member of a message; after the last message bytes like it fill up
MESSAGE = 0x76  # a list of six members

_GOES_ON = 0x80
_FIELD_BYTES_MAX = 4
_MAKER_OF_KERMIT = b"HLY"

# How many bytes an element has by its TL field; 0 for lists, for long fields, and for none at all.
_SIZES = [0] * 256
_SIZES[ABSENT[0]] = _SIZES[END[0]] = 1
_SIZES[BOOLEAN | 2] = 2
for _size in range(2, 16):
    _SIZES[OCTETS | _size] = _size
for _size in range(2, 10):
    _SIZES[SIGNED | _size] = _SIZES[UNSIGNED | _size] = _size


def pattern(*kinds: int, bytes_max: int) -> bytes:
    """What matches an element of these types with a short TL field; other than lists."""
    sizes = range(2, bytes_max + 1)
    fields = [b"".join(b"\\x%02x" % (kind | size) for kind in kinds) for size in sizes]
    return b"|".join(b"[%b].{%d}" % pair for pair in zip(fields, range(1, bytes_max), strict=True))


def wrong_checksum(frame: bytes, x25: Callable[[bytes], int] = crc.x25) -> str:
    """What is wrong with the checksum at a frame's end, which runs over all before it; else "".

    Early firmware of Holley meters computes CRC-16/KERMIT and sends its higher byte first. For
    other makers this is not tried: one more right answer is one more way for damage to slip by.
    """
    counted = frame[:-2]
    gives = x25(counted)
    if gives == frame[-2] | frame[-1] << 8:
        return ""
    if _MAKER_OF_KERMIT in frame and crc.kermit(counted) == frame[-2] << 8 | frame[-1]:
        return ""
    return f"file says {frame[-1]:02X}{frame[-2]:02X}, its bytes give {gives:04X}"


def content(frame: bytes) -> bytes:
    """What stands between begin and end, with the fill bytes; each doubled 1B1B1B1B once."""
    inner = frame[MARK_BYTES:-MARK_BYTES]
    return inner.replace(ESCAPE * 2, ESCAPE) if ESCAPE in inner else inner


def after(data: bytes, at: int) -> int:
    """The place after the element at `at` with all its members; 0 where none stands whole.

    Lists are counted and not entered, so that their depth costs nothing.
    """
    end = len(data)
    due = 1
    while due:
        if at >= end:
            return 0
        field = data[at]
        size = _SIZES[field]
        if size:
            at += size
            due -= 1
        elif LIST <= field < _GOES_ON:
            at += 1
            due += field - LIST - 1
        else:
            field_bytes, length = _long_field(data, at)
            kind = field & 0x70
            if not field_bytes or kind not in {OCTETS, LIST}:
                return 0
            at += field_bytes if kind == LIST else length
            due += length - 1 if kind == LIST else -1
    return at if at <= end else 0


def places(data: bytes, at: int, number: int) -> list[int]:
    """Where the next elements begin, and where the last of them ends; [] if one is not whole."""
    found = [at]
    for _ in range(number):
        at = after(data, at)
        if not at:
            return []
        found.append(at)
    return found


def _long_field(data: bytes, at: int) -> tuple[int, int]:
    """How many bytes a TL field has and the length it tells; 0 bytes if it is none."""
    length = 0
    for size, byte in enumerate(data[at : at + _FIELD_BYTES_MAX], 1):
        if size > 1 and byte & 0x70:
            break
        length = length << 4 | byte & 0x0F
        if byte < _GOES_ON:
            is_whole = data[at] & 0x70 == LIST or length >= size
            return (size, length) if is_whole and size > 1 else (0, 0)
    return 0, 0


def members(data: bytes, at: int) -> tuple[int, int]:
    """How many members the list at `at` has, and where the first begins; 0, 0 for no list."""
    field = data[at] if at < len(data) else 0
    if field & 0x70 != LIST:
        return 0, 0
    if field < _GOES_ON:
        return field - LIST, at + 1
    field_bytes, length = _long_field(data, at)
    return (length, at + field_bytes) if field_bytes else (0, 0)


def octets(element: bytes) -> bytes | None:
    """The bytes of a string of octets; None for what is none, or an empty one."""
    if element[0] & 0x70 != OCTETS or len(element) < 2:
        return None
    return element[1:] if element[0] < _GOES_ON else element[_long_field(element, 0)[0] :]


def integer(element: bytes) -> int | None:
    """The number, of one to eight bytes; None for what is none."""
    kind = element[0] & 0xF0
    if kind == UNSIGNED:
        return int.from_bytes(element[1:], "big")
    return int.from_bytes(element[1:], "big", signed=True) if kind == SIGNED else None


def wrong_message(counted: bytes, says: int | None, x25: Callable[[bytes], int] = crc.x25) -> str:
    """What is wrong with the checksum of a message, which runs over all bytes before it; else "".

    It stands there as a number with its two bytes swapped; KERMIT, for which see
    `wrong_checksum`, with its bytes in order. Where it is left out, that of the file guards the
    message as well.
    """
    crc16 = x25(counted)
    gives = (crc16 & 0xFF) << 8 | crc16 >> 8
    if says == gives or says is None:
        return ""
    if _MAKER_OF_KERMIT in counted and says == crc.kermit(counted):
        return ""
    return f"message says {says:04X}, its bytes give {gives:04X}"
