"""Characters of seven bits on a line that is taken as 8N1, so that their parity stands in bit 7.

A UART that is told 7E1 drops a wrong parity without a word; taken as 8N1 the line shows it, and a
protocol without a checksum has nothing better. A sender that has no parity is read all the same.
"""

_BITS = range(256)

# Tables for bytes.translate: no parity, even, odd.
PLAIN = bytes(byte & 0x7F for byte in _BITS)
EVEN = bytes(byte & 0x7F | (byte & 0x7F).bit_count() % 2 << 7 for byte in _BITS)
ODD = bytes(byte ^ 0x80 for byte in EVEN)


def parity(raw: bytes) -> bytes:
    """The table of these that all bytes keep to, PLAIN before the others; b"" for none of them.

    >>> parity(b"W") == PLAIN, parity(b"\\xd7\\x8d") == EVEN, parity(b"W\\x8d") == b""
    (True, True, True)
    """
    if raw.isascii():
        return PLAIN
    if raw == raw.translate(EVEN):
        return EVEN
    return ODD if raw == raw.translate(ODD) else b""
