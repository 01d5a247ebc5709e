"""How a figure is written in a panel, by the name that Grafana has for its unit."""

from typing import NamedTuple

_BIG = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_SMALL = ((1e-3, "m"), (1e-6, "µ"))
# What grows by thousands: its sign, by Grafana's name.
_METRIC = {
    "short": ("", 1.0),
    "watt": ("W", 1.0),
    "kwatt": ("W", 1e3),
    "watth": ("Wh", 1.0),
    "kwatth": ("Wh", 1e3),
    "joule": ("J", 1.0),
    "litre": ("L", 1.0),
    "massg": ("g", 1.0),
    "masskg": ("g", 1e3),
    "decbytes": ("B", 1.0),
    "bytes": ("B", 1.0),
    "volt": ("V", 1.0),
    "amp": ("A", 1.0),
    "voltamp": ("VA", 1.0),
    "hertz": ("Hz", 1.0),
}
_PLAIN = {
    "percent": "%",
    "celsius": "°C",
    "m3": "m³",
    "ppm": "ppm",
    "none": "",
    "": "",
}
_SPANS = ((31_536_000, "year"), (86_400, "day"), (3_600, "hour"), (60, "min"), (1, "s"))
_SPAN_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_OF_SPAN = {"ms": "ms", "s": "s", "m": "min", "h": "hour", "d": "day"}
# By so many digits a figure is told where the panel does not say.
_DIGITS = 3


class Shown(NamedTuple):
    """A figure and its unit."""

    figure: str
    unit: str

    def __str__(self) -> str:
        return f"{self.figure} {self.unit}".strip()


def _figure(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{value:,.{max(0, _DIGITS - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: float, unit: str, decimals: int | None = None) -> Shown:
    """A figure as a panel of this unit says it.

    >>> str(shown(1234.5, "watth")), str(shown(12.5, "kwatth")), str(shown(93, "m"))
    ('1.23 kWh', '12.5 kWh', '1.55 hour')
    >>> str(shown(0.5, "currencyEUR")), str(shown(3, "suffix: bags"))
    ('€0.50', '3 bags')
    """
    if unit in _METRIC:
        sign, factor = _METRIC[unit]
        if not value:
            return Shown("0", f"k{sign}" if factor > 1 else sign)
        return _scaled(value * factor, sign, decimals)
    if unit in _SPAN_S:
        return _span(value * _SPAN_S[unit], decimals) if value else Shown("0", _OF_SPAN[unit])
    kind, _, own = unit.partition(":")
    if unit == "currencyEUR":
        kind, own, decimals = "prefix", "€", 2 if decimals is None else decimals
    if unit == "percentunit":
        value, kind, own = value * 100, "suffix", "%"
    figure = _figure(value, decimals)
    if kind == "prefix":
        return Shown(own + figure, "")
    return Shown(figure, own.strip() if kind == "suffix" else _PLAIN.get(unit, unit))


def round_steps(unit: str) -> tuple[float, ...]:
    """Distances between marks of an axis that read well, from small to big, where these are not the
    powers of ten with their halves and quarters.
    """
    if unit not in _SPAN_S:
        return ()
    steps = (*(1, 2, 5, 10, 15, 30), *(60 * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 360, 720)))
    return tuple(step / _SPAN_S[unit] for step in steps)


def _scaled(value: float, sign: str, decimals: int | None) -> Shown:
    sizes = (*_BIG, *_SMALL) if sign else _BIG
    size, prefix = next((one for one in sizes if abs(value) >= one[0]), (1.0, ""))
    return Shown(_figure(value / size, decimals), prefix + sign)


def _span(seconds: float, decimals: int | None) -> Shown:
    if abs(seconds) < 1:
        return Shown(_figure(seconds * 1000, decimals), "ms")
    size, name = next(one for one in _SPANS if abs(seconds) >= one[0])
    return Shown(_figure(seconds / size, decimals), name)
