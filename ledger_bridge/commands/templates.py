"""`meterkast policy template`: commented rules that a treasurer can fill in."""

from datetime import date, timedelta
from importlib import resources
from typing import Annotated

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.calendar import day_of, next_start
from ledger_bridge.books.policy import zones
from ledger_bridge.commands.common import Json, show, table

ZONE = "Europe/Amsterdam"
_FOLDER = "templates"


def names() -> dict[str, str]:
    """What each template is for, by its name: the first line of its file."""
    files = sorted(resources.files(__package__).joinpath(_FOLDER).iterdir(), key=lambda f: f.name)
    return {
        file.name.removesuffix(".toml"): file.read_text("utf-8").partition("\n")[0].lstrip("# ")
        for file in files
    }


def fill_in(name: str, *, community: str, valid_from: str) -> str:
    """The text of a template for a community. Raises UsageError where there is none of the name."""
    if name not in (known := names()):
        try_ = f"templates: {', '.join(known)}"
        raise UsageError(Problem(f"no template {name!r}", "policy template", try_))
    text = resources.files(__package__).joinpath(_FOLDER, f"{name}.toml").read_text("utf-8")
    for mark, value in (
        ("COMMUNITY", f'"{community}"'),
        ("VALID_FROM", valid_from),
        ("TZDATA", f'"{zones.running()}"'),
    ):
        text = text.replace(f"= {mark}", f"= {value}", 1)
    return text


def template(
    name: str = "",
    /,
    *,
    community: str = "our-street",
    valid_from: Annotated[date | None, cyclopts.Parameter(name="--from")] = None,
    json: Json = False,
) -> None:
    """Print a policy to fill in; without a name, say which ones there are.

    Parameters
    ----------
    name
        Which one.
    community
        Its id, as `hub init` was told.
    valid_from
        From which local midnight on; else the next Monday on which periods of weeks begin.
    """
    if not name:
        known = names()
        if json:
            show(known)
        else:
            table(("name", "for"), list(known.items()))
        return
    text = fill_in(name, community=community, valid_from=_start(valid_from))
    if json:
        show({"name": name, "toml": text})
    else:
        print(text, end="")


def _start(given: date | None) -> str:
    """The day asked for, or the first from tomorrow on at which periods of four weeks begin."""
    if given:
        return given.isoformat()
    today = date.fromisoformat(day_of(domain_clock().utc_ms(), ZONE))
    start = next_start((today + timedelta(days=1)).isoformat(), frozenset({4}))
    assert start
    return start
