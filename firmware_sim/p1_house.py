"""What the registers of a house with a solar roof show at any time: a pure function of it.

Power is drawn once for every quarter-hour of 30 days, which then come again and again; so counters
follow from time alone, and the highest quarter-hour of any month can be told.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from firmware_sim.device import Shown, Source
from firmware_sim.p1_lines import ZONE, Peak

EPOCH_MS = 1_577_836_800_000  # 1 January 2020, 0 o'clock UTC
QUARTER_MS = 900_000
_QUARTERS = 30 * 96
MONTHS = 13  # in Belgium's table


class Course(NamedTuple):
    """Watts by quarter-hour, and the watt-quarters counted before each, one more for the whole."""

    watts: tuple[int, ...]
    before: tuple[int, ...]

    def counted_mwh(self, at_ms: int) -> int:
        """Milliwatt-hours since the epoch, what is less cut off: a quarter of 1 W is 250 mWh."""
        quarter, into_ms = divmod(at_ms - EPOCH_MS, QUARTER_MS)
        times, place = divmod(quarter, _QUARTERS)
        whole = times * self.before[-1] + self.before[place]
        return whole * 250 + self.watts[place] * into_ms // 3_600

    def watts_at(self, at_ms: int) -> int:
        return self.watts[(at_ms - EPOCH_MS) // QUARTER_MS % _QUARTERS]


def _course(watts: Sequence[int]) -> Course:
    return Course(tuple(watts), tuple(accumulate(watts, initial=0)))


@lru_cache(maxsize=8)
def _courses(seed: int) -> dict[str, Course]:
    """Taken and given by tariff: 2 from 6 to 21 o'clock UTC. Gives around noon, never both."""
    draw = Random(f"{seed}/p1")  # noqa: S311 - a play, no secret
    net = []
    for quarter in range(_QUARTERS):
        hour = quarter % 96 // 4
        load_w = draw.randrange(120, 900) + (draw.randrange(3_000) if hour in {7, 17, 18} else 0)
        net.append(load_w - (draw.randrange(4_000) if 8 <= hour < 16 else 0))
    day = [6 <= quarter % 96 // 4 < 21 for quarter in range(_QUARTERS)]
    courses = {}
    for tariff in (1, 2):
        mine = [w if by_day == (tariff == 2) else 0 for w, by_day in zip(net, day, strict=True)]
        courses[f"1-0:1.8.{tariff}"] = _course([max(watts, 0) for watts in mine])
        courses[f"1-0:2.8.{tariff}"] = _course([max(-watts, 0) for watts in mine])
    return courses


def _month_begins(at_ms: int, back: int = 0) -> int:
    """The local midnight that began the month, or one of those before."""
    local = datetime.fromtimestamp(at_ms / 1000, ZONE)
    months = local.year * 12 + local.month - 1 - back
    begin = datetime(months // 12, months % 12 + 1, 1, tzinfo=ZONE)
    return round(begin.timestamp()) * 1000


@lru_cache(maxsize=64)
def _risen(seed: int, begin_ms: int, end_ms: int) -> tuple[tuple[int, int], ...]:
    """Each time that a quarter-hour of the month was the highest yet: its end, and its watts."""
    taken = [_courses(seed)[name] for name in ("1-0:1.8.1", "1-0:1.8.2")]
    risen = [(begin_ms, 0)]
    for at_ms in range(begin_ms, end_ms, QUARTER_MS):
        watts = sum(course.watts_at(at_ms) for course in taken)
        if watts > risen[-1][1]:
            risen.append((at_ms + QUARTER_MS, watts))
    return tuple(risen)


def _highest(seed: int, begin_ms: int, end_ms: int, at_ms: int) -> tuple[int, int]:
    return [one for one in _risen(seed, begin_ms, end_ms) if one[0] <= at_ms][-1]


@lru_cache(maxsize=64)
def _past_months(seed: int, begin_ms: int) -> tuple[Peak, ...]:
    months = []
    for back in range(MONTHS, 0, -1):
        start_ms, until_ms = (_month_begins(begin_ms, back - n) for n in (0, 1))
        peak_ms, watts = _highest(seed, start_ms, until_ms, until_ms)
        months.append(Peak(until_ms, peak_ms, watts * 1000))
    return tuple(months)


def peaks(seed: int, at_ms: int) -> tuple[Peak, ...]:
    """The highest quarter-hours of 13 months, the oldest first, and of this one until now."""
    begin_ms = _month_begins(at_ms)
    end_ms = _month_begins(at_ms, -1)
    peak_ms, watts = _highest(seed, begin_ms, end_ms, at_ms)
    return (*_past_months(seed, begin_ms), Peak(end_ms, peak_ms, watts * 1000))


def house(seed: int) -> Source:
    """The registers of a meter on three phases, and of what hangs behind it."""
    courses = _courses(seed)

    @lru_cache(maxsize=4)  # a port asks for the hour of its gas again and again
    def shown(at_ms: int) -> Shown:
        counted = {name: course.counted_mwh(at_ms) for name, course in courses.items()}
        taken_w = sum(courses[f"1-0:1.8.{n}"].watts_at(at_ms) for n in (1, 2))
        given_w = sum(courses[f"1-0:2.8.{n}"].watts_at(at_ms) for n in (1, 2))
        since_ms = at_ms - EPOCH_MS
        values: dict[str, int | str] = {
            **counted,
            "0-0:96.1.1": f"E00{47_000_012_345_600 + seed}",
            "0-0:96.1.0": f"{890_082_200_000_000 + seed}",
            "0-0:42.0.0": f"SAG10307000{11_000 + seed}",
            "1-0:1.8.0": counted["1-0:1.8.1"] + counted["1-0:1.8.2"],
            "1-0:2.8.0": counted["1-0:2.8.1"] + counted["1-0:2.8.2"],
            "1-0:15.8.0": sum(counted.values()),
            "1-0:3.8.0": since_ms // 90,
            "1-0:4.8.0": since_ms // 40,
            "0-0:96.14.0": "0002" if 6 <= since_ms // 3_600_000 % 24 < 21 else "0001",
            "1-0:1.7.0": taken_w * 1000,
            "1-0:2.7.0": given_w * 1000,
            "1-0:3.7.0": taken_w * 70,
            "1-0:4.7.0": given_w * 50,
            "1-0:13.7.0": "0.982",
            "1-0:14.7.0": 49_950 + since_ms // 1000 % 11 * 10,
            # The average of the running quarter-hour so far, as if it had been as now.
            "1-0:1.4.0": taken_w * (since_ms % QUARTER_MS) // QUARTER_MS * 1000,
            "gas": since_ms // 50,
            "water": since_ms // 250,
            "heat": since_ms * 900_000,
            "cold": since_ms * 40_000,
        }
        for n, quadrant in enumerate((5, 6, 7, 8)):
            values[f"1-0:{quadrant}.8.0"] = since_ms // (200 + 50 * n)
        for n, phase in enumerate((20, 40, 60)):
            power_w = taken_w // 3 + (taken_w % 3 if n == 0 else 0)
            back_w = given_w // 3 + (given_w % 3 if n == 0 else 0)
            volt = 2_300 + (since_ms // 1000 + 7 * n) % 60
            values |= {
                f"1-0:{phase + 1}.7.0": power_w * 1000,
                f"1-0:{phase + 2}.7.0": back_w * 1000,
                f"1-0:{phase + 3}.7.0": power_w * 70,
                f"1-0:{phase + 4}.7.0": back_w * 50,
                f"1-0:{phase + 11}.7.0": (power_w + back_w) * 10_000 // volt,
                f"1-0:{phase + 12}.7.0": volt * 100,
            }
        return values

    return shown
