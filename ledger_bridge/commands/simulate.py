"""`meterkast policy simulate`: what rules would have given, beside what was due."""

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.policy import key_files
from ledger_bridge.books.policy.simulate import simulate as replay
from ledger_bridge.books.policy.start import counted_otherwise
from ledger_bridge.books.telling.simulated import told
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    known_day,
    read_books,
    show,
    table,
)
from ledger_bridge.commands.key_files import at_hand
from ledger_bridge.commands.papers import must_be_of, read_policy
from ledger_bridge.page.simulated import page

# What is looked at where nobody says how far back: a year has every season.
DAYS_LOOKED_AT = 365


def simulate(
    file: Path,
    /,
    *,
    first: Annotated[date | None, cyclopts.Parameter(name="--from")] = None,
    last: Annotated[date | None, cyclopts.Parameter(name="--to")] = None,
    out: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say who would have gained and who would have lost by a policy. The books stay as they are.

    Parameters
    ----------
    file
        policy.toml, or a signed paper; its own day does not matter.
    first
        From which local day on; else a year back, or when the first policy began.
    last
        Up to which local day; else today.
    out
        An HTML file to write that shows the same with a chart.
    """
    policy, where = read_policy(file), str(file)
    books = read_books(config)
    must_be_of(policy, books, where)
    if odd := list(counted_otherwise(policy, books.policies, where=where)):
        raise ConfigError(*odd)
    files = at_hand(policy, file, books)
    if odd := list(key_files.problems(policy, books.registry, files, where=where)):
        raise ConfigError(*odd)
    first_day, last_day = _range(books, first, last)
    bar = _Bar()
    try:
        simulated = replay(
            books.db,
            books.community,
            policy,
            registry=books.registry,
            first=first_day,
            last=last_day,
            progress=bar.tell,
            files=files,
        )
    finally:
        bar.end()
    found = told(simulated, policy, policies=books.policies, registry=books.registry, db=books.db)
    if out:
        _write(out, page(books.community, found))
    if json:
        show(found)
    else:
        _print(found)
        if out:
            print(f"with a chart: {out}")


def _print(found: dict[str, Any]) -> None:
    print(f"from {found['from']} to {found['to']} these rules would have given:")
    for one in (*found["totals"], *found["pools"]):
        print(f"  {one['sentence']}")
    rows = [
        (one["holder"], one["asset"], one["before"], one["after"], one["change"], _why(one))
        for one in found["holders"]
    ]
    if rows:
        table(("holder", "asset", "was", "would be", "change", "by rule"), rows)
    else:
        print("  nothing, and nothing was due")
    if found["waiting"]:
        print(f"note: {found['waiting']} claims and shared days are still being settled")


def _why(one: dict[str, Any]) -> str:
    """The reasons at the end of a sentence, without its brackets."""
    return str(one["sentence"]).partition("(")[2].removesuffix(").")


def _range(books: Reading, first: date | None, last: date | None) -> tuple[str, str]:
    """The days asked for; else a year up to today, from the first policy on."""
    if not books.policies.in_order:
        what = "nothing was ever due here: there is no policy yet"
        raise UsageError(Problem(what, "policy simulate", "meterkast policy activate FILE"))
    today = date.fromisoformat(day_of(domain_clock().utc_ms(), books.policies.zone))
    to = last or today
    began = books.policies.in_order[0].policy.valid_from
    since = first or min(to, max(began, to - timedelta(days=DAYS_LOOKED_AT - 1)))
    return known_day(since), known_day(to)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        raise UsageError(Problem(what, str(path), "a folder where you may write")) from error


class _Bar:
    """How far it is, on one line of a terminal; nothing where nobody watches."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()

    def tell(self, done: int, total: int) -> None:
        if self._is_shown:
            print(f"\rsimulating {done:,} of {total:,}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
