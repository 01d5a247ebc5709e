"""The life of a meter: which increase of a counter is believed, and why not where it is not.

A counter is measured against the highest count ever believed of the same meter, so a dip to zero
and back adds nothing, and what is credited over any span never exceeds what the counter gained.
What a steward decided about counts goes before.
"""

from typing import NamedTuple

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.facts.evidence import ELECTRICITY, Counter
from ledger_bridge.books.quantity import Amount, part_of, worth
from ledger_bridge.books.registry.registry import Fit

# A reading may be this much ahead of the gateway's own clock when the record was made.
AHEAD_MS_MAX = 15 * 60_000

FIRST = "first"  # nothing before it to compare with
NOBODY = "nobody"  # no meter fit covers it
LOWER = "lower"  # below what this meter counted before
RATING = "rating"  # more than the connection can carry
AHEAD = "ahead"  # stamped in the future
PULSES = "pulses"  # nobody said what a pulse of this meter is worth
IGNORED = "ignored"  # a steward: this count is as if it had never been told
REVOKED = "revoked"  # its gateway was revoked: as if it had never been told
REFUSED = "refused"  # a steward: what was gained up to this count is not credited
# Of counts that are right, but what they gained is not credited, or elsewhere.
OUTRANKED = "outranked"  # there is an official figure of it
CORRECTED = "corrected"  # a later paper says another figure
WITHIN = "within"  # it is in the count of all tariffs together
BEHIND = "behind"  # it hangs behind a meter that counts this already
PRODUCED = "produced"  # panels produced it; what was given of it another meter counts
NIGHT = "night"  # only panels produce here, and the sun was down
BATTERY = "battery"  # there is a battery, and no more was produced than that
SIGHT = "sight"  # somebody read another count off the meter

# After these the next reading is measured from this one.
MOVES_ON = (
    *("", FIRST, NOBODY, PULSES, REFUSED, OUTRANKED),
    *(WITHIN, BEHIND, PRODUCED, NIGHT, BATTERY, SIGHT),
)
# These wait for somebody: for as long as the newest count is such a one, or until it is decided.
WAITS_WHILE_NEWEST = (NOBODY, LOWER, RATING, AHEAD, PULSES)
WAITS = (NIGHT, BATTERY, SIGHT)

# What the connections of small consumers carry in an hour, in thousandths of the base unit: gas
# (and water, which is less) at 40 m3/h, heat at 100 kW. For electricity the fit has the rating.
MOST_PER_HOUR = {"l": 40_000_000, "J": 360_000_000_000}
HOUR_MS = 3_600_000

# A fit whose count begins afresh means the day on which it begins, of up to 25 hours.
ANEW_MS = 25 * 3_600_000

# What a count's last digit before the comma stands for, by its unit, in thousandths: kWh, m3, MJ.
DIGIT = {"Wh": 1_000_000, "l": 1_000_000, "J": 1_000_000_000, "pulse": 1}

# So many readings in a row must stand up there before a leap that nobody believes is the level
# from which the meter is measured on: an hour of quarter-hours. A spike is gone by then.
LEAP_READINGS = 4


class Leap(NamedTuple):
    """Readings in a row above what the connection can have brought: where they began, the last."""

    at_ms: int
    value: int
    last_ms: int
    readings: int


class Dip(NamedTuple):
    """Readings below what the meter counted before: when the last of them was."""

    last_ms: int


# The last believed count of one meter's register, (at_ms, value), and the leap or dip that it has
# not believed since.
Tail = tuple[int, int, Leap | Dip | None]

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


def per_count_of(reading: Counter, fit: Fit | None) -> str:
    """What one count stands for in this community: a pulse's worth, or the share of a thousandth
    that takes part. "" is the thousandth itself, or a pulse that nobody knows the worth of.
    """
    per_pulse = per_pulse_of(reading, fit)
    if fit is None or not fit.share or (reading.unit == "pulse" and not per_pulse):
        return per_pulse
    return part_of(fit.share, per_pulse or f"1/1000 {reading.unit}")


def _counts_nothing(reading: Counter, fit: Fit) -> bool:
    """Whether nobody said what a count of this meter stands for."""
    return reading.unit == "pulse" and not per_pulse_of(reading, fit)


def believe(
    reading: Counter, fit: Fit | None, tail: Tail | None, *, decided: bool | None = None
) -> Belief:
    """Judge a reading that comes after `tail` in the time of its meter.

    `fit` is the one that covers the interval which this reading ends. A count of a meter that is
    nobody's moves the tail all the same: who gets the meter from then on starts there. `decided` is
    what a steward said of this count: that it counts (True), or that it does not (False).
    """
    at_ms, value = reading.at_ms, reading.value
    if at_ms > reading.made_ms + AHEAD_MS_MAX and not decided:
        return 0, AHEAD if decided is None else IGNORED, tail
    gained = _rolled_over(reading, fit, tail) if tail is not None and value < tail[1] else 0
    if tail is not None and value < tail[1] and not gained:
        is_anew = fit is not None and fit.anew and at_ms <= fit.from_ms + ANEW_MS
        if not (is_anew or decided):
            left = tail[2] if isinstance(tail[2], Leap) else Dip(at_ms)
            return 0, LOWER if decided is None else IGNORED, (tail[0], tail[1], left)
        tail = None
    if fit is None:
        return 0, NOBODY, (at_ms, value, None)
    if tail is None or tail[0] < fit.from_ms or _counts_nothing(reading, fit):
        # What was counted before the fit began, or was known of, is nobody's.
        return 0, PULSES if _counts_nothing(reading, fit) else FIRST, (at_ms, value, None)
    return _measure(reading, fit, tail, gained, decided=decided)


def _measure(
    reading: Counter, fit: Fit, tail: Tail, gained: int, *, decided: bool | None
) -> Belief:
    """Judge what a meter gained since the last believed count, over a roll-over or not."""
    at_ms, value = reading.at_ms, reading.value
    delta = gained or value - tail[1]
    # Waiting makes no leap true: once one stands, an interval begins at the reading before.
    leap = tail[2] if isinstance(tail[2], Leap) else None
    span_ms = at_ms - (leap.last_ms if leap else tail[0])
    if delta and not gained and not decided and _is_too_much(reading, fit, delta, span_ms):
        if decided is False:
            return 0, IGNORED, tail
        leap = _leap(reading, fit, leap)
        if leap.readings < LEAP_READINGS:
            return 0, RATING, (tail[0], tail[1], leap)
        # The meter stands up there now: it is measured from where it leapt to.
        delta = value - leap.value
    if decided is False:
        return 0, REFUSED, (at_ms, value, None)
    return delta, "", (at_ms, value, None)


def _rolled_over(reading: Counter, fit: Fit | None, tail: Tail) -> int:
    """What the meter gained if its count ran full and went on from zero; 0 where it did not.

    Its digits, the last count and the connection must allow it, and it must be the first reading
    since: a count that stays low was set back, and waiting makes that no roll-over.
    """
    if fit is None or not fit.digits or tail[2] is not None or tail[0] < fit.from_ms:
        return 0
    full = 10**fit.digits * DIGIT[reading.unit]
    if tail[1] >= full or _counts_nothing(reading, fit):
        return 0
    gained = full - tail[1] + reading.value
    return 0 if _is_too_much(reading, fit, gained, reading.at_ms - tail[0]) else gained


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
