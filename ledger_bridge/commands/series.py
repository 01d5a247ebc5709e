"""`meterkast hub series`: how far time series are, and what of them waits or was refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.commands.common import CONFIG, Config, Json, show
from ledger_bridge.hub import Hub
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.place import QUARANTINE_MAX, Notebook, Refused
from ledger_bridge.timeseries.standing import Standing, standing

# So many refused points are shown to people; JSON has all.
REFUSED_SHOWN = 20

Again = Annotated[bool, cyclopts.Parameter(name="--again", negative="")]
Retry = Annotated[bool, cyclopts.Parameter(name="--retry", negative="")]


def series(
    *, again: Again = False, retry: Retry = False, config: Config = CONFIG, json: Json = False
) -> int:
    """How far time series are: up to date, behind or away, and what the database refused.

    Exit 1 where something waits, was refused or left out.

    Parameters
    ----------
    again
        Have the bridge take away all that came out of the books, and write it anew.
    retry
        Have the bridge try again what the database refused.
    """
    if again and retry:
        raise UsageError(Problem("--again tries everything", "hub series", "one of the two"))
    hub = Hub.load(Path(config))
    if hub.settings.series_url is None:
        what, try_ = "this hub has no time series", "series_url = …; see docs/time-series.md"
        raise ConfigError(Problem(what, str(hub.config), try_))
    notebook = Notebook(hub.place)
    try:
        if again or retry:
            notebook.ask("again" if again else "retry")
        found = standing(Reader(hub.books, hub.community), notebook)
        refused, left_out = notebook.quarantined(QUARANTINE_MAX), notebook.left_out()
        asked = sorted(notebook.asked())
    finally:
        notebook.close()
    if json:
        points = [one._asdict() for one in refused]
        told = {**found.json(), "asked": asked, "refused": points, "left_out": left_out}
        show({"url": hub.settings.series_url, **told})
    else:
        print(f"time series at {hub.settings.series_url}")
        _print(found, asked, refused, left_out)
    return int(bool(found.behind or found.quarantined or found.left_out or asked))


def _print(
    found: Standing,
    asked: Sequence[str],
    refused: Sequence[Refused],
    left_out: Mapping[str, str],
) -> None:
    now_ms = domain_clock().utc_ms()
    if found.away:
        print(f"  away for {_minutes(now_ms - found.away.since_ms)}: {found.away.why}")
    if found.behind:
        waits = f"{found.behind} sheets, records, bookings and lines"
        since = f", since {_minutes(now_ms - found.since_ms)}" if found.since_ms else ""
        print(f"  {waits} are not written yet{since}")
    elif not found.away:
        print("  up to date")
    if found.dropped:
        print(f"  {found.dropped} lines of health waited for too long and are gone")
    for word in asked:
        print(f"  asked for: {word}; the bridge does it within a second of running")
    if refused:
        print(f"  {len(refused)} points refused; once the cause is mended: hub series --retry")
    for one in refused[:REFUSED_SHOWN]:
        print(f"    {one.line}\n      {one.why}")
    if more := found.quarantined - len(refused):
        print(f"  {more} more were too many to keep: hub series --again")
    if left_out:
        print(f"  {len(left_out)} sheets left out; with a program that can: hub series --again")
    for what, why in left_out.items():
        print(f"    {what}\n      {why}")


def _minutes(ms: int) -> str:
    """How long, as people say it."""
    minutes = max(ms, 0) // 60_000
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
