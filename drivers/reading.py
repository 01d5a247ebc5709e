"""The vocabulary of every driver: what a device said, and what could not be believed."""

from typing import NamedTuple

# NamedTuple rather than a frozen dataclass: a P1 meter makes 40 of these a second and a tuple
# is built four times as fast.


class Reading(NamedTuple):
    """One register's value at one time.

    `register` is an OBIS code `A-B:C.D.E` (IEC 62056-6-1; `*F` only where F is not 255), or a
    scale's or card reader's own word (`gross`, `net`, `tare` in mg, `alibi` for the number under
    which a verified scale keeps this weighing, `card`). `value` is an exact integer
    in `unit`, or text with `unit` "". `unit` is one of `UNITS`. `at_ms` is the device's own time,
    UTC milliseconds since 1970, None where it gave none that can be believed. `serial` is the
    serial number of the meter that counts (an M-Bus meter behind a P1 port has its own).
    `until_ms` closes the period of a value that sums up a period, such as a month's peak.
    `doubt` is "" or the reason to be careful: "unchecked" (the protocol has no checksum),
    "unverified" (decrypted, but nobody could check who encrypted it), "unstable" (the scale still
    moves), "unjudged" (the scale never says whether it moves).
    """

    register: str
    value: int | str
    unit: str = ""
    at_ms: int | None = None
    serial: str = ""
    until_ms: int | None = None
    doubt: str = ""


class Fault(NamedTuple):
    """Bytes that could not be believed: what kind, where in the stream, and how many.

    `offset` counts bytes from the first byte ever fed; `detail` says what was seen instead of
    what was allowed, never the whole text.
    """

    kind: str
    offset: int
    length: int
    detail: str = ""


class Message(NamedTuple):
    """A span of bytes with its readings and its faults.

    A telegram that is refused as a whole is a Message with no readings and its fault. Noise
    between telegrams is a Message with a fault of kind "noise".
    `raw` holds exactly the bytes of the span (empty for noise, which is counted and not kept).
    """

    offset: int
    raw: bytes
    readings: tuple[Reading, ...] = ()
    faults: tuple[Fault, ...] = ()


# Milli-units: the integer unit of every reading, and its SenML name (RFC 8428, RFC 8798).
# A value of n in the unit on the left is n / 1000 in the unit on the right.
UNITS = {
    "mWh": "Wh",
    "mvarh": "varh",
    "mVAh": "VAh",
    "mW": "W",
    "mvar": "var",
    "mVA": "VA",
    "mV": "V",
    "mA": "A",
    "mHz": "Hz",
    "m°C": "Cel",
    "mL": "l",
    "mJ": "J",
    "mg": "g",
    "ms": "s",
}

# Whole things, never divided.
COUNTS = {"pulse", "piece", "count"}
