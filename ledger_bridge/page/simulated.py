"""The page that `policy simulate` writes: sentences in two languages and a chart, in one file."""

from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, select_autoescape

Json = dict[str, Any]

# So many people in one chart can be read: of more, those who gain and lose most.
BARS_MAX = 60

# The chart, in its own units: a row for each bar, names to the left of the middle or the right.
WIDTH, ROW, MIDDLE, LONGEST, LABEL = 720, 22, 360, 200, 8

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


class Bar(NamedTuple):
    """One person's change: how long, on which side, and where its row is."""

    holder: str
    change: str
    is_more: bool
    length: int
    y: int


def page(community: str, told: Json) -> str:
    """One HTML file that needs nothing else."""
    charts = {total["asset"]: bars(told["holders"], total["asset"]) for total in told["totals"]}
    return _PAGES.get_template("simulated.html").render(
        community=community,
        told=told,
        charts=charts,
        width=WIDTH,
        row=ROW,
        middle=MIDDLE,
        label=LABEL,
    )


def bars(holders: list[Json], asset: str) -> list[Bar]:
    """A bar for everybody whose amount of an asset changes, from the most gained to the most lost.

    The longest has LONGEST; lengths are rounded to the nearest, and nobody's is nothing.
    """
    changed = [one for one in holders if one["asset"] == asset and one["units"]]
    if len(changed) > BARS_MAX:
        changed = changed[: BARS_MAX // 2] + changed[-BARS_MAX // 2 :]
    most = max((abs(one["units"]) for one in changed), default=1)
    return [
        Bar(
            one["holder"],
            one["change"],
            one["units"] > 0,
            max(1, (2 * LONGEST * abs(one["units"]) + most) // (2 * most)),
            number * ROW,
        )
        for number, one in enumerate(changed)
    ]
