"""The life of a meter: which increase of a counter is believed, and why not where it is not.

A counter is measured against the highest count ever believed of the same meter, so a dip to zero
and back adds nothing, and what is credited over any span never exceeds what the counter gained.
"""

from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.evidence import Counter
from ledger_bridge.books.registry import Fit

# A reading may be this much ahead of the gateway's own clock when the record was made.
AHEAD_MS_MAX = 15 * 60_000

FIRST = "first"  # nothing before it to compare with
NOBODY = "nobody"  # no meter fit covers it
AGAIN = "again"  # told before under the same id
WEIGHT = "weight"  # no bag weighs that
LOWER = "lower"  # below what this meter counted before
RATING = "rating"  # more than the connection can carry
AHEAD = "ahead"  # stamped in the future

# What the largest scale of a recycling point carries: 3 t.
NET_MG_MAX = 3_000_000_000

# After these the next reading is measured from this one.
MOVES_ON = ("", FIRST, NOBODY)


# The last believed count of one meter's register, (at_ms, value): what the next reading needs.
Tail = tuple[int, int]

# What one reading adds, why not ("" when it does), and the tail after it. Plain tuples: four of
# these are made for every record.
Belief = tuple[int, str, Tail | None]


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
    at_ms, value = reading.at_ms, reading.value
    if at_ms > reading.made_ms + AHEAD_MS_MAX:
        return 0, AHEAD, tail
    if tail is not None and value < tail[1]:
        return 0, LOWER, tail
    if fit is None:
        return 0, NOBODY, (at_ms, value)
    if tail is None or tail[0] < fit.from_ms:
        # What was counted before the fit began, or was known of, is nobody's.
        return 0, FIRST, (at_ms, value)
    delta = value - tail[1]
    if delta and reading.unit == "Wh" and delta > most_mwh(fit.rated_w, at_ms - tail[0]):
        return 0, RATING, tail
    return delta, "", (at_ms, value)
