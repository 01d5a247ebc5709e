"""What people attest: hours that somebody gave, and that somebody took part; and why it may wait.

Pure. What is given to `judge` must be whole: all that is attested of a member's day.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, NamedTuple

import msgspec

from ledger_bridge.books.calendar import bounds_ms, day_of
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned

# No member gives more on the longest day, when the clock is set back.
MINUTES_MAX = 25 * 60

# Nobody attests what was before there were meters like ours, or after they are gone.
FIRST_YEAR, LAST_YEAR = 1980, 2100

MINUTE_MS = 60_000

# Why an attestation does not count. These wait for somebody.
NOBODY = "nobody"  # of no member, or of one who had left by then
ACTIVITY = "activity"  # no rule of its day names the activity
MOST = "most"  # with what was attested before, more than the day is long
# These do not wait.
AHEAD = "ahead"  # of a day that was still to come when it was signed
VOID = "void"  # taken back by a steward

WAITING = (NOBODY, ACTIVITY, MOST)

Minutes = Annotated[int, msgspec.Meta(ge=0, le=MINUTES_MAX)]
Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]


class Attestation(msgspec.Struct, frozen=True, tag="attested", tag_field="kind"):
    """A member gave so many minutes to an activity on a local day; `by` is who vouches for it.

    No minutes where only that somebody took part is attested.
    """

    member: str
    day: str
    activity: str
    minutes: Minutes
    by: str

    def __post_init__(self) -> None:
        day = date.fromisoformat(self.day)
        if day.isoformat() != self.day or not FIRST_YEAR <= day.year < LAST_YEAR:
            raise ValueError(f"{self.day!r} is no day such as 2026-06-21")


class TakenBack(msgspec.Struct, frozen=True, tag="taken-back", tag_field="kind"):
    """What stood as number `n`, from 1 on, in an earlier paper does not count, and why."""

    paper: Number
    n: Number
    reason: str


class Given(NamedTuple):
    """An attestation as it stands in a paper; in the order of the table's columns."""

    paper: int
    n: int
    signed_ms: int
    member: str
    day: str
    activity: str
    minutes: int
    by: str


class GivenRow(NamedTuple):
    """An attestation with what is derived of it."""

    fact: Given
    verdict: str
    reason: str  # why it was taken back

    def columns(self, community: str) -> tuple[Any, ...]:
        return (community, *self.fact, *self[1:])


class Taking(NamedTuple):
    """A taking back as it stands in a paper; in the order of the table's columns."""

    paper: int
    n: int
    of_paper: int
    of_n: int
    reason: str


def read(number: int, signed_ms: int, said: Iterable[Any]) -> tuple[list[Given], list[Taking]]:
    """What paper `number` attests, and what it takes back; `n` counts all that the paper says."""
    given, taken = [], []
    for n, one in enumerate(said, start=1):
        if isinstance(one, Attestation):
            given.append(
                Given(number, n, signed_ms, one.member, one.day, one.activity, one.minutes, one.by)
            )
        elif isinstance(one, TakenBack):
            taken.append(Taking(number, n, one.paper, one.n, one.reason))
    return given, taken


def judge(
    facts: Iterable[Given], taken: Iterable[Taking], *, registry: Registry, policies: Policies
) -> list[GivenRow]:
    """What counts of attestations, in the order of their papers: first come, first counted."""
    reasons: dict[tuple[int, int], str] = {}
    for one in sorted(taken):
        if one.paper > one.of_paper:  # nothing is taken back before it is said
            reasons.setdefault((one.of_paper, one.of_n), one.reason)
    rows = []
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for fact in sorted(facts):
        verdict, reason = _verdict(fact, registry, policies), ""
        if (fact.paper, fact.n) in reasons:
            verdict, reason = VOID, reasons[fact.paper, fact.n]
        if not verdict:
            sums[fact.member, fact.day] += fact.minutes
            if sums[fact.member, fact.day] > _minutes_of(fact.day, policies.zone):
                sums[fact.member, fact.day] -= fact.minutes
                verdict = MOST
        rows.append(GivenRow(fact, verdict, reason))
    return rows


def _verdict(fact: Given, registry: Registry, policies: Policies) -> str:
    if fact.day > day_of(fact.signed_ms, policies.zone):
        return AHEAD
    begin_ms, _ = bounds_ms(fact.day, policies.zone)
    if not registry.is_member(fact.member, begin_ms):
        return NOBODY
    return "" if concerned(policies, "attested", fact.activity, fact.day) else ACTIVITY


def _minutes_of(day: str, zone: str) -> int:
    begin, end = bounds_ms(day, zone)
    return (end - begin) // MINUTE_MS
