"""`meterkast ledger attest`: hours that a member gave, and that a member took part."""

import re
import secrets
import shlex
from datetime import date
from typing import Annotated

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.attested import MINUTES_MAX, Attestation, TakenBack
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.rules import OfActivities
from ledger_bridge.books.telling.attested import attestation
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    known_day,
    known_member,
    read_books,
    tell,
)
from ledger_bridge.desk import Paper, hand_in

_HOURS = re.compile(r"([0-9]{1,2}):([0-5][0-9])")

Key = Annotated[
    str,
    cyclopts.Parameter(
        name="--key", help="Your own name for this: the same key twice is the same evidence."
    ),
]


def attest(
    member: str = "",
    /,
    *,
    activity: str = "",
    hours: str = "",
    day: date | None = None,
    by: str = "",
    void: str = "",
    reason: str = "",
    key: Key = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Attest hours that a member gave to an activity, or that a member took part in it.

    Parameters
    ----------
    activity
        As a rule of the policy names it.
    hours
        How long, as H:MM; left out where only that the member took part counts.
    day
        The local day; today where it is left out.
    by
        Who vouches for it.
    void
        Take an attestation back: its number, as this command told it.
    reason
        Why it is taken back.
    """
    books = read_books(config)
    if void:
        said: Attestation | TakenBack = _taken_back(books, void, reason)
    else:
        said = _attested(books, member, activity, hours=hours, day=day, by=by)
    name = key or secrets.token_hex(8)
    paper = papers.Paper(books.community, f"attest {name}", domain_clock().utc_ms(), (said,))
    document = papers.make(paper, key=books.hub.key("steward"))
    again = f"the same command with --key {shlex.quote(name)}"
    number = int(hand_in(books.hub, Paper("evidence", document.decode()), again=again))
    _tell(config, number, said, json=json)


def _attested(
    books: Reading, member: str, activity: str, *, hours: str, day: date | None, by: str
) -> Attestation:
    known_member(books.registry, member)
    zone = books.policies.zone
    today = day_of(domain_clock().utc_ms(), zone)
    chosen = known_day(day) if day else today
    if chosen > today:
        what = f"{chosen} is still to come"
        raise UsageError(Problem(what, "--day", f"up to today, {today}"))
    known = _activities(books.policies, chosen)
    if activity not in known:
        what = f"no rule of {chosen} is about {activity!r}"
        raise UsageError(Problem(what, "--activity", f"known: {', '.join(known) or 'none'}"))
    if not by.strip():
        raise UsageError(Problem("nobody vouches for it", "--by", '--by "who saw it"'))
    return Attestation(member, chosen, activity, _minutes(hours), by)


def _activities(policies: Policies, day: str) -> list[str]:
    """The activities that the rules of a day name."""
    in_force = policies.on(day)
    return sorted(
        {
            key
            for rule in (in_force.policy.rules if in_force else ())
            if isinstance(rule, OfActivities)
            for key in rule.activities
        }
    )


def _minutes(hours: str) -> int:
    if not hours:
        return 0
    match = _HOURS.fullmatch(hours)
    minutes = 60 * int(match[1]) + int(match[2]) if match else -1
    if not 0 < minutes <= MINUTES_MAX:
        what = f"{hours!r} is no time that a day has"
        raise UsageError(Problem(what, "--hours", "hours and minutes, such as 2:30"))
    return minutes


def _taken_back(books: Reading, void: str, reason: str) -> TakenBack:
    paper, _, n = void.partition("/")
    is_number = paper.isdecimal() and n.isdecimal() and len(void) < 20
    if not is_number or attestation(books.db, books.community, int(paper), int(n)) is None:
        what = f"there is no attestation {void!r}"
        raise UsageError(Problem(what, "--void", "meterkast ledger statement shows their numbers"))
    if not reason.strip():
        raise UsageError(Problem("no reason is given", "--reason", '--reason "why"'))
    return TakenBack(int(paper), int(n), reason)


def _tell(config: Config, number: int, said: Attestation | TakenBack, *, json: bool) -> None:
    """What came of it, from the books."""
    books = read_books(config)
    where = (said.paper, said.n) if isinstance(said, TakenBack) else (number, 1)
    found = attestation(books.db, books.community, *where)
    assert found
    if isinstance(said, TakenBack):
        sentence = f"attestation {found['attestation']} is taken back by paper {number}"
    else:
        time = f"{said.minutes // 60}:{said.minutes % 60:02} of " if said.minutes else ""
        verb = "gave" if time else "took part in"
        sentence = f"attestation {number}/1: {said.member} {verb} {time}{said.activity}, {said.day}"
        sentence += f"\n{found['sentence']}" if found["sentence"] else ""
    tell(sentence, {**found, "paper": number}, json=json)
