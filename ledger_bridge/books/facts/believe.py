"""The life of a meter: which increase of a counter is believed, and why not where it is not.

A counter is measured against the highest count ever believed of the same meter, so a dip to zero
and back adds nothing, and what is credited over any span never exceeds what the counter gained.
"""

from typing import NamedTuple

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.facts.evidence import ELECTRICITY, Counter
from ledger_bridge.books.quantity import Amount, worth
from ledger_bridge.books.registry.registry import Fit

# A reading may be this much ahead of the gateway's own clock when the record was made.
AHEAD_MS_MAX = 15 * 60_000

FIRST = "first"  # nothing before it to compare with
NOBODY = "nobody"  # no meter fit covers it
LOWER = "lower"  # below what this meter counted before
RATING = "rating"  # more than the connection can carry
AHEAD = "ahead"  # stamped in the future
PULSES = "pulses"  # nobody said what a pulse of this meter is worth

# After these the next reading is measured from this one.
MOVES_ON = ("", FIRST, NOBODY, PULSES)

# What the connections of small consumers carry in an hour, in thousandths of the base unit: gas
# (and water, which is less) at 40 m3/h, heat at 100 kW. For electricity the fit has the rating.
MOST_PER_HOUR = {"l": 40_000_000, "J": 360_000_000_000}
HOUR_MS = 3_600_000

# A fit whose count begins afresh means the day on which it begins, of up to 25 hours.
ANEW_MS = 25 * 3_600_000

# So many readings in a row must stand up there before a leap that nobody believes is the level
# from which the meter is measured on: an hour of quarter-hours. A spike is gone by then.
LEAP_READINGS = 4


class Leap(NamedTuple):
    """Readings in a row above what the connection can have brought: where they began, the last."""

    at_ms: int
    value: int
    last_ms: int
    readings: int


# The last believed count of one meter's register, (at_ms, value), and the leap it has not believed
# since.
Tail = tuple[int, int, Leap | None]

# What one reading adds, why not ("" when it does), and the tail after it. Plain tuples: four of
# these are made for every record.
Belief = tuple[int, str, Tail | None]


def most_mwh(rated_w: int, span_ms: int) -> int:
    """The most that a connection of `rated_w` carries in a span: a tenth more, and one Wh.

    Stamps may be seconds off and readings seconds apart, so a span counts as a quarter-hour at
    least. Rounded up.
    """
    return -(-rated_w * max(span_ms, QUARTER_MS) * 11 // 36_000) + 1_000


def per_pulse_of(reading: Counter, fit: Fit | None) -> str:
    """What a pulse of this meter is worth by its fit; "" where it is not for this register."""
    if reading.unit != "pulse" or fit is None or not fit.per_pulse:
        return ""
    if reading.register.startswith(ELECTRICITY) and worth(fit.per_pulse).base != "Wh":
        return ""
    return fit.per_pulse


def _counts_nothing(reading: Counter, fit: Fit) -> bool:
    """Whether nobody said what a count of this meter stands for."""
    return reading.unit == "pulse" and not per_pulse_of(reading, fit)


def believe(reading: Counter, fit: Fit | None, tail: Tail | None) -> Belief:
    """Judge a reading that comes after `tail` in the time of its meter.

    `fit` is the one that covers the interval which this reading ends. A count of a meter that is
    nobody's moves the tail all the same: who gets the meter from then on starts there.
    """
    at_ms, value = reading.at_ms, reading.value
    if at_ms > reading.made_ms + AHEAD_MS_MAX:
        return 0, AHEAD, tail
    if tail is not None and value < tail[1]:
        if fit is None or not fit.anew or at_ms > fit.from_ms + ANEW_MS:
            return 0, LOWER, tail
        tail = None
    if fit is None:
        return 0, NOBODY, (at_ms, value, None)
    if tail is None or tail[0] < fit.from_ms or _counts_nothing(reading, fit):
        # What was counted before the fit began, or was known of, is nobody's.
        return 0, PULSES if _counts_nothing(reading, fit) else FIRST, (at_ms, value, None)
    delta = value - tail[1]
    # Waiting makes no leap true: once one stands, an interval begins at the reading before.
    since_ms = tail[2].last_ms if tail[2] else tail[0]
    if delta and _is_too_much(reading, fit, delta, at_ms - since_ms):
        leap = _leap(reading, fit, tail[2])
        if leap.readings < LEAP_READINGS:
            return 0, RATING, (tail[0], tail[1], leap)
        # The meter stands up there now: it is measured from where it leapt to.
        delta = value - leap.value
    return delta, "", (at_ms, value, None)


def _is_too_much(reading: Counter, fit: Fit, delta: int, span_ms: int) -> bool:
    """Whether the connection cannot have brought so much in the time."""
    gained: Amount = delta
    unit = reading.unit
    if unit == "pulse":
        amount, unit = worth(fit.per_pulse)
        gained = delta * amount
    if unit == "Wh":
        return gained > most_mwh(fit.rated_w, span_ms)
    return gained * HOUR_MS > MOST_PER_HOUR[unit] * max(span_ms, QUARTER_MS)


def _leap(reading: Counter, fit: Fit, leap: Leap | None) -> Leap:
    """The leap that this reading belongs to: the one that stands, or a new one."""
    at_ms, value = reading.at_ms, reading.value
    if leap is None or value < leap.value:
        return Leap(at_ms, value, at_ms, 1)
    if _is_too_much(reading, fit, value - leap.value, at_ms - leap.at_ms):
        return Leap(at_ms, value, at_ms, 1)
    # What is told twice, in two chains, is one reading.
    return leap._replace(last_ms=at_ms, readings=leap.readings + (at_ms > leap.last_ms))


def amount_of(delta: int, per_pulse: str) -> Amount:
    """An increase in thousandths of its base unit, exactly; pulses by what one is worth."""
    return worth(per_pulse).amount * delta if per_pulse else delta


def base_of(unit: str, per_pulse: str) -> str:
    """The unit that `amount_of` gives thousandths of; pulses without worth stay pulses."""
    return worth(per_pulse).base if per_pulse else unit
