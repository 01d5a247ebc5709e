"""A community's books as somebody would keep them with a pencil: slow, obvious, and apart.

It imports nothing of the product. All that was ever heard is kept as it was said, and everything is
reckoned from it anew whenever somebody asks.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
QUARTER_MS = 900_000
ONE = 1_000  # smallest units of a credit: three decimal places
ONE_SHARED = 1_000_000  # and of one for shared energy, of which an mWh is to be seen

SUN, SHARED, GLASS, CARE = "sun", "shared", "glass", "care"
ASSETS = {SUN: "ENERGY", SHARED: "SHARED", GLASS: "WASTE", CARE: "TIME"}
EXPORT, IMPORT = "1-0:2.8.1", "1-0:1.8.1"


class Rules(NamedTuple):
    """What a policy says from a local day on."""

    day: str
    sun_per_kwh: Fraction
    sun_cap: Fraction
    shared_per_kwh: Fraction
    glass_per_kg: Fraction
    glass_cap: Fraction
    care_per_hour: Fraction
    waste_for_energy: Fraction


class Count(NamedTuple):
    at_ms: int
    wh: int


@dataclass
class Bag:
    member: str
    at_ms: int
    grams: int
    counts: bool = True


class Claim(NamedTuple):
    rule: str
    member: str
    day: str


def day_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, AMSTERDAM).date().isoformat()


def midnight_ms(day: str) -> int:
    return round(datetime.fromisoformat(day).replace(tzinfo=AMSTERDAM).timestamp() * 1000)


def next_day(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()


class Gained(NamedTuple):
    """What a register gained in a quarter-hour, known by its beginning; None: in several."""

    day: str
    quarter_ms: int | None
    wh: int


def gained(counts: list[Count]) -> list[Gained]:
    """Nothing below the highest count so far, nothing from before the first."""
    found = []
    top: Count | None = None
    for count in sorted(counts):
        ends_ms = count.at_ms // QUARTER_MS * QUARTER_MS
        if top is not None and count.wh >= top.wh:
            since_ms = top.at_ms // QUARTER_MS * QUARTER_MS
            within = ends_ms - QUARTER_MS if ends_ms - since_ms <= QUARTER_MS else None
            found.append(Gained(day_of(ends_ms - 1), within, count.wh - top.wh))
        if top is None or count.wh >= top.wh:
            top = count
    return found


def pro_rata(produced: int, used: dict[str, int]) -> dict[str, int]:
    """To each in proportion to use, at most what they used; the largest remainders are rounded up,
    of equal ones that of whoever comes first by name.
    """
    total = sum(used.values())
    if produced >= total:
        return dict(used)
    exact = {name: Fraction(produced * mwh, total) for name, mwh in used.items()}
    found = {name: floor(part) for name, part in exact.items()}
    by_rest = sorted(exact, key=lambda name: (found[name] - exact[name], name))
    for name in by_rest[: produced - sum(found.values())]:
        found[name] += 1
    return found


@dataclass
class Pencil:
    """The whole community."""

    members: tuple[str, ...]
    rules: list[Rules] = field(default_factory=list)
    counts: dict[tuple[str, str], list[Count]] = field(default_factory=lambda: defaultdict(list))
    bags: dict[str, Bag] = field(default_factory=dict)
    hours: list[tuple[str, str, int]] = field(default_factory=list)
    moved: list[tuple[str, str, int]] = field(default_factory=list)
    closed_until: str = ""
    left: dict[str, int] = field(default_factory=dict)
    erased: dict[str, dict[Claim, int]] = field(default_factory=dict)

    def rules_on(self, day: str) -> Rules | None:
        return next((one for one in reversed(self.rules) if one.day <= day), None)

    # What is due.

    def due(self) -> dict[Claim, int]:
        """Every claim that is due something."""
        found: dict[Claim, int] = {}
        for member in self.members:
            found |= self._sun(member) | self._glass(member) | self._care(member)
        found |= self._shared()
        mine = {claim: due for claim, due in found.items() if claim.member not in self.erased}
        for frozen in self.erased.values():
            mine |= frozen
        return {claim: due for claim, due in mine.items() if due}

    def erase(self, member: str) -> None:
        """What they got stays as it is, whatever comes."""
        self.erased[member] = {
            claim: due for claim, due in self.due().items() if claim.member == member
        }

    def _gained(self, member: str, register: str) -> list[Gained]:
        """Until they left; what was read at that very moment still ends a quarter-hour."""
        counts = self.counts[member, register]
        left_ms = self.left.get(member)
        return gained([one for one in counts if left_ms is None or one.at_ms <= left_ms])

    def _shared(self) -> dict[Claim, int]:
        """What each took of what all gave back in the same quarter-hour, in proportion to use."""
        gave, used = self._by_quarter(EXPORT), self._by_quarter(IMPORT)
        taken: dict[tuple[str, str], int] = defaultdict(int)
        for (day, quarter_ms), given in gave.items():
            wants = used.get((day, quarter_ms), {})
            for member, mwh in pro_rata(sum(given.values()), wants).items():
                taken[member, day] += mwh
        found = {}
        for (member, day), mwh in taken.items():
            rules = self.rules_on(day)
            if rules and self._is_ripe(day):
                credit = Fraction(mwh, 1_000_000) * rules.shared_per_kwh
                found[Claim(SHARED, member, day)] = floor(credit * ONE_SHARED)
        return found

    def _by_quarter(self, register: str) -> dict[tuple[str, int], dict[str, int]]:
        """mWh by member, of each quarter-hour that was measured by itself."""
        found: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for member in self.members:
            for day, quarter_ms, wh in self._gained(member, register):
                if quarter_ms is not None and wh:
                    found[day, quarter_ms][member] += 1_000 * wh
        return found

    def _is_ripe(self, day: str) -> bool:
        """Closed, or every meter was heard of since, or one three days later."""
        end_ms = midnight_ms(next_day(day))
        newest = {
            m: max(count.at_ms for way in (EXPORT, IMPORT) for count in self.counts[m, way])
            for m in self.members
            if self.counts[m, EXPORT] and m not in self.erased
        }
        is_late = any(at_ms >= end_ms + 3 * 86_400_000 for at_ms in newest.values())
        waited_for = [at_ms for m, at_ms in newest.items() if end_ms <= self.left.get(m, end_ms)]
        return day <= self.closed_until or is_late or all(at_ms >= end_ms for at_ms in waited_for)

    def _sun(self, member: str) -> dict[Claim, int]:
        wh: dict[str, int] = defaultdict(int)
        for one in self._gained(member, EXPORT):
            wh[one.day] += one.wh
        found = {}
        for day, amount in wh.items():
            if rules := self.rules_on(day):
                kwh = Fraction(amount, 1000)
                credit = min(kwh * rules.sun_per_kwh, rules.sun_cap)
                found[Claim(SUN, member, day)] = floor(credit * ONE)
        return found

    def _glass(self, member: str) -> dict[Claim, int]:
        grams: dict[str, int] = defaultdict(int)
        for bag in self.bags.values():
            has_left = bag.at_ms >= self.left.get(member, bag.at_ms + 1)
            if bag.member == member and bag.counts and not has_left:
                grams[day_of(bag.at_ms)] += bag.grams
        found = {}
        for day, amount in grams.items():
            if rules := self.rules_on(day):
                credit = min(Fraction(amount, 1000) * rules.glass_per_kg, rules.glass_cap)
                found[Claim(GLASS, member, day)] = floor(credit * ONE)
        return found

    def _care(self, member: str) -> dict[Claim, int]:
        minutes: dict[str, int] = defaultdict(int)
        for who, day, some in self.hours:
            if who == member and midnight_ms(day) < self.left.get(member, 2**62):
                minutes[day] += some
        return {
            Claim(CARE, member, day): floor(Fraction(some, 60) * rules.care_per_hour * ONE)
            for day, some in minutes.items()
            if (rules := self.rules_on(day))
        }

    # What everybody has.

    def has(self, holder: str, asset: str) -> int:
        """What is due to a member and what acts moved."""
        due = sum(
            amount
            for claim, amount in self.due().items()
            if claim.member == holder and ASSETS[claim.rule] == asset
        )
        return due + sum(some for who, what, some in self.moved if (who, what) == (holder, asset))

    def can(self, holder: str, asset: str, change: int) -> bool:
        """Whoever gives has it; whoever has left only comes nearer to zero."""
        has = self.has(holder, asset)
        if holder in self.left and abs(has + change) >= abs(has):
            return False
        return change > 0 or has + change >= 0

    def move(self, giver: str, receiver: str, asset: str, amount: int) -> bool:
        """From one to another, where both can."""
        if amount <= 0 or giver == receiver:
            return False
        if not (self.can(giver, asset, -amount) and self.can(receiver, asset, amount)):
            return False
        self.give(giver, receiver, asset, amount)
        return True

    def give(self, giver: str, receiver: str, asset: str, amount: int) -> None:
        """Whatever they have."""
        self.moved += [(giver, asset, -amount), (receiver, asset, amount)]
