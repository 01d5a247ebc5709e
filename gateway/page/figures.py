"""Numbers as people write them: integers in milli-units to text, rounded half up, never floats."""

from datetime import datetime

from drivers.reading import UNITS
from gateway.page.words import Language

# Between thousands: a narrow blank at which no line breaks, and no country's decimal sign.
THOUSANDS = "\u202f"
MINUS = "\u2212"

HOUR_MS = 3_600_000
# What people write a milli-unit in: how many of it make one, and to how many places.
LARGE = {
    "mWh": ("kWh", 10**6, 3),
    "mvarh": ("kvarh", 10**6, 3),
    "mVAh": ("kVAh", 10**6, 3),
    "mJ": ("GJ", 10**12, 3),
    "mW": ("kW", 10**6, 3),
    "mg": ("kg", 10**6, 3),
    "mL": ("m³", 10**6, 3),
}
SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def number(value: int, one: int, places: int, language: Language) -> str:
    """`value` of which `one` make 1, to so many places, rounded half up.

    >>> number(1_621_251_400, 10**6, 3, "nl")
    '1\u202f621,251'
    """
    scale = 10**places
    rounded = (2 * abs(value) * scale + one) // (2 * one)
    whole, rest = divmod(rounded, scale)
    text = f"{whole:,}".replace(",", THOUSANDS)
    if places:
        text += f"{',' if language == 'nl' else '.'}{rest:0{places}}"
    return f"{MINUS}{text}" if value < 0 and rounded else text


def amount(value: int | str, unit: str, language: Language) -> str:
    """A reading: energy in kWh, heat in GJ, power in kW, mass in kg, gas and water in m³."""
    if isinstance(value, str):
        return value.replace("m3", "m³")
    if unit == "pulse":
        return number(value, 1, 0, language)
    if unit == "ms" and value >= HOUR_MS:
        return f"{number(value, HOUR_MS, 1, language)} {'uur' if language == 'nl' else 'h'}"
    if unit in LARGE:
        name, one, places = LARGE[unit]
        return f"{number(value, one, places, language)} {name}"
    name = UNITS.get(unit, "")
    if not name:
        return f"{number(value, 1, 0, language)} {unit}".strip()
    text = number(value, 1000, 3, language)
    text = text.rstrip("0").rstrip(",.")
    return f"{text} {'°C' if name == 'Cel' else name}"


def kwh(mwh: int, language: Language, places: int = 2) -> str:
    return number(mwh, 10**6, places, language)


def size(octets: int, language: Language) -> str:
    """Bytes, to one place of the largest size below it."""
    for name, one in SIZES:
        if octets >= one:
            return f"{number(octets, one, 1, language)} {name}"
    return f"{octets} B"


def span(seconds: float, language: Language) -> str:
    """A time as people say it, rounded down: 45 s, 12 min, 5 uur, 3 dagen."""
    hours, days = ("uur", "dagen") if language == "nl" else ("h", "days")
    for name, length in ((days, 86_400), (hours, 3600), ("min", 60)):
        if seconds >= 2 * length or (name != days and seconds >= length):
            return f"{int(seconds // length)} {name}"
    return f"{int(seconds)} s"


def clock(at: datetime, *, seconds: bool = True) -> str:
    return at.strftime("%H:%M:%S" if seconds else "%H:%M")
