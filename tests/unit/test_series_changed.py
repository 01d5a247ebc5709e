"""The law of time series: whatever the books live through, what was written sheet by sheet as it
changed is what would be written of them anew.

Late evidence and repeated, times that are told later, meters that become another's or are worth
something else, decisions, official figures, other rules, shared days that are reckoned anew,
members who are erased, evidence that is pruned.
"""

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from zlib import compress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from drivers.reading import Reading
from gateway.contract.errors import PeopleError
from gateway.contract.keys import b64
from gateway.contract.record import CLOCK, QUARTER, SAMPLES, Element, element
from ledger_bridge.books.acts.requests import Close, Donate
from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.changed import turn
from ledger_bridge.books.facts.official import Series as Figures
from ledger_bridge.books.facts.official import Sight
from ledger_bridge.books.registry.edits import (
    CountsDecided,
    Edit,
    EvidencePruned,
    MemberErased,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.reader import Reader
from tests.homes import IN, OUT, RULE, Home, Homes, day
from tests.series import Follower, Series, written_anew
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS, Chain

DAY_MS = 86_400_000
# Two hours before the end of 29 June.
BEGIN_MS = MIDNIGHT_MS + 9 * DAY_MS - 8 * QUARTER_MS
# 2029-08-01T00:00 in Amsterdam.
AUGUST_2029_MS = MIDNIGHT_MS + (10 + 365 + 365 + 366 + 31) * DAY_MS
GATEWAYS = {"home": "noor", "barn": "bram", "shed": "saar"}
GATEWAY, MEMBER = st.sampled_from(sorted(GATEWAYS)), st.sampled_from(sorted(GATEWAYS.values()))
GAINS = st.lists(st.tuples(st.sampled_from([0, 1, 700, 2_000]), st.integers(0, 999)), max_size=5)
QUARTERS = st.integers(-1, 16)
POINT = "871687110000000017"


@dataclass
class House:
    """A gateway with a smart meter, gas behind it, and a contact on the roof."""

    evidence: Chain
    samples: Chain
    contact: str  # the register of what it counts
    quarter: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {OUT: 0, IN: 0, "gas": 0})
    boot: int = 1
    since: int = 0  # in quarter-hours, when that was
    clock: str = "synced"
    off: int = 0  # by so many quarter-hours

    @property
    def at_ms(self) -> int:
        return BEGIN_MS + self.quarter * QUARTER_MS

    def record(self, pack: list[Element], *, chain: Chain, typ: str) -> bytes:
        return chain.record(
            pack,
            made_ms=None if self.clock == "unset" else self.at_ms + self.off * QUARTER_MS,
            typ=typ,
            boot=f"boot-{self.boot}",
            mono_ms=1 + (self.quarter - self.since) * QUARTER_MS,
            clock=self.clock,
        )

    def measured(self) -> list[Element]:
        """All is measured when the record is made, but for the gas, once an hour."""
        told = [
            ("hall", Reading(OUT, self.counts[OUT] * 1000, "mWh", None, "E1")),
            ("hall", Reading(IN, self.counts[IN] * 1000, "mWh", None, "E1")),
            ("hall", Reading("1-0:1.7.0", self.counts[IN] % 7_000, "mW", None, "E1")),
            ("roof", Reading(self.contact, self.counts[OUT] // 100, "pulse")),
        ]
        hour_ms = self.at_ms // (4 * QUARTER_MS) * 4 * QUARTER_MS
        gas = Reading("0-1:24.2.1", self.counts["gas"] // 4 * 4_000, "mL", hour_ms, "G1")
        base_ms = 0 if self.clock == "unset" else self.at_ms + self.off * QUARTER_MS
        telegram = Element(n="hall/telegram", vd=b64(compress(b"\r\n0-1:24.1.0(003)\r\n")))
        pack = [element(device, one, base_ms=0) for device, one in told]
        return [*pack, element("hall", gas, base_ms=base_ms), telegram]


class Lives(RuleBasedStateMachine):
    """One community, and two who follow it: each turn, or when they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.homes = Homes(self.folder, 'key = "pro-rata"\n')
        self.homes.open_accounts()
        self.houses = {
            name: House(Chain(name), Chain(name, "samples-000000000001"), contact)
            for name, contact in zip(GATEWAYS, ("1-0:2.8.0", "8-0:1.0.0", "8-0:1.0.0"), strict=True)
        }
        self.made: list[tuple[str, bytes]] = []
        self.papers = self.policies = 0
        self.left = self.closed = self.erased = False
        self.reader = Reader(self.homes.path, ID)
        self.often, self.seldom = Follower(self.reader), Follower(self.reader)
        for gateway in GATEWAYS:
            self.measure(gateway, [(700, 0), (0, 999), (2_000, 1)], 2)
        self.follow()

    def teardown(self) -> None:
        self.follow_seldom()
        self.reader.db.close()
        self.homes.community.db.close()
        shutil.rmtree(self.folder)

    # What happens.

    @rule(
        gateway=GATEWAY,
        gains=GAINS,
        skipped=st.sampled_from([0, 0, 0, 1, 3, 40, 96]),
        arrives=st.sampled_from([True, True, False]),
    )
    def measure(
        self, gateway: str, gains: list[tuple[int, int]], skipped: int, *, arrives: bool = True
    ) -> None:
        house = self.houses[gateway]
        house.quarter += skipped
        for gave, used in gains:
            house.quarter += 1
            for what, wh in ((OUT, gave), (IN, used), ("gas", used)):
                house.counts[what] += wh
            made = house.record(house.measured(), chain=house.evidence, typ=QUARTER)
            self.made.append((gateway, made))
        if arrives:
            self.deliver_all()

    @rule(gateway=GATEWAY, shown=st.integers(0, 3_000))
    def dip(self, gateway: str, shown: int) -> None:
        """What the meter gives back shows something else for once."""
        house = self.houses[gateway]
        right, house.counts[OUT] = house.counts[OUT], shown
        self.measure(gateway, [(0, 0)], 0)
        house.counts[OUT] = right

    @rule(gateway=GATEWAY)
    def sample(self, gateway: str) -> None:
        house = self.houses[gateway]
        pack = [element("hall", Reading("1-0:1.7.0", n, "mW", None, "E1"), base_ms=0) for n in (1,)]
        self.made.append((gateway, house.record(pack, chain=house.samples, typ=SAMPLES)))

    @rule(
        gateway=GATEWAY,
        clock=st.sampled_from(["unset", "held", "meter"]),
        off=st.sampled_from([-3, 0, 1, 40]),
    )
    def boot(self, gateway: str, clock: str, off: int) -> None:
        house = self.houses[gateway]
        house.boot, house.since, house.clock, house.off = house.boot + 1, house.quarter, clock, off

    @rule(gateway=GATEWAY, clock=st.sampled_from(["held", "synced", "synced"]))
    def set_clock(self, gateway: str, clock: str) -> None:
        house = self.houses[gateway]
        house.clock, house.off = clock, 0
        self.made.append((gateway, house.record([], chain=house.evidence, typ=CLOCK)))

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        places = st.lists(st.integers(0, len(self.made) - 1), min_size=1, max_size=12)
        self._take([self.made[place] for place in data.draw(places)])

    @rule()
    def deliver_all(self) -> None:
        self._take(self.made)

    def _take(self, some: list[tuple[str, bytes]]) -> None:
        self.homes.inbox.take(some, now_ms=AUGUST_2029_MS)

    @rule()
    def settle(self) -> None:
        while self.homes.community.settle(AUGUST_2029_MS):
            pass

    # What stewards do.

    def _edit(self, *edits: Edit) -> bool:
        """Whether that could be."""
        with suppress(PeopleError):
            self.homes.edit(*edits)
            self.homes.inbox.forget()
            return True
        return False

    @rule(
        gateway=GATEWAY,
        member=MEMBER,
        since=QUARTERS,
        share=st.sampled_from(["1", "1", "1/3"]),
        point=st.sampled_from(["", POINT]),
    )
    def fit(self, gateway: str, member: str, since: int, share: str, point: str) -> None:
        from_ms = BEGIN_MS + since * QUARTER_MS
        self._edit(MeterFitted(gateway, "hall", "", member, from_ms, share=share, point=point))

    @rule(
        gateway=GATEWAY,
        member=MEMBER,
        since=QUARTERS,
        worth=st.sampled_from(["", "1/10 kWh", "1/3 kWh", "10 L", "1/3 L"]),
    )
    def fit_roof(self, gateway: str, member: str, since: int, worth: str) -> None:
        from_ms = BEGIN_MS + since * QUARTER_MS
        self._edit(MeterFitted(gateway, "roof", "", member, from_ms, per_pulse=worth))

    @rule(gateway=GATEWAY, since=QUARTERS, length=st.integers(1, 30), is_accepted=st.booleans())
    def decide(self, gateway: str, since: int, length: int, is_accepted: bool) -> None:
        from_ms, until_ms = (BEGIN_MS + n * QUARTER_MS for n in (since, since + length))
        edit = CountsDecided(gateway, "hall", "", "E1", from_ms, until_ms, is_accepted, "looked")
        self._edit(edit)

    @rule(
        register=st.sampled_from([OUT, IN]),
        since=QUARTERS,
        values=st.lists(st.sampled_from([None, 0, 5_000, 1_300_000]), min_size=1, max_size=8),
    )
    def official(self, register: str, since: int, values: list[int | None]) -> None:
        quality = "".join("-" if value is None else "m" for value in values)
        begin_ms = BEGIN_MS + since * QUARTER_MS
        self._say(Figures(POINT, register, begin_ms, tuple(values), quality, "grid"))

    @rule(gateway=GATEWAY, quarter=QUARTERS, wh=st.integers(0, 3_000))
    def read_off(self, gateway: str, quarter: int, wh: int) -> None:
        at_ms = BEGIN_MS + quarter * QUARTER_MS
        self._say(Sight(gateway, "hall", OUT, "E1", at_ms, wh * 1000, "Wh", "steward"))

    def _say(self, said: Figures | Sight) -> None:
        self.papers += 1
        self.homes.say(f"paper-{self.papers}", said, now_ms=AUGUST_2029_MS)

    @precondition(lambda self: not self.closed and self.policies < 5)
    @rule(key=st.sampled_from(["equal", "pro-rata"]))
    def other_rules(self, key: str) -> None:
        """From 30 June on, and each further day."""
        since = ("2026-06-30", "2026-07-01", "2026-07-02", "2026-07-03", "2026-07-04")
        toml = f'{POLICY}{RULE}key = "{key}"\n'.replace("2026-06-21", since[self.policies])
        self.homes.rule_by(toml)
        self.policies += 1

    @precondition(lambda self: not self.left)
    @rule(quarter=QUARTERS)
    def leave(self, quarter: int) -> None:
        self.left = self._edit(MemberLeft("saar", BEGIN_MS + quarter * QUARTER_MS))

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        """June is sealed by that."""
        self.settle()
        self.closed = True
        for period in ("2026-06", "2026-07", "2029-06"):
            self.homes.act(Close(period), period, now_ms=AUGUST_2029_MS)
            self.settle()

    @precondition(lambda self: self.left and self.closed and not self.erased)
    @rule()
    def erase(self) -> None:
        self.settle()
        for asset in ("ENERGY", "WASTE"):
            if has := max(0, self.homes.balance("acc-saar", asset)):
                gift = Donate("saar", "pool", asset, has)
                self.homes.act(gift, f"gift {asset}", now_ms=AUGUST_2029_MS)
        self.erased = self._edit(MemberErased("saar"))

    @precondition(lambda self: self.closed)
    @rule()
    def prune(self) -> None:
        assert self._edit(EvidencePruned("2026-06-30"))

    # What must hold.

    @rule()
    def follow(self) -> None:
        self._follow(self.often)

    @rule()
    def follow_seldom(self) -> None:
        self._follow(self.seldom)

    def _follow(self, one: Follower) -> None:
        edition = turn(self.homes.community.db, ID)
        one.follow(up_to=edition)
        anew = Follower(self.reader)
        anew.follow(up_to=edition)
        assert anew.series == one.series
        self._adds_up(one.series)

    def _adds_up(self, series: Series) -> None:
        """A day is the sum of its quarter-hours, and what the books have of it."""
        sums: Counter[tuple[str, str, int]] = Counter()
        for told, fields in series.items():
            tags = dict(told.tags)
            begin_ms = MIDNIGHT_MS + (told.at_ms - MIDNIGHT_MS) // DAY_MS * DAY_MS
            if told.measurement == "quarter":
                sums[tags["account"], tags["flow"], begin_ms] += sum(fields.values())
            elif told.measurement == "day":
                sums[tags["account"], tags["flow"], told.at_ms] -= fields["gained"]
        assert not any(sums.values())
        for member, day_, total in self.homes.community.db.execute(
            "SELECT member, day, sum(delta) FROM counter WHERE register = ? AND member NOT NULL"
            " GROUP BY member, day HAVING max(per_pulse) = '' AND sum(delta) > 0",
            (IN,),
        ):
            (begin_ms, _) = bounds_ms(day_, "Europe/Amsterdam")
            taken = series.of("day", account=f"acc-{member}", flow="taken")
            assert total == taken[begin_ms]["gained"]


class TestLives(Lives.TestCase):
    """The law."""

    settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.mark.soak
class TestManyLives(Lives.TestCase):
    """The law, at length."""

    settings = settings(max_examples=1_000, stateful_step_count=40, deadline=None)


@pytest.fixture
def homes(tmp_path):
    return Homes(tmp_path, 'key = "pro-rata"\n')


def hear(homes, chain, quarter, mwh, *, late_ms=0, register=IN, device="hall", unit="mWh"):
    at_ms = MIDNIGHT_MS + quarter * QUARTER_MS + late_ms
    pack = [element(device, Reading(register, mwh, unit, at_ms), base_ms=at_ms)]
    homes.take(chain.gateway, chain.record(pack, made_ms=at_ms))


def gone_after(homes, change):
    """The points that a change takes away; what is told then is what would be told anew."""
    reader = Reader(homes.path, ID)
    follower = Follower(reader)
    follower.follow(up_to=turn(homes.community.db, ID))
    before = set(follower.series)
    change()
    follower.follow(up_to=turn(homes.community.db, ID))
    assert written_anew(homes) == follower.series
    return {(one.measurement, one.at_ms) for one in before - set(follower.series)}


def test_a_contact_that_turns_out_to_count_something_else(homes):
    """What its pulses stand for changes what flows, and nothing else."""
    litres, heat = (
        MeterFitted("home", "tap", "", "noor", since, per_pulse=worth)
        for since, worth in ((0, "1 L"), (1, "1 kWh"))
    )
    homes.edit(litres)
    tap = Chain("home")
    for quarter in (40, 41):
        hear(homes, tap, quarter, quarter, register="8-0:1.0.0", device="tap", unit="pulse")
    begins_ms = {at_ms: MIDNIGHT_MS + at_ms * QUARTER_MS for at_ms in (40, 41)}
    expected = {("quarter", begins_ms[40]), ("day", MIDNIGHT_MS)}
    expected |= {("count", at_ms) for at_ms in begins_ms.values()}
    assert expected == gone_after(homes, lambda: homes.edit(heat))


def test_a_count_that_is_not_credited_for_another_reason(homes):
    """It was lower than the one before, and then a steward decides that it was never right."""
    meter = Chain("home")
    for quarter, mwh in ((40, 5), (41, 3)):
        hear(homes, meter, quarter, mwh)
    at_ms = MIDNIGHT_MS + 41 * QUARTER_MS
    edit = CountsDecided("home", "hall", "", "", at_ms, at_ms + 1, is_accepted=False, reason="odd")
    expected = {("refusal", MIDNIGHT_MS + 40 * QUARTER_MS)}
    assert expected == gone_after(homes, lambda: homes.edit(edit))


def test_a_meter_that_was_another_members_from_the_beginning(homes):
    meter = Chain("barn")
    for quarter, mwh in ((40, 5), (41, 8)):
        hear(homes, meter, quarter, mwh)
    edit = MeterFitted("barn", "hall", "", "noor", MIDNIGHT_MS)
    read_ms, begun_ms = (MIDNIGHT_MS + quarter * QUARTER_MS for quarter in (41, 40))
    expected = {(what, begun_ms) for what in ("count", "quarter", "shared")}
    expected |= {("count", read_ms), ("day", MIDNIGHT_MS)}
    assert expected == gone_after(homes, lambda: homes.edit(edit))


def test_a_count_whose_time_a_later_record_tells(homes):
    """The clock that it was read by was a day ahead."""
    meter = Chain("home")
    at_ms = MIDNIGHT_MS + DAY_MS + 44 * QUARTER_MS
    pack = [
        element("hall", Reading(register, 5, unit), base_ms=0)
        for register, unit in ((IN, "mWh"), ("1-0:1.7.0", "mW"))
    ]
    homes.take("home", meter.record(pack, made_ms=at_ms, clock="held", mono_ms=QUARTER_MS))
    clock = meter.record([], made_ms=at_ms - DAY_MS, typ=CLOCK, mono_ms=QUARTER_MS)
    expected = {("count", at_ms), ("gauge", at_ms)}
    assert expected == gone_after(homes, lambda: homes.take("home", clock))


def test_energy_that_later_rules_do_not_share(homes):
    """Counts of tomorrow are here already when the rules of tomorrow are handed in."""
    for gateway in ("home", "barn"):
        meter = Home(gateway, begin_ms=MIDNIGHT_MS + DAY_MS)
        homes.take(gateway, *(meter.count(n, 5, 7) for n in range(3)))
    rules = POLICY.replace("2026-06-21", "2026-06-22")
    expected = {
        (what, MIDNIGHT_MS + DAY_MS + n * QUARTER_MS)
        for what in ("shared", "street")
        for n in range(2)
    }
    assert expected == gone_after(homes, lambda: homes.rule_by(rules))


def test_a_quarter_hour_of_the_next_day_that_turns_out_to_be_longer(homes):
    """Late evidence makes the count of midnight one that is not believed."""
    meter, other = Chain("home"), Chain("home", "evidence-000000000002")
    for quarter, mwh in ((95, 0), (96, 10), (97, 20)):
        hear(homes, meter, quarter, mwh)
    late = gone_after(homes, lambda: hear(homes, other, 95, 15, late_ms=300_000))
    # Of the day before, the whole quarter-hour; of the next one, that it is shared.
    last_ms, first_ms = (MIDNIGHT_MS + quarter * QUARTER_MS for quarter in (95, 96))
    expected = {(what, last_ms) for what in ("quarter", "shared", "street")}
    assert expected | {("shared", first_ms), ("street", first_ms)} == late


def test_a_quarter_hour_in_which_nothing_was_used_after_all(homes):
    """Late evidence says that it was used just before."""
    meter, other = Chain("home"), Chain("home", "evidence-000000000002")
    for quarter, mwh in ((48, 0), (49, 5)):
        hear(homes, meter, quarter, mwh, late_ms=5_000)
    late = gone_after(homes, lambda: hear(homes, other, 48, 5, late_ms=840_000))
    noon_ms = MIDNIGHT_MS + 48 * QUARTER_MS
    assert {("shared", noon_ms), ("street", noon_ms)} == late


def finals(homes, follower):
    """Whether what is told of the days is final; the same as what would be told anew."""
    follower.follow(up_to=turn(homes.community.db, ID))
    assert written_anew(homes) == follower.series
    return {one["final"] for one in follower.series.of("street").values()}


def test_a_day_that_waits_to_be_reckoned_anew_is_not_final_meanwhile(homes):
    follower = Follower(Reader(homes.path, ID))
    for gateway in ("home", "barn"):
        homes.take(gateway, *day(gateway, (0, 7)))
    assert {1} == finals(homes, follower)
    # A meter that nobody had heard of counts on the day before, and may count on this one too.
    homes.inbox.take([("shed", Home("shed").count(-5))], now_ms=AUGUST_2029_MS)
    assert {0} == finals(homes, follower)


def test_a_sealed_day_that_was_marked_in_vain_is_final_again(homes):
    follower = Follower(Reader(homes.path, ID))
    homes.take("home", *day("home", (0, 7)))
    db, mark = homes.community.db, "unshared (community, rule, day)"
    db.execute(f"INSERT INTO {mark} SELECT community, rule, day FROM shared_day")
    assert {0} == finals(homes, follower)
    db.execute("DELETE FROM unshared")
    assert {1} == finals(homes, follower)
