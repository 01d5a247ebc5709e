"""What a load cell's counts are worth: the file that `meterkast scale calibrate` writes.

Two points and a straight line between them: the counts of the empty plate, and those with known
weights on it. Nothing is rounded until a mass is told.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from drivers.sdk import SettingError
from drivers.wire import mass

SETTING = "calibration"
CHARACTERS_MAX = 4096
COUNTS_MAX = 2**23 - 1
GAIN_MAX = 2**32 - 1
SPAN_MIN = 1_000  # counts; fewer are as much noise as weight
_KEYS = ("scale", "date", "gain", "empty", "mass", "loaded")
_ALLOWED = "a file that `meterkast scale calibrate` wrote"
_DATE = re.compile(r"20\d\d-[01]\d-[0-3]\d")


class Calibration(NamedTuple):
    """`empty` and `loaded` are counts; `mass_mg` lay there between them. `gain` is the chip's, or
    the kernel's scale in its smallest unit.
    """

    scale: str
    date: str
    gain: int
    empty: int
    mass_mg: int
    loaded: int

    def milligrams(self, counts: int, *, zero: int = 0, division_mg: int = 1) -> int:
        """To the nearest division, halves upward. `zero`: counts that the empty plate has gained.

        The counts of a cell that is wired the other way round fall where others rise.

        >>> Calibration("", "", 128, -100, 20_000_000, 1900).milligrams(401, division_mg=5_000)
        5010000
        """
        span = self.loaded - self.empty
        above = (counts - self.empty - zero) * self.mass_mg
        return (2 * above + span * division_mg) // (2 * span * division_mg) * division_mg

    def text(self) -> str:
        """As the file has it."""
        name = self.scale.replace("\\", "").replace('"', "")
        return (
            "# Written by `meterkast scale calibrate`: counts with nothing, and with mass.\n"
            f'scale = "{name}"\n'
            f"date = {self.date}\n"
            f"gain = {self.gain}\n"
            f"empty = {self.empty}\n"
            f'mass = "{mass.kilograms(self.mass_mg)}"\n'
            f"loaded = {self.loaded}\n"
        )


@lru_cache(maxsize=8)  # a file is read again whenever a line is opened
def read(text: str) -> Calibration:
    """The calibration that a file holds. Raises SettingError."""
    import tomllib  # noqa: PLC0415 - 3 ms that only a calibrated cell pays for

    if len(text) > CHARACTERS_MAX:
        raise _wrong(f"{len(text)} characters", f"at most {CHARACTERS_MAX}")
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"no TOML: {error}", _ALLOWED) from error
    for key in (*_KEYS, *top):
        if key not in top or key not in _KEYS:
            raise _wrong(
                f"the key {key!r} {'is unknown' if key in top else 'is missing'}", _ALLOWED
            )
    name, date = top["scale"], str(top["date"])
    if not isinstance(name, str) or not _DATE.fullmatch(date):
        raise _wrong(f"scale = {name!r}, date = {date}", _ALLOWED)
    mass_mg = mass.milligrams(top["mass"]) if isinstance(top["mass"], str) else None
    if not mass_mg or mass_mg < 0:
        raise _wrong(f"mass = {top['mass']!r}", 'a mass such as "20.000 kg"')
    empty = _number(top, "empty", -COUNTS_MAX, COUNTS_MAX)
    loaded = _number(top, "loaded", -COUNTS_MAX, COUNTS_MAX)
    if abs(loaded - empty) < SPAN_MIN:
        what = f"{loaded - empty} counts between nothing and {top['mass']}"
        raise _wrong(what, f"at least {SPAN_MIN}")
    return Calibration(name, date, _number(top, "gain", 1, GAIN_MAX), empty, mass_mg, loaded)


def _wrong(what: str, allowed: str) -> SettingError:
    return SettingError(SETTING, what, allowed)


def _number(top: Mapping[str, Any], key: str, low: int, high: int) -> int:
    number = top[key]
    if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
        return number
    raise _wrong(f"{key} = {number!r}", f"a whole number from {low} to {high}")
