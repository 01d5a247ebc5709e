"""Pushes read by the shape of one that came before: a meter's differ in numbers and clocks alone.

The first telegram of a shape is read by what it says of itself (drivers/wire/push_styles.py), and
where its numbers and clocks stand is kept. Whatever equals it in every other byte, texts among
them, says the same with other numbers. Anything else is read as if it were the first.

Of a clock only minutes and what is below may differ: within an hour its time is the hour's and
these, whatever the clock says of summer and zones.
"""

from itertools import repeat
from operator import itemgetter, mul
from struct import Struct

from drivers.reading import Reading
from drivers.wire import moments, push_values
from drivers.wire.push_values import Heard

SHAPES_MAX = 8  # a meter has up to three lists
_INVOKE = slice(1, 5)  # the telegram's own number, which nobody reads
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}  # by how many bytes there are
_SIMPLE_BYTES_MAX = 4  # of the numbers that `Field.is_simple` speaks of
_HIGHEST_BIT = 0x80
_MINUTE, _TICKS = 6, 3  # minute, second and hundredths among the octets of a clock
_LAST = 59
_BELOW_HOURS = len("00:00")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Shape:
    """What telegrams of one length have in common, and what to make of the rest."""

    def __init__(
        self, apdu: bytes, heard: Heard, sent_at: int, readings: tuple[Reading, ...]
    ) -> None:
        """`readings` are those of `apdu`, which `is_fit`. The moment that it was sent stands at
        `sent_at`, or at 0 where it says none."""
        self._registers = [reading.register for reading in readings]
        self._units = [reading.unit for reading in readings]
        self._serials = [reading.serial for reading in readings]

        # Numbers without a unit or a fraction may name the meter, so they stay as they are.
        numbers = [
            (at, own, place)
            for at, place in heard.numbers
            if place and ((own := heard.said[at][0]).unit or own.divisor > 1)
        ]
        numbers_at = [at for at, _, _ in numbers]
        self._multipliers = [own.multiplier for _, own, _ in numbers]
        self._others = [
            (nth, own)
            for nth, (_, own, place) in enumerate(numbers)
            if not own.is_simple or own.divisor > 1 or place.stop - place.start > _SIMPLE_BYTES_MAX
        ]
        self._sizes = [
            ([numbers_at.index(at) for at in sized.places], *sized.bounds())
            for sized in heard.sizes
        ]

        # Where a minute stands, and what the clock writes before it.
        clocks = heard.clocks or [(-1, sent_at)] * (sent_at > 0)
        self._clocks = [
            (at + _MINUTE, str(heard.said[said_at][1])[:-_BELOW_HOURS]) for said_at, at in clocks
        ]
        at_ms = readings[0].at_ms
        if at_ms is not None:
            minute_at = self._clocks[-1][0]
            at_ms -= _ms(*apdu[minute_at : minute_at + _TICKS])
        self._hour_ms = at_ms

        # What varies comes first, then what stays; the order is that of the readings.
        varying = numbers_at + [said_at for said_at, _ in clocks]
        staying = [at for at in range(len(readings)) if at not in varying]
        self._staying = [readings[at].value for at in staying]
        order = {at: nth for nth, at in enumerate(varying + staying)}
        # One too many, for of one alone it gives no tuple.
        self._in_order = itemgetter(*(order[at] for at in range(len(readings))), 0)

        self._numbers = _struct([place for _, _, place in numbers], len(apdu))
        mask = bytearray(b"\xff" * len(apdu))
        mask[_INVOKE] = bytes(4)
        if heard.clocks and sent_at:  # then nobody looks at when it was sent
            mask[sent_at : sent_at + moments.OCTETS] = bytes(moments.OCTETS)
        for at, _ in self._clocks:
            mask[at : at + _TICKS] = bytes(_TICKS)
        for _, _, place in numbers:
            mask[place] = bytes((_HIGHEST_BIT,)).ljust(place.stop - place.start, b"\0")
        self._mask = int.from_bytes(mask, "big")
        self._same = int.from_bytes(apdu, "big") & self._mask

    def read(self, apdu: bytes, doubt: str) -> tuple[Reading, ...]:
        """The readings of a telegram of the same length; nothing if its shape is another."""
        if int.from_bytes(apdu, "big") & self._mask != self._same:
            return ()
        numbers = self._numbers.unpack(apdu)
        for chosen, lowest, below in self._sizes:
            if not lowest <= max([numbers[nth] for nth in chosen]) < below:
                return ()
        values: list[int | str] = [*map(mul, numbers, self._multipliers)]
        for nth, own in self._others:
            told = push_values.measured(own, numbers[nth])
            if isinstance(told, tuple):
                return ()
            values[nth] = told
        ms = 0
        for at, hour in self._clocks:  # the last is what counts
            minute, second, hundredths = apdu[at : at + _TICKS]
            if minute > _LAST or second > _LAST:
                return ()
            values.append(f"{hour}{minute:02}:{second:02}")
            ms = _ms(minute, second, hundredths)
        at_ms = None if self._hour_ms is None else self._hour_ms + ms
        values += self._staying
        columns = zip(
            self._registers,
            self._in_order(values),
            self._units,
            repeat(at_ms),
            self._serials,
            repeat(None),
            repeat(doubt),
            strict=False,
        )
        return tuple(map(_new, repeat(Reading), columns))


def is_fit(apdu: bytes, heard: Heard, sent_at: int) -> bool:
    """Whether other telegrams may be read by the shape of this one: nothing in it is in trouble,
    its numbers are whole ones whose highest bit is not set, neither negative nor standing for no
    value, and its clocks tell the second."""
    if heard.troubles or not heard.said:
        return False
    places = [place for _, place in heard.numbers]
    clocks = [at for _, at in heard.clocks] + [sent_at] * (sent_at > 0)
    return all(place and not apdu[place.start] & _HIGHEST_BIT for place in places) and all(
        apdu[at + _MINUTE + 1] <= _LAST for at in clocks
    )


def keep(shapes: dict[int, Shape], length: int, shape: Shape) -> None:
    """Keeps the shape of telegrams of this length, and forgets the oldest of too many."""
    if length not in shapes and len(shapes) >= SHAPES_MAX:
        del shapes[next(iter(shapes))]
    shapes[length] = shape


def _ms(minute: int, second: int, hundredths: int) -> int:
    """The milliseconds since the full hour."""
    return (minute * 60 + second) * 1000 + (hundredths * 10 if hundredths < 100 else 0)


def _struct(places: list[slice], size: int) -> Struct:
    """Takes the numbers at these places out of `size` bytes."""
    written, at = ">", 0
    for place in places:
        written += f"{place.start - at}x{_CODES[place.stop - place.start]}"
        at = place.stop
    return Struct(f"{written}{size - at}x")
