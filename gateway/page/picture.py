"""The pictures of the page: today in quarter-hours, this month by day."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from gateway import meanings
from gateway.days import local, local_day, local_midnight_ms
from gateway.history import GIVEN, TAKEN, Counters, First, counters, counts
from gateway.house import House
from gateway.page import chart, figures
from gateway.page.chart import Span
from gateway.page.words import Words
from gateway.quarter import QUARTER_MS

UNIT_OF = {"gas": "mL", "water": "mL", "hot water": "mL", "heat": "mJ", "cold": "mJ"}
# Of a month, so that the numbers do not stand in each other.
LABEL_DAYS = 5


class Today(NamedTuple):
    """What a meter has counted today."""

    device: str
    taken_mwh: int
    given_mwh: int


def _ends(day: date) -> tuple[int, int]:
    return local_midnight_ms(day), local_midnight_ms(day + timedelta(days=1))


def _electric(house: House) -> tuple[str, Counters] | None:
    """The first meter that counts energy, and where it stands; None where none does."""
    for name, device in house.devices.items():
        count = counters(device.readings)
        if count != Counters(None, None):
            return name, count
    return None


def counted_today(house: House, utc_ms: int) -> Today | None:
    """What the first meter that counts energy has counted since the day began."""
    found = _electric(house)
    if found is None:
        return None
    name, count = found
    start_ms, end_ms = _ends(local_day(utc_ms))
    history = house.intake.history.quarters[name]
    return Today(name, *chart.counted(history, count, start_ms=start_ms, end_ms=end_ms))


def today(house: House, utc_ms: int, words: Words) -> dict[str, Any] | None:
    """The quarter-hours of the first meter that counts energy, and what else was counted."""
    counted, also = counted_today(house, utc_ms), _also(house, utc_ms, words)
    if counted is None:
        return {"chart": None, "also": also} if also else None
    start_ms, end_ms = _ends(local_day(utc_ms))
    history = house.intake.history.quarters[counted.device]
    now = counters(house.devices[counted.device].readings)
    spans = chart.quarters(history, now, start_ms=start_ms, end_ms=end_ms, now_ms=utc_ms)
    slots = (end_ms - start_ms) // QUARTER_MS

    def title(slot: int, span: Span) -> str:
        ends = [local(start_ms + (slot + more) * QUARTER_MS) for more in (0, 1)]
        when = " - ".join(figures.clock(end, seconds=False) for end in ends)
        return f"{when}: {_said(span, words)}"

    # A day has its own hours, also one that has 23 or 25.
    labels = {
        slot: f"{at:%H}"
        for slot in range(slots)
        if (at := local(start_ms + slot * QUARTER_MS)).minute == 0 and at.hour % 6 == 0
    }
    return {
        **_drawn(spans, slots, labels, title, words),
        "taken": figures.kwh(counted.taken_mwh, words.language),
        "given": figures.kwh(counted.given_mwh, words.language),
        "gaps": sum(not span.known for span in spans),
        "also": also,
    }


def _also(house: House, utc_ms: int, words: Words) -> list[dict[str, str]]:
    """Gas, water and heat since the day began, of every device that counts them."""
    day, told = local_day(utc_ms), []
    for name, device in house.devices.items():
        for kind, value in counts(device.readings).items():
            first = house.intake.history.firsts(name, kind).get(day)
            known = meanings.meaning(kind)
            if kind not in UNIT_OF or first is None or value < first.value or known is None:
                continue
            amount = figures.amount(value - first.value, UNIT_OF[kind], words.language)
            told.append({"name": known.words(words.language), "value": amount, "device": name})
    return told


def month(house: House, utc_ms: int, words: Words) -> dict[str, Any] | None:
    """The days of this month of the first meter that counts energy; None before there is one."""
    found = _electric(house)
    if found is None:
        return None
    name, count = found
    today_, first = local_day(utc_ms), local_day(utc_ms).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    days = [first + timedelta(days=n) for n in range((after - first).days)]
    firsts = {kind: dict(house.intake.history.firsts(name, kind)) for kind in (TAKEN, GIVEN)}
    for kind, value in zip((TAKEN, GIVEN), count, strict=True):
        if value is not None:
            # Today ends now.
            firsts[kind][today_ + timedelta(days=1)] = First(utc_ms, value)
    spans = [_day(day, firsts) for day in days if day <= today_]
    if not any(span.known for span in spans):
        return None

    def title(slot: int, span: Span) -> str:
        return f"{words.day(days[slot])}: {_said(span, words)}"

    labels = {n: f"{day.day}" for n, day in enumerate(days) if n % LABEL_DAYS == 0}
    return {
        **_drawn(spans, len(days), labels, title, words),
        "name": words.month_of(first),
        "taken": figures.kwh(sum(span.taken_mwh for span in spans), words.language),
        "given": figures.kwh(sum(span.given_mwh for span in spans), words.language),
        "gaps": sum(not span.known for span in spans),
        "partly": any(span.known and not span.whole for span in spans[:-1]),
    }


def _day(day: date, firsts: dict[str, dict[date, First]]) -> Span:
    start_ms, end_ms = _ends(day)
    after = day + timedelta(days=1)
    taken, given = ((firsts[kind].get(day), firsts[kind].get(after)) for kind in (TAKEN, GIVEN))
    return chart.day(taken, given, start_ms=start_ms, end_ms=end_ms)


def _said(span: Span, words: Words) -> str:
    if not span.known:
        return words["gap"]
    told = []
    if span.taken_mwh or not span.given_mwh:
        told.append(f"{figures.kwh(span.taken_mwh, words.language, 3)} kWh {words['taken']}")
    if span.given_mwh:
        told.append(f"{figures.kwh(span.given_mwh, words.language, 3)} kWh {words['given']}")
    return ", ".join(told) + ("" if span.whole else f" ({words['partly']})")


def _drawn(
    spans: list[Span],
    slots: int,
    labels: Mapping[int, str],
    title: Callable[[int, Span], str],
    words: Words,
) -> dict[str, chart.Chart]:
    """The same picture for a window and for a phone; the style sheet shows one of them."""
    return {
        name: chart.draw(
            spans, slots=slots, labels=labels, title=title, language=words.language, frame=frame
        )
        for name, frame in (("chart", chart.WIDE), ("narrow", chart.NARROW))
    }
