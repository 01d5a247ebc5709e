"""How high the sun stood, to tell whether panels can have produced anything. Integers only.

Spec: The Astronomical Almanac, "Low-precision formulas for the Sun": to 0.01 degree until 2050.
"""

from functools import lru_cache
from typing import NamedTuple

# Angles are millionths of a degree; sines are in units of 10**-12.
_DEGREE = 1_000_000
_ONE = 10**12
_TURN = 360 * _DEGREE
_PI = 3_141_592_653_590  # in units of 10**-12

# 2000-01-01T12:00Z, from which the formulas count days.
_EPOCH_S = 946_728_000
_DAY_S = 86_400

# The end of dusk: with the sun 6 degrees below the horizon nothing is lit any more.
_DUSK = -104_528_463_268  # the sine of -6 degrees


class Place(NamedTuple):
    """Degrees north and east, in millionths."""

    latitude: int
    longitude: int


def _sine(angle: int) -> int:
    """The sine of an angle, by its series; each term rounded down."""
    angle %= _TURN
    if angle > _TURN // 2:
        return -_sine(angle - _TURN // 2)
    if angle > _TURN // 4:
        angle = _TURN // 2 - angle
    x = angle * _PI // (180 * _DEGREE)
    term, total = x, x
    for n in range(3, 21, 2):
        term = -term * x // _ONE * x // _ONE // (n * (n - 1))
        total += term
    return total


def _cosine(angle: int) -> int:
    return _sine(angle + _TURN // 4)


@lru_cache(maxsize=4096)
def _height(at_s: int, place: Place) -> int:
    """The sine of the sun's height above the horizon, in units of 10**-12."""
    since = at_s - _EPOCH_S

    def drift(per_day: int) -> int:
        return per_day * since // _DAY_S  # 10**-9 degrees a day, rounded down

    mean = 280_460_000 + drift(985_647_400) // 1000
    anomaly = 357_528_000 + drift(985_600_300) // 1000
    along = mean + (1_915_000 * _sine(anomaly) + 20_000 * _sine(2 * anomaly)) // _ONE
    tilt = 23_439_000
    turned = 280_460_618 + drift(360_985_647_366) // 1000 + place.longitude
    sine_along = _sine(along)
    polar = _sine(tilt) * sine_along // _ONE
    level = (
        _cosine(turned) * _cosine(along) // _ONE
        + _sine(turned) * (_cosine(tilt) * sine_along // _ONE) // _ONE
    )
    return (_sine(place.latitude) * polar + _cosine(place.latitude) * level) // _ONE


def is_night(first: int, last: int, place: Place) -> bool:
    """Whether it was dark from the beginning of one quarter-hour since 1970 to the end of another.

    >>> is_night(1_979_996, 1_979_996, Place(52_100_000, 5_300_000))  # 2026-06-21, 01:00 in Utrecht
    True
    """
    return all(_height(quarter * 900, place) < _DUSK for quarter in range(first, last + 2))
