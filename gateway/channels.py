"""The meters behind a smart meter, on the channels of its M-Bus: what each counts, and which lives.

A meter may hang on any channel and move to another; the one it replaced may stay listed for ever
with its last count. So a meter is found by its device type and the freshest stamp.
Spec: DSMR P1 companion 5.0.2, §6.12 (`0-n:24.1.0`, `0-n:24.2.1`); EN 13757-3, device types.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.reading import Reading

# By device type, as `0-n:24.1.0` says it.
KINDS = {
    2: "electricity",
    3: "gas",
    4: "heat",
    6: "hot water",
    7: "water",
    10: "cold",
    11: "cold",
    12: "heat",
    13: "heat",
    21: "hot water",
    22: "water",
}
# Meters of one kind whose stamps lie so close are both alive: gas is read at least once an hour.
LIVE_MS = 3 * 3_600_000

_CHANNEL = re.compile(r"0-[1-9]\d*:")
_COUNT = re.compile(r"(0-[1-9]\d*):24\.2\.\d+")


def is_channel(register: str) -> bool:
    """Whether a register belongs to a meter on an M-Bus channel, which has its own clock."""
    return _CHANNEL.match(register) is not None


class Behind(NamedTuple):
    """A count of a meter behind a smart meter. `kind` is "" where its device type is not known.

    `alive` says that no meter of the same kind has been heard much later.
    """

    kind: str
    alive: bool
    reading: Reading


def behind(readings: Mapping[str, Reading]) -> list[Behind]:
    """The counts on all M-Bus channels of one telegram, by channel."""
    found: list[tuple[str, int, Reading]] = []
    for register, reading in readings.items():
        channel = _COUNT.fullmatch(register)
        if channel and not isinstance(reading.value, str):
            kind, telegram_ms = _kind(readings.get(f"{channel[1]}:24.1.0"))
            stamp = reading.at_ms
            # A stamp later than its own telegram is no time.
            is_time = stamp is not None and (telegram_ms is None or stamp <= telegram_ms)
            found.append((kind, (stamp or 0) if is_time else 0, reading))
    newest: dict[str, int] = {}
    for kind, stamp_ms, _ in found:
        newest[kind] = max(stamp_ms, newest.get(kind, 0))
    return [
        Behind(kind, not kind or newest[kind] - stamp_ms <= LIVE_MS, reading)
        for kind, stamp_ms, reading in found
    ]


def _kind(told: Reading | None) -> tuple[str, int | None]:
    """The kind of meter on a channel, and when the telegram said so."""
    if told is None or not str(told.value).isdecimal():
        return "", None
    return KINDS.get(int(told.value), ""), told.at_ms


def by_kind(readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """The live meter of each kind; of several the one told first, so that it stays the same."""
    found: dict[str, Reading] = {}
    for kind, alive, reading in behind(readings):
        if kind and alive:
            found.setdefault(kind, reading)
    return found
