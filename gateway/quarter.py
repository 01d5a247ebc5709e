"""Which messages become boundary records and samples. Pure: the journal keeps what this decides.

A quarter-hour is 900 s of UTC. The reading of a boundary is the first one at or after it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import compress

import msgspec

from drivers.reading import Message, Reading
from gateway.channels import is_channel
from gateway.contract.keys import b64
from gateway.contract.record import Element, element

QUARTER_MS = 900_000
MINUTE_MS = 60_000
# A meter's clock further than this from ours is not believed.
METER_CLOCK_MS_MAX = 900_000
# Gas is read by the hour or the five minutes, some water and heat once a day, of up to 25 hours.
# What is older comes from a meter that is gone, silent or wrong.
CHANNEL_MS_MAX = 25 * 3_600_000
# The time is that of receipt: the device's own cannot be believed.
CLOCK_DOUBT = "meter-clock"
# Elements of one record, encoded: leaves room for identity and signature in 64 KiB.
PACK_BYTES_MAX = 56 * 1024
SAMPLES_MAX = 15


class Moment(NamedTuple):
    """The domain's time, asked once per message: a village's clock may jump while we work.

    `utc_ms` is None while the clock is unset. `clock` is synced, held, meter or unset.
    """

    utc_ms: int | None
    mono_ms: int
    clock: str


class Timed(NamedTuple):
    """A meter's numeric readings with their time settled; `at_ms` is that of the telegram.

    None where nobody has a time yet: whoever reads the record works it out from a later one.
    """

    at_ms: int | None
    readings: tuple[Reading, ...]
    by_meter: bool


class Sample(NamedTuple):
    device: str
    at_ms: int
    readings: tuple[Reading, ...]


def timed(message: Message, moment: Moment, *, is_sure: bool) -> Timed | None:
    """The readings of a meter with their times, None for other devices.

    `is_sure`: our clock is kept right, or was in this boot. Then the meter's own time is taken
    within `METER_CLOCK_MS_MAX` of it, else the time of receipt with the doubt "meter-clock". If we
    are not sure, the meter's own is taken whatever ours says; without one ours, or none.

    A meter on an M-Bus channel has a clock of its own: its stamp stays where it is of the last day,
    or where we cannot tell, and is doubted otherwise. What belongs to another day by its register
    (`…*1`) or by its stamp keeps that stamp.
    """
    numeric = tuple(r for r in message.readings if not isinstance(r.value, str))
    if not any(":" in reading.register for reading in numeric):
        return None
    own, now, doubt = _own_ms(message.readings), moment.utc_ms, ""
    assert now is not None or not is_sure
    is_near = now is not None and own is not None and abs(own - now) <= METER_CLOCK_MS_MAX
    by_meter = own is not None and (is_near or not is_sure)
    if own is not None and not by_meter:
        doubt = CLOCK_DOUBT
    at_ms = own if by_meter else now
    can_tell = is_sure or by_meter
    settled = tuple(_settled(r, own, at_ms, doubt, can_tell=can_tell) for r in numeric)
    return Timed(at_ms, settled, by_meter)


def _own_ms(readings: Iterable[Reading]) -> int | None:
    """The telegram's own stamp: the one that most of its registers carry."""
    stamps = Counter(
        r.at_ms
        for r in readings
        if r.at_ms is not None and "*" not in r.register and not is_channel(r.register)
    )
    return max(stamps, key=lambda at: (stamps[at], at), default=None)


def _settled(
    reading: Reading, own: int | None, at_ms: int | None, doubt: str, *, can_tell: bool
) -> Reading:
    """A reading of a telegram that counts as of `at_ms`, its own stamp being `own`."""
    stamp = reading.at_ms
    if is_channel(reading.register) and (stamp is None or stamp != own):
        if stamp is not None and (not can_tell or _is_of_the_day(stamp, at_ms)):
            return reading
        doubt = CLOCK_DOUBT
    elif stamp not in {None, own}:
        return reading
    # Doubts are words: a reading without a checksum may have a wrong clock as well.
    return reading._replace(at_ms=at_ms, doubt=f"{reading.doubt} {doubt}".strip())


def _is_of_the_day(stamp: int, at_ms: int | None) -> bool:
    return at_ms is not None and -CHANNEL_MS_MAX <= stamp - at_ms <= METER_CLOCK_MS_MAX


def is_due(last_ms: int | None, boundary_ms: int) -> bool:
    """Whether a boundary is still to be recorded, `last_ms` being the last one that was.

    More than one step back means that the clock was wrong when the last one was recorded; one
    step back is only a telegram stamped by another clock.
    """
    return last_ms is None or boundary_ms > last_ms or last_ms - boundary_ms > QUARTER_MS


class Quarters:
    """Remembers per device the last boundary and the samples since; holds nothing else."""

    def __init__(self, boundaries: dict[str, int]) -> None:
        """`boundaries`: the last boundary recorded per device, as the journal has it."""
        self._boundaries = dict(boundaries)
        self._minutes: dict[str, int] = {}
        self._samples: dict[str, list[Sample]] = {}

    def forget(self) -> None:
        """The clock was set: the boundaries that it passed before may not have been any."""
        self._boundaries.clear()

    def boundary(self, device: str, at_ms: int) -> int | None:
        """The boundary which a reading at `at_ms` is the first to pass, None if none.

        Without a time `at_ms` counts from the boot: such a boundary lies far from all others.
        """
        boundary = at_ms // QUARTER_MS * QUARTER_MS
        if not is_due(self._boundaries.get(device), boundary):
            return None
        self._boundaries[device] = boundary
        return boundary

    def sample(self, device: str, reading: Timed) -> None:
        """Keep this reading if it is the first of its minute; without a time it is no sample."""
        if reading.at_ms is None:
            return
        minute = reading.at_ms // MINUTE_MS
        if self._minutes.get(device) != minute:
            self._minutes[device] = minute
            kept = self._samples.setdefault(device, [])
            kept.append(Sample(device, reading.at_ms, reading.readings))

    def samples(self, device: str, *, all_of_them: bool = False) -> list[Sample]:
        """Take out the samples kept so far once there are `SAMPLES_MAX`, or all of them."""
        kept = self._samples.get(device, [])
        if len(kept) < SAMPLES_MAX and not all_of_them:
            return []
        self._samples[device] = []
        return kept


def elements(device: str, readings: Iterable[Reading], *, base_ms: int) -> list[Element]:
    return [element(device, reading, base_ms=base_ms) for reading in readings]


def telegram(device: str, raw: bytes) -> Element:
    """The bytes that the readings came from, deflated."""
    return Element(n=f"{device}/telegram", vd=b64(compress(raw)))


def packs(pack: Iterable[Element]) -> Iterator[list[Element]]:
    """The same elements in packs that each fit one record; one that fits none is left out."""
    kept: list[Element] = []
    size = 0
    for one in pack:
        length = len(msgspec.json.encode(one)) + 1
        if length > PACK_BYTES_MAX:
            continue
        if size + length > PACK_BYTES_MAX:
            yield kept
            kept, size = [], 0
        kept.append(one)
        size += length
    if kept:
        yield kept
