"""How a metering company or grid operator writes its files: a mapping, as TOML.

Some are there by name, a file each in `mappings/`. Others are written by whoever has such a file.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from gateway.contract import settings
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.facts.official import total_of

# A column by its name in the head of the file, or by its number from 1 on.
Column = str | Annotated[int, Field(ge=1, le=1000)]

# Of an average power the energy of the interval is reckoned.
POWERS = ("W", "kW")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'{name!r} is no time zone such as "Europe/Amsterdam"') from error
    return name


def _register(code: str) -> str:
    if code and not total_of(code):
        raise ValueError(f'{code!r} is no register of energy such as "1-0:2.8.0", or ""')
    return code


Register = Annotated[str, AfterValidator(_register)]


class Mapping(settings.Settings):
    """Where in a line the point, the time, the energy and its quality stand, and how.

    `stamp`: the time is that of an interval's start, of its end, or of its end by the clock on the
    wall ("label": the hour from 02:00 to 03:00 is called 03:00, also where the clock goes back in
    between). A time with an offset of its own (%z in the format) needs no zone. `directions` gives
    the register of each word in the column `direction`, "" for those to leave out; else each of
    `values` is a column with its register. Words of quality: "m" measured, "s" substituted,
    "-" nothing.
    """

    source: str
    separator: Literal[";", ",", "\t", "|"] = ";"
    decimal: Literal[",", "."] = ","
    encoding: Literal["utf-8-sig", "cp1252", "utf-16"] = "utf-8-sig"
    headless: bool = False
    point: Column | None = None
    time: tuple[Column, ...]
    format: str
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Amsterdam"
    stamp: Literal["start", "end", "label"] = "start"
    minutes: Literal[15, 30, 60] = 15
    unit: Literal["Wh", "kWh", "MWh", "W", "kW"] = "kWh"
    unit_column: Column | None = None
    direction: Column | None = None
    directions: dict[str, Register] = Field(default_factory=dict)
    value: Column | None = None
    values: dict[str, Register] = Field(default_factory=dict)
    quality: Column | None = None
    qualities: dict[str, Literal["m", "s", "-"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_is_what(self) -> "Mapping":
        if bool(self.values) == bool(self.value):
            raise ValueError("either value = a column, or [values] column = register")
        if (self.direction is None) != (not self.directions):
            raise ValueError("direction = a column and [directions] go together")
        if self.quality is not None and not self.qualities:
            raise ValueError("quality = a column needs [qualities] word = m, s or -")
        if not re.search(r"%[dj]", self.format) and "%x" not in self.format:
            raise ValueError(f'format {self.format!r} has no day, such as "%d-%m-%Y %H:%M"')
        return self

    @property
    def columns(self) -> list[Column]:
        """Every column that it names."""
        some = [self.point, *self.time, self.unit_column, self.direction, self.value, self.quality]
        return [one for one in (*some, *self.values) if one is not None]


def names() -> list[str]:
    """The mappings that are there by name."""
    folder = resources.files("ledger_bridge.official").joinpath("mappings")
    return sorted(
        one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")
    )


def load(given: str) -> Mapping:
    """A mapping by its name, or from a TOML file. Raises PeopleError."""
    if given in names():
        file = resources.files("ledger_bridge.official").joinpath("mappings", f"{given}.toml")
        return settings.parse(file.read_text("utf-8"), Mapping, name=given)
    path = Path(given)
    if not given.endswith(".toml"):
        what = f"no mapping {given!r}"
        raise UsageError(Problem(what, "--mapping", f"one of {', '.join(names())}, or FILE.toml"))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read: {error}"
        raise UsageError(Problem(what, given, "a TOML file with a mapping")) from error
    return settings.parse(text, Mapping, name=given)
