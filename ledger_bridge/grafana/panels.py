"""Dashboards as they are written here: plain values, with their words in both languages.

So both languages have the same queries. Panels fill the grid of 24 columns from left to right, and
the widths of those beside each other add up to that. `drawing` makes of it what Grafana reads.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ledger_bridge.grafana import words
from ledger_bridge.grafana.query import HERE, Query, values_of
from ledger_bridge.grafana.words import NOTHING, Language, Said
from ledger_bridge.timeseries.schema import STREET

TAG = "meterkast"

# How a panel draws: a bar from the begin of each span; a line from point to point; a line that
# stays where it was until the next point; points alone; a strip in the colours of its steps; a
# figure; a bar for each figure; rows; words.
Kind = Literal["bars", "lines", "steps", "points", "states", "figures", "ranks", "table", "words"]
Colour = Literal["green", "yellow", "orange", "red", "blue", "purple", "text"]
Reduced = Literal["lastNotNull", "sum", "max", "mean"]


class Community(NamedTuple):
    """What a policy says that figures cannot be shown without.

    `zone` is whose midnight a day begins at. `scales` has each asset's decimal places, by its code.
    """

    zone: str
    scales: Mapping[str, int]


class Step(NamedTuple):
    """From this value on, this colour. The first one of a panel is from None on."""

    value: float | None
    colour: Colour


class Line(NamedTuple):
    """What is asked, and what it is called: `words` may name tags, as `$tag_device`.

    `is_below` draws it down from zero; `is_part`, as part of what bars show, over them in steps.
    `unit` is for a line with another one than its panel.
    """

    query: Query
    words: Said | str = ""
    colour: Colour | None = None
    unit: str = ""
    is_below: bool = False
    is_part: bool = False


class Column(NamedTuple):
    """A column of a table, by the tag or field that is in it. `says` is for values with words."""

    name: str
    words: Said
    unit: str = ""
    steps: tuple[Step, ...] = ()
    says: Mapping[str, Said] = {}
    link: "Link | None" = None
    decimals: int | None = None
    width: int | None = None


class Link(NamedTuple):
    """From a cell to another board: `chosen` are its variables, `${__value.raw}` what is there."""

    title: Said
    board: str
    chosen: Mapping[str, str]

    def url(self, language: Language) -> str:
        """
        >>> Link(Said("Huis", "Home"), "household", {"account": "${__value.raw}"}).url("nl")
        '/d/meterkast-household-nl?var-account=${__value.raw}&${__url_time_range}'
        """
        chosen = "".join(f"var-{name}={value}&" for name, value in self.chosen.items())
        return f"/d/{uid(self.board, language)}?{chosen}${{__url_time_range}}"


class Panel(NamedTuple):
    """A panel. Its `id` stays what it is, for links to it.

    `now` is how far back it looks where it shows what is, whatever the dashboard's time. A table
    has `columns`, and rows in the `order` of one, the most first where it begins with "-". A panel
    of words has them in `about`.
    """

    id: int
    kind: Kind
    title: Said
    about: Said
    lines: tuple[Line, ...] = ()
    unit: str = "none"
    decimals: int | None = None
    width: int = 12
    height: int = 8
    is_stacked: bool = False
    reduced: Reduced = "lastNotNull"
    steps: tuple[Step, ...] = ()
    says: Mapping[str, Said] = {}
    least: float | None = None
    most: float | None = None
    columns: tuple[Column, ...] = ()
    order: str = ""
    now: str = ""
    every: str = ""
    nothing: Said = NOTHING


class Row(NamedTuple):
    """A heading above the panels that follow."""

    id: int
    title: Said


class Choice(NamedTuple):
    """A variable. `query` finds what there is to choose from; without one it is typed in."""

    name: str
    words: Said
    query: Query | None = None
    is_multi: bool = False
    default: str = ""
    about: Said | None = None


class Board(NamedTuple):
    """A dashboard; `name` is the stem of its file and, with the language, its uid."""

    name: str
    title: Said
    about: Said
    choices: tuple[Choice, ...]
    parts: tuple[Row | Panel, ...]
    since: str = "now-7d"
    refresh: str = "5m"


# Every dashboard begins with this.
OF_COMMUNITY = Choice("community", words.COMMUNITY, values_of("community"))
# By which rule energy is shared; several may share the same energy, each for an asset of its own.
SHARING = Choice("rule", words.SHARING, values_of("rule", HERE, of=STREET))


def figure(number: int, title: Said, about: Said, query: Query) -> Panel:
    """A panel of one figure, which is called as the panel is; four of them make a line."""
    lines = (Line(query, title),)
    return Panel(number, "figures", title, about, lines, decimals=0, width=6, height=4)


def uid(name: str, language: Language) -> str:
    """What a dashboard is called in links.

    >>> uid("coop", "nl")
    'meterkast-coop-nl'
    """
    return f"{TAG}-{name}-{language}"
