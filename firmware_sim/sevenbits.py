"""Characters of seven bits and their parity, on a line that carries eight bits.

Spec: EIA-232 asynchronous characters: the eighth bit makes the number of ones even or odd.
"""

NONE, EVEN, ODD = "N", "E", "O"


def sent(data: bytes, parity: str) -> bytes:
    """The characters with their parity.

    >>> sent(b"W", EVEN)
    b'\\xd7'
    """
    if parity == NONE:
        return data
    return bytes(byte | (byte.bit_count() % 2 ^ (parity == ODD)) << 7 for byte in data)


def heard(data: bytes, parity: str) -> bytes:
    """The characters of right parity; the others are not heard."""
    if parity == NONE:
        return data
    odd = parity == ODD
    return bytes(byte & 0x7F for byte in data if byte.bit_count() % 2 == odd)
