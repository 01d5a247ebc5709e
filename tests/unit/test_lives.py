"""Random lives of a community against books kept with a pencil.

Deliveries in any order, twice and in pieces; crashes at any statement; corrections, trade, other
rules and closings. After every happening claims and balances are those of `tests.pencil`, which was
written apart from the product; in the end `verify` finds nothing.
Invariants 1, 2, 3, 6 and 10 (DESIGN); 1 to 8, 19 to 22 (ledger).
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from drivers.reading import Reading
from gateway.contract import policy as papers
from gateway.contract import record as records
from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts import acts
from ledger_bridge.books.acts.requests import (
    Act,
    Close,
    Donate,
    Exchange,
    Post,
    Request,
    Reserve,
    Retire,
    Reverse,
    Transfer,
    Void,
    make,
)
from ledger_bridge.books.closing.erase import scrub
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts import papers as evidence
from ledger_bridge.books.facts.attested import Attestation
from ledger_bridge.books.registry.edits import (
    AccountOpened,
    CardGiven,
    DepositDecided,
    GatewayAdmitted,
    MemberAdded,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.inbox import Inbox
from tests.pencil import (
    ASSETS,
    EXPORT,
    IMPORT,
    QUARTER_MS,
    Bag,
    Claim,
    Count,
    Pencil,
    Rules,
    midnight_ms,
    next_day,
)
from tests.street import CARD_KEY, ID, Chain, Street, deposit_id, key, token

HOMES = {"noor": "home", "bram": "away", "sanne": "third"}
CARDS = {"A": "noor", "B": "bram", "C": "sanne"}
HOLDERS = st.sampled_from([*HOMES, "pool"])
FIRST_DAY = "2026-03-28"  # the night after it has no hour between two and three
RATES = st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1), Fraction(7, 5)])
WH = st.one_of(st.just(0), st.integers(1, 2_000))
CAPS = st.sampled_from([Fraction(1, 2), Fraction(3)])


class Lights(Exception):
    """They are out."""


class Frail:
    """A connection that fails after so many statements."""

    def __init__(self, db: sqlite3.Connection, lasts: int) -> None:
        self._db = db
        self._left = lasts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Lights

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self._spend()
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        self._spend()
        return self._db.executemany(sql, rows)


def toml(rules: Rules) -> str:
    """A policy of these rules."""
    assets = "".join(
        f'assets.{name} = {{unit = "credit", scale = {scale}, kind = "credit"}}\n'
        for name, scale in zip(ASSETS.values(), (3, 6, 3, 3), strict=True)
    )
    return f"""
community = "{ID}"
valid_from = {rules.day}
time_zone = "Europe/Amsterdam"
{assets}
fractions.glass = {{euralcode = "15 01 07", unit = "kg", nl = "glas", en = "glass"}}

[[rules]]
id = "sun"
rule = "energy_exported"
version = 1
asset = "ENERGY"
registers = ["{EXPORT}"]
credit = "{rules.sun_per_kwh}"
per = "1 kWh"
cap = "{rules.sun_cap} per day"

[[rules]]
id = "shared"
rule = "energy_shared"
version = 1
asset = "SHARED"
exclusive = "shared"
registers_out = ["{EXPORT}"]
registers_in = ["{IMPORT}"]
key = "pro-rata"
earns = "taker"
credit = "{rules.shared_per_kwh}"
per = "1 kWh"

[[rules]]
id = "glass"
rule = "waste_deposited"
version = 1
asset = "WASTE"
cap = "{rules.glass_cap} per day"
rates.glass = {{credit = "{rules.glass_per_kg}", per = "1 kg"}}

[[rules]]
id = "care"
rule = "time_given"
version = 1
asset = "TIME"
rates.care = {{credit = "{rules.care_per_hour}", per = "1 h"}}

[[exchanges]]
id = "energy"
gives = "WASTE"
gets = "ENERGY"
rate = "{rules.waste_for_energy}"
pool = "pool"
"""


class Lives(RuleBasedStateMachine):
    """One community, and its pencil."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.street = Street(self.folder, policy="")
        self.street.edit(
            GatewayAdmitted("away", key("away").public.x),
            MeterFitted("away", "hall", "", "bram", 0),
            MemberAdded("sanne", "acc-sanne"),
            GatewayAdmitted("third", key("third").public.x),
            MeterFitted("third", "hall", "", "sanne", 0),
            CardGiven(token("C", CARD_KEY), "sanne"),
            AccountOpened("acc-pool", "pool", "pool"),
            AccountOpened("acc-gone", "retired", "retired"),
            AccountOpened("acc-between", "clearing", "clearing"),
        )
        self.pencil = Pencil(tuple(HOMES))
        self.day = FIRST_DAY
        self.chains = {name: Chain(name) for name in (*HOMES.values(), "point")}
        self.quarters = dict.fromkeys(HOMES, 0)
        self.wh = {(name, way): 1_000 for name in HOMES for way in (EXPORT, IMPORT)}
        self.said: list[tuple[str, int, bytes, Any]] = []
        self.arrived: set[int] = set()
        self.linked = dict.fromkeys(self.chains, 0)
        self.open_from = FIRST_DAY
        self.keys = 0
        self.reserved: dict[int, tuple[str, str, str, int]] = {}
        self.transfers: dict[int, tuple[str, str, str, int]] = {}
        half = Fraction(1, 2)
        self._put_in_force(
            Rules(FIRST_DAY, Fraction(1), Fraction(3), half, half, Fraction(3), half, half)
        )
        self._begin()

    def _begin(self) -> None:
        """Somebody has something from the first day on."""
        self.measure("noor", [(900, 1_401), (1_501, 700), (0, 200), (1_900, 1_900)], 0)
        self.measure("sanne", [(0, 0), (700, 300), (0, 500), (0, 11)], 0)
        self.measure("bram", [(1, 777), (0, 2_000), (3, 200), (1_900, 1_900)], 0)
        for card in CARDS:
            self.bring(card, 4_000)
        self.attest("noor", 90)
        self.deliver_all()
        self.donate("noor", 700)

    @property
    def now_ms(self) -> int:
        return midnight_ms(self.day) + 12 * 3_600_000

    @property
    def community(self) -> Community:
        return self.street.community

    def teardown(self) -> None:
        self.nothing_differs()
        self.community.db.close()
        shutil.rmtree(self.folder)

    # What happens at the gateways.

    def _say(self, gateway: str, data: bytes, effect: Any) -> None:
        self.said.append((gateway, self.chains[gateway].seq, data, effect))

    @rule(
        member=st.sampled_from(sorted(HOMES)),
        gains=st.lists(st.tuples(WH, WH), min_size=1, max_size=5),
        skipped=st.one_of(st.just(0), st.integers(0, 90)),
    )
    def measure(self, member: str, gains: list[tuple[int, int]], skipped: int) -> None:
        """A meter counts on, quarter-hour after quarter-hour; some are not read."""
        self.quarters[member] += skipped
        for gave, used in gains:
            self.quarters[member] += 1
            self.wh[member, EXPORT] += gave
            self.wh[member, IMPORT] += used
            self._read(member, self.wh[member, EXPORT], self.wh[member, IMPORT])

    @rule(member=st.sampled_from(sorted(HOMES)), shown=st.integers(0, 999))
    def dip(self, member: str, shown: int) -> None:
        """A meter shows for once less than it did."""
        self.quarters[member] += 1
        self._read(member, shown, self.wh[member, IMPORT])

    def _read(self, member: str, gave: int, used: int) -> None:
        at_ms = midnight_ms(FIRST_DAY) + self.quarters[member] * QUARTER_MS
        gateway = HOMES[member]
        shown = {EXPORT: gave, IMPORT: used}
        elements = [
            records.element("hall", Reading(way, wh * 1000, "mWh", at_ms, "E1"), base_ms=at_ms)
            for way, wh in shown.items()
        ]
        data = self.chains[gateway].record(elements, made_ms=at_ms)
        self._say(gateway, data, (member, {way: Count(at_ms, wh) for way, wh in shown.items()}))

    @rule(card=st.sampled_from(sorted(CARDS)), grams=st.integers(1, 9_000))
    def bring(self, card: str, grams: int) -> None:
        chain = self.chains["point"]
        name = deposit_id("point", chain.seq)
        at_ms = self.now_ms + chain.seq
        data = chain.deposit(at_ms, grams=grams, card=card)
        self._say("point", data, (name, Bag(CARDS[card], at_ms, grams)))

    # What reaches the hub.

    @precondition(lambda self: self.said)
    @rule(data=st.data(), lasts=st.one_of(st.none(), st.integers(0, 60)))
    def deliver(self, data: st.DataObject, lasts: int | None) -> None:
        """Some of it, in any order, again and again; perhaps the lights go out meanwhile."""
        places = st.integers(0, len(self.said) - 1)
        some = data.draw(st.lists(places, min_size=1, max_size=12))
        if lasts is not None and self._in_the_dark(some, lasts):
            return
        self._take(some)

    @rule()
    def deliver_all(self) -> None:
        self._take(range(len(self.said)))

    def _take(self, places: Iterable[int]) -> None:
        batch = [(self.said[place][0], self.said[place][2]) for place in places]
        self.street.inbox.take(batch, now_ms=self.now_ms)
        self.arrived.update(places)
        self._hear()

    def _in_the_dark(self, places: list[int], lasts: int) -> bool:
        """Whether the books failed while they took these; then nobody knows what arrived."""
        db = self.community.db
        frail = cast("sqlite3.Connection", Frail(db, lasts))
        batch = [(self.said[place][0], self.said[place][2]) for place in places]
        try:
            community = Community(frail, ID, log_key=key("log"))
            Inbox(community).take(batch, now_ms=self.now_ms)
            community.settle(self.now_ms)
        except Lights:
            pass
        else:
            self.arrived.update(places)
            self._hear()
        db.close()
        self.street.open()
        # What was stored before the lights went out is there all the same.
        for place in places:
            gateway, seq, _, _ = self.said[place]
            found = self.community.db.execute(
                "SELECT 1 FROM record WHERE gateway = ? AND seq = ?", (gateway, seq)
            ).fetchone()
            if found:
                self.arrived.add(place)
        self._hear()
        return True

    def _hear(self) -> None:
        """What follows without a gap is evidence."""
        for gateway, seq, _, (what, effect) in sorted(
            (self.said[place] for place in self.arrived), key=lambda one: one[:2]
        ):
            if seq != self.linked[gateway] + 1:
                continue
            self.linked[gateway] = seq
            if isinstance(effect, Bag):
                self.pencil.bags[what] = effect
                continue
            for way, count in effect.items():
                self.pencil.counts[what, way].append(count)

    # What stewards do.

    @rule(member=st.sampled_from(sorted(HOMES)), minutes=st.integers(1, 120))
    def attest(self, member: str, minutes: int) -> None:
        self.keys += 1
        said = (Attestation(member, self.day, "care", minutes, "sanne"),)
        paper = evidence.Paper(ID, f"hours-{self.keys}", self.now_ms, said)
        data = evidence.make(paper, key=key("steward"))
        for _ in range(2):  # whoever is not sure hands it in again
            self.community.hand_in_evidence(data, now_ms=self.now_ms)
        before = sum(m for who, day, m in self.pencil.hours if (who, day) == (member, self.day))
        if before + minutes <= 24 * 60:
            self.pencil.hours.append((member, self.day, minutes))

    @precondition(lambda self: self.pencil.bags)
    @rule(data=st.data(), is_accepted=st.booleans())
    def decide(self, data: st.DataObject, is_accepted: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.pencil.bags)))
        self.street.edit(DepositDecided("point", name, is_accepted, "looked at it"))
        self.pencil.bags[name].counts = is_accepted

    @rule()
    def tomorrow(self) -> None:
        self.day = next_day(self.day)

    @rule(gave=WH, used=WH)
    def tomorrow_with_all_meters_read(self, gave: int, used: int) -> None:
        """The day before can be shared once this has arrived."""
        self.day = next_day(self.day)
        begins = (midnight_ms(self.day) - midnight_ms(FIRST_DAY)) // QUARTER_MS
        for member in HOMES:
            self.measure(member, [(gave, used), (0, used)], max(0, begins - self.quarters[member]))
        self.deliver_all()

    @rule(rates=st.tuples(RATES, CAPS, RATES, RATES, CAPS, RATES))
    def other_rules(self, rates: tuple[Fraction, ...]) -> None:
        day = next_day(max(self.day, self.pencil.rules[-1].day))
        self._put_in_force(Rules(day, *rates, Fraction(2, 3)))

    def _put_in_force(self, rules: Rules) -> None:
        document = papers.make(toml(rules), community=ID, key=key("steward"))
        self.community.hand_in_policy(document, now_ms=self.now_ms - 86_400_000)
        self.pencil.rules.append(rules)

    @rule()
    def close(self) -> None:
        """The first day that is open, if it is over; what comes later is settled all the same."""
        is_over = self.open_from < self.day
        assert is_over == (self._act(Close(self.open_from)) is not None)
        if is_over:
            assert self._act(Close(self.open_from)) is None
            self.pencil.closed_until = self.open_from
            self.open_from = next_day(self.open_from)

    @precondition(lambda self: self.day > FIRST_DAY and "sanne" not in self.pencil.left)
    @rule()
    def leave(self) -> None:
        """Sanne leaves as of this morning."""
        self.pencil.left["sanne"] = midnight_ms(self.day)
        self.street.edit(MemberLeft("sanne", midnight_ms(self.day)))

    @precondition(lambda self: "sanne" in self.pencil.left and not self.pencil.erased)
    @rule()
    def erase(self) -> None:
        """What she has goes to the pool, and she is forgotten; what others have stays."""
        while self.open_from < self.day:
            self.close()
        for asset in set(ASSETS.values()):
            if has := self.pencil.has("sanne", asset):
                self.transfer("sanne", "pool", asset, has)
        is_at_zero = not any(self.pencil.has("sanne", asset) for asset in ASSETS.values())
        is_reserved = any("sanne" in one[:2] for one in self.reserved.values())
        try:
            self.street.edit(MemberErased("sanne"))
        except PeopleError:
            assert not is_at_zero or is_reserved
            return
        assert is_at_zero
        assert not is_reserved
        self.pencil.erase("sanne")
        while not scrub(self.community.db):
            pass

    def _act(self, act: Act) -> int | None:
        """Its booking, None where it was refused."""
        self.keys += 1
        while self.community.settle(self.now_ms):
            pass
        document = make(Request(ID, f"act-{self.keys}", act), key=key("steward"))
        one = self.community
        try:
            return acts.decide(
                one.book,
                document,
                registry=one.registry,
                policies=one.policies,
                now_ms=self.now_ms,
            )
        except PeopleError:
            return None

    @rule(
        giver=HOLDERS,
        receiver=HOLDERS,
        asset=st.sampled_from(sorted(set(ASSETS.values()))),
        amount=st.integers(-1, 2_000),
    )
    def transfer(self, giver: str, receiver: str, asset: str, amount: int) -> None:
        booking = self._act(Transfer(giver, receiver, asset, amount))
        assert self.pencil.move(giver, receiver, asset, amount) == (booking is not None)
        if booking:
            self.transfers[booking] = (giver, receiver, asset, amount)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        """A transfer is undone once, where its receiver still has it."""
        booking = data.draw(st.sampled_from(sorted(self.transfers)))
        giver, receiver, asset, amount = self.transfers[booking]
        undone = self._act(Reverse(booking, "a mistake"))
        assert self.pencil.move(receiver, giver, asset, amount) == (undone is not None)
        if undone:
            del self.transfers[booking]
            assert self._act(Reverse(booking, "twice")) is None

    @rule(giver=st.sampled_from(sorted(HOMES)), amount=st.integers(0, 1_000))
    def donate(self, giver: str, amount: int) -> None:
        booking = self._act(Donate(giver, "pool", "ENERGY", amount))
        assert self.pencil.move(giver, "pool", "ENERGY", amount) == (booking is not None)

    @rule(holder=st.sampled_from(sorted(HOMES)), amount=st.integers(0, 1_000))
    def retire(self, holder: str, amount: int) -> None:
        booking = self._act(Retire(holder, "ENERGY", amount))
        assert self.pencil.move(holder, "retired", "ENERGY", amount) == (booking is not None)

    @rule(holder=st.sampled_from(sorted(HOMES)), amount=st.integers(0, 1_000))
    def exchange(self, holder: str, amount: int) -> None:
        """Waste credits for energy credits, as many as the pool has."""
        booking = self._act(Exchange(holder, "energy", amount))
        rules = self.pencil.rules_on(self.day)
        assert rules
        got = amount * rules.waste_for_energy.numerator // rules.waste_for_energy.denominator
        can = self.pencil.can
        is_possible = (
            0 < got <= self.pencil.has("pool", "ENERGY")
            and can(holder, "WASTE", -amount)
            and can(holder, "ENERGY", got)
        )
        assert is_possible == (booking is not None)
        if is_possible:
            self.pencil.give(holder, "pool", "WASTE", amount)
            self.pencil.give("pool", holder, "ENERGY", got)

    @rule(giver=HOLDERS, receiver=HOLDERS, amount=st.integers(0, 1_000))
    def reserve(self, giver: str, receiver: str, amount: int) -> None:
        until_ms = self.now_ms + 300 * 86_400_000
        booking = self._act(Reserve(giver, receiver, "ENERGY", amount, until_ms))
        is_possible = giver != receiver and self.pencil.move(giver, "clearing", "ENERGY", amount)
        assert is_possible == (booking is not None)
        if booking:
            self.reserved[booking] = (giver, receiver, "ENERGY", amount)

    @precondition(lambda self: self.reserved)
    @rule(data=st.data(), part=st.one_of(st.none(), st.integers(0, 1_000)))
    def post(self, data: st.DataObject, part: int | None) -> None:
        booking = data.draw(st.sampled_from(sorted(self.reserved)))
        giver, receiver, asset, amount = self.reserved[booking]
        posted = self._act(Post(booking, part))
        some = amount if part is None else part
        is_possible = 0 < some <= amount and self.pencil.can(receiver, asset, some)
        assert is_possible == (posted is not None)
        if posted:
            del self.reserved[booking]
            self.pencil.give("clearing", receiver, asset, some)
            self.pencil.give("clearing", giver, asset, amount - some)
            assert self._act(Void(booking)) is None

    @precondition(lambda self: self.reserved)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        booking = data.draw(st.sampled_from(sorted(self.reserved)))
        giver, _, asset, amount = self.reserved.pop(booking)
        assert self._act(Void(booking)) is not None
        self.pencil.give("clearing", giver, asset, amount)
        assert self._act(Post(booking)) is None

    # What must hold.

    @invariant()
    def claims_and_balances_are_those_of_the_pencil(self) -> None:
        while self.community.settle(self.now_ms):
            pass
        db = self.community.db
        claims = {
            Claim(rule_, member, day): due
            for rule_, member, day, due in db.execute(
                "SELECT rule, member, period, due FROM claim WHERE due != 0"
            )
        }
        assert self.pencil.due() == claims
        for holder in (*HOMES, "pool", "retired", "clearing"):
            account = self.community.registry.account(holder)
            for asset in set(ASSETS.values()):
                assert self.pencil.has(holder, asset) == self.street.balance(account, asset)

    @precondition(lambda self: self.said)
    @rule()
    def nothing_differs(self) -> None:
        verify(self.community.db, ID, log_key=key("log").public, progress=str)


class TestLives(Lives.TestCase):
    settings = settings(max_examples=25, stateful_step_count=25)


@pytest.mark.soak
class TestManyLives(Lives.TestCase):
    settings = settings(max_examples=500, stateful_step_count=50)
