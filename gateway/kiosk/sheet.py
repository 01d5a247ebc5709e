"""What the operator's pages say, worked out for their templates: day sheet, containers, tests."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.days import local
from gateway.kiosk.book import TestWeight
from gateway.kiosk.containers import Container, Emptying

# The chart of test weights, in its own units.
WIDTH, HEIGHT, EDGE = 600, 160, 18
# A chart of deviations smaller than this shows them no larger: it would frighten for nothing.
DRIFT_MG_MIN = 20_000
# Emptyings shown of each container; the hub has them all.
EMPTYINGS_SHOWN = 5

# Words in a fraction's id or names, and the picture that it gets.
PICTURES = {
    "glas": "glass",
    "pap": "paper",
    "karton": "paper",
    "plastic": "plastic",
    "pmd": "plastic",
    "metal": "metal",
    "metaal": "metal",
    "blik": "metal",
    "text": "textile",
    "cloth": "textile",
    "kleding": "textile",
    "gft": "organic",
    "groen": "organic",
    "garden": "organic",
    "organic": "organic",
    "wood": "wood",
    "hout": "wood",
    "lamp": "lamps",
    "batter": "batteries",
    "electr": "electronics",
    "elektr": "electronics",
    "oil": "oil",
    "olie": "oil",
    "rubble": "rubble",
    "puin": "rubble",
}


def picture(*names: str) -> str:
    """The pictogram of a fraction with this id and these names; a bag where none fits.

    >>> picture("vlakglas")
    'glass'
    """
    said = " ".join(names).lower()
    return next((shown for word, shown in PICTURES.items() if word in said), "bag")


def kg(mg: int, *, places: int = 3) -> str:
    """Kilograms, halves away from zero.

    >>> kg(-12_345_600)
    '-12.346'
    """
    unit = 10 ** (6 - places)
    whole, rest = divmod((abs(mg) + unit // 2) // unit, 10**places)
    return f"{'-' if mg < 0 else ''}{whole}" + (f".{rest:0{places}}" if places else "")


def difference(hauled_mg: int, delivered_mg: int) -> str:
    """Hauled against delivered in per cent, to a tenth, halves away from zero; "" of nothing.

    >>> difference(98_000_000, 100_000_000)
    '-2.0 %'
    """
    if delivered_mg <= 0:
        return ""
    off_mg = hauled_mg - delivered_mg
    tenths = (abs(off_mg) * 2000 + delivered_mg) // (2 * delivered_mg)
    return f"{'-' if off_mg < 0 and tenths else '+'}{tenths // 10}.{tenths % 10} %"


def _local(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else local(at_ms)


def clock(at_ms: int | None) -> str:
    at = _local(at_ms)
    return f"{at:%H:%M}" if at else "?"


def day(at_ms: int | None) -> str:
    at = _local(at_ms)
    return f"{at:%-d-%-m-%Y}" if at else "?"


def containers(
    found: Iterable[Container], names: Mapping[str, tuple[str, str]]
) -> list[dict[str, Any]]:
    """A card for each container; `names` has the fractions in Dutch and in English."""
    return [
        {
            "fraction": one.fraction,
            "names": names.get(one.fraction, (one.fraction, one.fraction)),
            "unit": one.unit,
            "held": _amount(one.delivered_mg, one.pieces, one.unit),
            "full": kg(one.full_mg, places=0) if one.full_mg else "",
            "percent": min(100, one.delivered_mg * 100 // one.full_mg) if one.full_mg else None,
            "emptyings": [_emptying(past, one.unit) for past in one.emptyings[:EMPTYINGS_SHOWN]],
        }
        for one in found
    ]


def _amount(mass_mg: int, pieces: int, unit: str) -> str:
    return kg(mass_mg, places=1) if unit == "kg" else str(pieces)


def _emptying(past: Emptying, unit: str) -> dict[str, Any]:
    return {
        "id": past.emptying,
        "day": day(past.at_ms),
        "delivered": _amount(past.delivered_mg, past.pieces, unit),
        "hauled": None if past.hauled_mg is None else kg(past.hauled_mg, places=1),
        "difference": ""
        if past.hauled_mg is None or unit != "kg"
        else difference(past.hauled_mg, past.delivered_mg),
    }


def tests(found: Iterable[TestWeight], *, now_ms: int) -> dict[str, Any]:
    """The log of test weights, newest first, with its chart; `now_ms` is UTC."""
    rows = list(found)
    return {
        "rows": [
            {
                "day": day(one.at_ms),
                "time": clock(one.at_ms),
                "nominal": kg(one.nominal_mg),
                "shown": kg(one.shown_mg),
                "off": f"{(one.shown_mg - one.nominal_mg) / 1000:+.0f} g",
            }
            for one in rows
        ],
        "done_today": any(day(one.at_ms) == day(now_ms) for one in rows),
        "last": kg(rows[0].nominal_mg).rstrip("0").rstrip(".") if rows else "",
        "chart": _chart(rows),
    }


def _chart(rows: list[TestWeight]) -> dict[str, Any]:
    """Deviations from left to right as they came, the newest at the right."""
    offs = [one.shown_mg - one.nominal_mg for one in reversed(rows)]
    most = max([DRIFT_MG_MIN, *(abs(off) for off in offs)])
    step = (WIDTH - 2 * EDGE) / max(len(offs) - 1, 1)
    middle = HEIGHT / 2
    points = [
        (EDGE + step * place, middle - off / most * (middle - EDGE))
        for place, off in enumerate(offs)
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "points": [(f"{x:.1f}", f"{y:.1f}") for x, y in points],
        "line": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "most": f"{most / 1000:.0f} g",
    }
