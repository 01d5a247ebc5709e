"""`meterkast evidence`: figures of metering companies, and what somebody read off a meter."""

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.books.calendar import local_text, utc_text
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.official import Series, Sight
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import QUANTITIES, written
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    read_books,
    show,
    split_place,
    table,
    tell,
)
from ledger_bridge.commands.counts import instant, read_count
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.official import mapping as mappings
from ledger_bridge.official import taking
from ledger_bridge.official.reading import Refused, read
from ledger_bridge.official.taking import Books, Taken

app = cyclopts.App(name="evidence", help="Official figures and sight-readings.")

# So many refused lines are shown, and so many days of each point.
REFUSED_SHOWN = 20
DAYS_SHOWN = 35
# What meters show, by the unit in which their counts are kept.
_SHOWN = {"Wh": "kWh", "l": "m3", "J": "MJ"}


@app.command(name="import")
def import_(
    file: Path,
    /,
    *,
    mapping: str,
    point: str = "",
    register: str = "",
    preview: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    skip_refused: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Take in a quarter-hour file of a metering company or grid operator, signed by you.

    For the quarters that it is about its figures go before what gateways counted.

    Parameters
    ----------
    mapping
        How the file is written: a name (see `meterkast evidence mappings`), or a TOML file.
    point
        The meter point, where the file does not say it.
    register
        The register it is about, such as 1-0:2.8.0, where the mapping says another.
    preview
        Show what would be taken, and take nothing.
    skip_refused
        Take the rest although some lines are refused.
    """
    how = mappings.load(mapping)
    books = read_books(config)
    now_ms = domain_clock().utc_ms()
    try:
        data = file.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigError(Problem(what, str(file), "another file")) from error
    bar = _Bar("reading")
    found = read(data, how, name=str(file), point=point, register=register, progress=bar.tell)
    bar.end()
    place = Books(books.db, books.community, books.registry, books.policies)
    taken = taking.compare(found, place, now_ms=now_ms)
    if preview:
        _show(taken, json=json)
        return 1 if taken.refused else 0
    if taken.refused and not skip_refused:
        raise ConfigError(*_problems(taken.refused, file))
    numbers = _hand_in(books, taken, source=how.source, now_ms=now_ms)
    count = sum(len(some) for some in taken.figures.values())
    outcome = {"figures": count, "known": taken.known, "papers": numbers}
    if not numbers:
        tell(f"nothing new; figures known before: {taken.known}", outcome, json=json)
        return 0
    said = f"figures taken: {count}, known before: {taken.known}; papers"
    said = f"{said} {', '.join(map(str, numbers))}"
    tell(said, outcome, json=json)
    return 0


def _hand_in(books: Reading, taken: Taken, *, source: str, now_ms: int) -> list[int]:
    """Sign what is new; gives the numbers of the papers."""
    some = list(taking.papers(taken, community=books.community, source=source, now_ms=now_ms))
    key = books.hub.key("steward")
    bar = _Bar("taking in")
    numbers = []
    for done, paper in enumerate(some):
        bar.tell(done, len(some))
        document = papers.make(paper, key=key).decode()
        numbers.append(int(hand_in(books.hub, Paper("evidence", document))))
    bar.end()
    return numbers


def _problems(refused: Sequence[Refused], file: Path) -> list[Problem]:
    shown = [
        Problem(one.why, f"{file} line {one.line}", "look at it; or --skip-refused")
        for one in refused[:REFUSED_SHOWN]
    ]
    if (more := len(refused) - len(shown)) > 0:
        shown.append(Problem(f"{more} lines more are refused", str(file), "--preview --json"))
    return shown


def _show(taken: Taken, *, json: bool) -> None:
    """What would be taken, per point and register and per day, and what would not."""
    if json:
        refused = [{"line": one.line, "why": one.why} for one in taken.refused]
        show({"points": taken.told, "known": taken.known, "refused": refused})
        return
    head = ("point", "member", "register", "from", "to", "quarters", "new", "missing", "gaps",
            "substituted", "kWh", "gateway kWh")  # fmt: skip
    keys = ("point", "member", "register", "first", "last", "quarters", "new", "missing", "gaps",
            "substituted", "kwh", "gateway_kwh")  # fmt: skip
    table(head, [tuple(str(one[key]) for key in keys) for one in taken.told])
    for one in taken.told:
        print(f"\n{one['point']} {one['register']}, kWh per day")
        days = list(one["days"].items())
        for day, kwh in days[:DAYS_SHOWN]:
            print(f"  {day}  {kwh}")
        if len(days) > DAYS_SHOWN:
            print(f"  and {len(days) - DAYS_SHOWN} days more: --json")
        if not one["rewarded"]:
            print(f"  no rule of these days is about {one['register']}: it changes no credit")
    if taken.refused:
        print(f"\nrefused: {len(taken.refused)} lines or quarter-hours")
        for odd in taken.refused[:REFUSED_SHOWN]:
            print(f"  line {odd.line}: {odd.why}")


@app.command(name="mappings")
def mappings_(*, json: Json = False) -> None:
    """The mappings that are there by name."""
    some = {name: mappings.load(name).source for name in mappings.names()}
    if json:
        show(some)
    else:
        table(("name", "file of"), list(some.items()))


@app.command
def sight(
    place: str,
    /,
    *,
    register: str,
    value: str,
    at: str,
    by: str,
    serial: str | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say what somebody read off a meter: counts that agree with it are checked.

    Parameters
    ----------
    place
        GATEWAY/DEVICE, as statements show it.
    register
        Which count was read, such as 1-0:2.8.1.
    value
        What stood there with all its digits, such as "4426.123 kWh" or "812 m3".
    at
        When: local "2026-06-21 12:00", or "2026-06-21T10:00:00Z".
    by
        Who read it.
    serial
        The number of the meter, where several were there.
    """
    gateway, device = split_place(place, where="evidence sight", form="GATEWAY/DEVICE")
    books = read_books(config)
    now_ms = domain_clock().utc_ms()
    at_ms = instant(at, books.policies.zone, where="evidence sight --at")
    if at_ms > now_ms:
        raise UsageError(Problem(f"{at} is still to come", "evidence sight --at", "when it was"))
    count = read_count(value, where="evidence sight --value")
    number = _the_meter(books, (gateway, device, register), serial, unit=count.unit)
    said = Sight(
        gateway, device, register, number, at_ms, count.value, count.unit, by, step=count.step
    )
    name = f"sight {gateway}/{device} {register} {number} {at_ms} {count.value}"
    paper = papers.Paper(books.community, name, now_ms, (said,))
    document = papers.make(paper, key=books.hub.key("steward")).decode()
    seq = int(hand_in(books.hub, Paper("evidence", document)))
    tell(f"paper {seq}: {place} showed {value} at {utc_text(at_ms)}", {"paper": seq}, json=json)


def _the_meter(
    books: Reading, where: tuple[str, str, str], serial: str | None, *, unit: str
) -> str:
    """The number of the meter that is meant. Raises UsageError with those that there are."""
    rows = books.db.execute(
        "SELECT DISTINCT serial, unit FROM counter WHERE community = ? AND gateway = ?"
        " AND device = ? AND register = ?",
        (books.community, *where),
    ).fetchall()
    place = f"{where[0]}/{where[1]} {where[2]}"
    meant = [one for one in rows if serial is None or one[0] == serial]
    known = ", ".join(repr(number) for number, _ in rows) or "none has counted this yet"
    if len(meant) != 1:
        raise UsageError(
            Problem(f"{len(meant)} meters could be meant", place, f"--serial: {known}")
        )
    if meant[0][1] != unit:
        what = f"this meter counts in {meant[0][1]}, not in {unit}"
        raise UsageError(Problem(what, place, "the count in the unit on the meter"))
    found: str = meant[0][0]
    return found


@app.command(name="list")
def list_(*, config: Config = CONFIG, json: Json = False) -> None:
    """Which official figures and sight-readings the books have."""
    books = read_books(config)
    found = []
    for seq, data in books.db.execute(
        "SELECT seq, data FROM paper WHERE community = ? ORDER BY seq", (books.community,)
    ):
        paper = papers.read(data, books.registry)
        found += [_line(seq, one, books.policies) for one in paper.said if _is_ours(one)]
    if json:
        show(found)
        return
    table(
        ("paper", "about", "register", "from", "to", "what", "source"),
        [tuple(str(value) for value in one.values()) for one in found],
    )


def _is_ours(said: papers.Said) -> bool:
    return isinstance(said, Series | Sight)


def _line(seq: int, said: papers.Said, policies: Policies) -> dict[str, Any]:
    zone = policies.zone
    if isinstance(said, Series):
        about, until_ms = said.point, said.start_ms + len(said.values) * 900_000
        since, until = local_text(said.start_ms, zone), local_text(until_ms, zone)
        what = f"{sum(one is not None for one in said.values)} figures"
        source = said.source
    else:
        assert isinstance(said, Sight)
        about, since = f"{said.gateway}/{said.device}", local_text(said.at_ms, zone)
        until, source = since, said.by
        unit = _SHOWN.get(said.unit, said.unit)
        what = f"{written(Fraction(said.value) / QUANTITIES.get(unit, 1_000))} {unit}"
    return {
        "paper": seq,
        "about": about,
        "register": said.register,
        "from": since,
        "to": until,
        "what": what,
        "source": source,
    }


class _Bar:
    """How far long work is, on one line of a terminal; nothing where nobody watches."""

    WIDTH = 24

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._is_shown = sys.stderr.isatty()

    def tell(self, done: int, of: int) -> None:
        full = "█" * min(self.WIDTH, self.WIDTH * done // max(1, of))
        self._print(f"\r{self._doing} {full:░<{self.WIDTH}} {done:,} of {of:,}\x1b[K")

    def end(self) -> None:
        self._print("\r\x1b[K")

    def _print(self, text: str) -> None:
        if self._is_shown:
            print(text, end="", file=sys.stderr, flush=True)
