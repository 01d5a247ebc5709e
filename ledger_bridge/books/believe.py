"""The life of a meter: which increase of a counter is believed, and why not where it is not.

A counter is measured against the highest count ever believed of the same meter, so a dip to zero
and back adds nothing, and what is credited over any span never exceeds what the counter gained.
"""

from typing import NamedTuple

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.evidence import Counter
from ledger_bridge.books.registry import Fit

# A reading may be this much ahead of the gateway's own clock when the record was made.
AHEAD_MS_MAX = 15 * 60_000

FIRST = "first"  # nothing before it to compare with
NOBODY = "nobody"  # no meter fit covers it
WEIGHT = "weight"  # no bag weighs that
LOWER = "lower"  # below what this meter counted before
RATING = "rating"  # more than the connection can carry
AHEAD = "ahead"  # stamped in the future

# What the largest scale of a recycling point carries: 3 t.
NET_MG_MAX = 3_000_000_000

# After these the next reading is measured from this one.
MOVES_ON = ("", FIRST, NOBODY)


class Tail(NamedTuple):
    """The last believed count of one meter's register: the state that the next reading needs."""

    at_ms: int
    value: int


class Belief(NamedTuple):
    """What one reading adds, why not ("" when it does), and the state after it."""

    delta: int
    verdict: str
    tail: Tail | None


def most_mwh(rated_w: int, span_ms: int) -> int:
    """The most that a connection of `rated_w` carries in a span: a tenth more, and one Wh.

    Stamps may be seconds off and readings seconds apart, so a span counts as a quarter-hour at
    least. Rounded up.
    """
    return -(-rated_w * max(span_ms, QUARTER_MS) * 11 // 36_000) + 1_000


def believe(reading: Counter, fit: Fit | None, tail: Tail | None) -> Belief:
    """Judge a reading that comes after `tail` in the time of its meter.

    `fit` is the one that covers the interval which this reading ends. A count of a meter that is
    nobody's moves the tail all the same: who gets the meter from then on starts there.
    """
    if reading.at_ms > reading.made_ms + AHEAD_MS_MAX:
        return Belief(0, AHEAD, tail)
    if tail is not None and reading.value < tail.value:
        return Belief(0, LOWER, tail)
    here = Tail(reading.at_ms, reading.value)
    if fit is None:
        return Belief(0, NOBODY, here)
    if tail is None or tail.at_ms < fit.from_ms:
        # What was counted before the fit began, or was known of, is nobody's.
        return Belief(0, FIRST, here)
    delta = reading.value - tail.value
    if reading.unit == "Wh" and delta > most_mwh(fit.rated_w, reading.at_ms - tail.at_ms):
        return Belief(0, RATING, tail)
    return Belief(delta, "", here)
