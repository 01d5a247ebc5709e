"""What recycling points say becomes points by quarter-hour, told anew where something moves."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.contract.cards import token
from ledger_bridge.books.changed import Sheet, sheets, turn
from ledger_bridge.books.registry.edits import CardGiven, DepositDecided, ScaleVerified
from ledger_bridge.reader import Reader
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.series import Follower, written_anew
from tests.street import CARD_KEY, ID, NOON_MS, QUARTER_MS, Street

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
KG = 1_000_000


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path, policy=WASTE_POLICY)
    street.point = Point()
    street.follower = Follower(Reader(street.path, ID))
    yield street
    street.follower.series.clear()


def bring(street, name, at_ms, *, grams=1_000, **more):
    street.take("point", street.point.bring(name, at_ms, grams=grams, **more))


def followed(street):
    """What a reader has who read before, and once more now: the same as whoever reads anew."""
    street.follower.follow(up_to=turn(street.community.db, ID))
    assert written_anew(street) == street.follower.series
    return street.follower.series


def mg(kilos):
    return {at_ms: {"inside": kilo * KG} for at_ms, kilo in kilos.items()}


def test_deposits_of_a_quarter_hour_are_summed_by_account_and_fraction(street):
    bring(street, "d1", NOON_MS, grams=1_200, card="A")
    bring(street, "d2", NOON_MS + QUARTER_MS - 1, grams=300, card="A")
    bring(street, "d3", NOON_MS + QUARTER_MS, grams=500, card="A")
    bring(street, "d4", NOON_MS, grams=2_000, card="A", fraction="paper")
    bring(street, "d5", NOON_MS, grams=700, card="nobody's")
    street.take("point", street.point.bring("d6", NOON_MS, pieces=3, fraction="cans", card="B"))
    series = followed(street)
    noor = {
        NOON_MS: {"brought": 1_500_000, "counted": 1_500_000, "bags": 2},
        NOON_MS + QUARTER_MS: {"brought": 500_000, "counted": 500_000, "bags": 1},
    }
    assert noor == series.of("deposit", account="acc-noor", fraction="glass", unit="kg")
    paper = {NOON_MS: {"brought": 2_000_000, "counted": 2_000_000, "bags": 1}}
    assert paper == series.of("deposit", account="acc-noor", fraction="paper")
    nobody = {NOON_MS: {"brought": 700_000, "counted": 0, "bags": 1}}
    assert nobody == series.of("deposit", account="-", fraction="glass")
    cans = {NOON_MS: {"brought": 3_000, "counted": 3_000, "bags": 1}}
    assert cans == series.of("deposit", account="acc-bram", fraction="cans", unit="piece")


def test_a_deposit_that_is_claimed_later_moves_to_whose_it_is(street):
    bring(street, "d1", NOON_MS, card="C")
    assert {NOON_MS} == set(followed(street).of("deposit", account="-"))
    street.edit(CardGiven(token("C", CARD_KEY), "bram"))
    series = followed(street)
    assert {} == series.of("deposit", account="-")
    assert {NOON_MS} == set(series.of("deposit", account="acc-bram"))
    assert {} == series.of("refusal")


def test_a_deposit_that_comes_takes_nothing_away(street):
    bring(street, "d1", NOON_MS, card="A")
    sheet = Sheet("waste", "point", "", "2026-06-21", is_gone=False)
    changed = sheets(street.community.db, ID, after=0)
    assert [sheet] == [one for one in changed if one.kind == "waste"]


def test_what_is_taken_back_or_told_twice_was_neither_brought_nor_refused(street):
    bring(street, "d1", NOON_MS, card="A")
    bring(street, "d2", NOON_MS + 1, card="A")
    followed(street)
    street.take("point", street.point.correct("d1", NOON_MS + MINUTE_MS))
    bring(street, "d2", NOON_MS + 2, card="A")
    series = followed(street)
    one = {NOON_MS: {"brought": KG, "counted": KG, "bags": 1}}
    assert one == series.of("deposit")
    assert mg({NOON_MS: 1}) == series.of("container")
    assert {} == series.of("refusal")


def test_refusals_are_counted_by_reason_those_of_the_point_once_in_whatever_chain(street):
    bring(street, "d1", NOON_MS, grams=21_000, fraction="metal", card="A")
    bring(street, "d2", NOON_MS, grams=22_000, fraction="metal", card="A")
    turned = [(NOON_MS, "full"), (NOON_MS + 1, "full"), (NOON_MS + QUARTER_MS, "two_cards")]
    for at_ms, reason in turned:
        street.take("point", street.point.turn_away(at_ms, reason, "glass"))
    street.point = Point(chain="evidence-000000000002")
    street.take("point", street.point.turn_away(NOON_MS + 1, "full", "glass"))
    series = followed(street)
    most = {NOON_MS: {"times": 2}}
    assert most == series.of("refusal", what="deposit", reason="most", device="scale")
    full = {NOON_MS: {"times": 2}}
    assert full == series.of("refusal", what="kiosk", reason="full", device="-")
    cards = {NOON_MS + QUARTER_MS: {"times": 1}}
    assert cards == series.of("refusal", what="kiosk", reason="two_cards")


def test_a_container_has_what_was_put_in_since_it_was_emptied(street):
    at = [NOON_MS + n * QUARTER_MS for n in range(4)]
    bring(street, "d1", at[0], grams=5_000, card="A")
    bring(street, "d2", at[0] + 1, grams=2_000, card="nobody's")
    bring(street, "d3", at[1], grams=4_000)
    street.take("point", street.point.empty("e1", at[2] + 7, kg=11))
    bring(street, "d4", at[2] + 8, grams=3_000)
    street.take("point", street.point.empty("e2", at[3]))
    series = followed(street)
    assert mg({at[0]: 7, at[1]: 11, at[2]: 3, at[3]: 0}) == series.of("container")
    emptyings = {
        at[2] + 7: {"delivered": 11 * KG, "hauled": 11 * KG},
        at[3]: {"delivered": 3 * KG},
    }
    assert emptyings == series.of("emptying", fraction="glass")


def test_what_the_haulier_tells_days_later_stands_at_the_emptying(street):
    bring(street, "d1", NOON_MS, grams=5_000)
    street.take("point", street.point.empty("e1", NOON_MS + 1))
    assert {NOON_MS + 1: {"delivered": 5 * KG}} == followed(street).of("emptying")
    street.take("point", street.point.haul("e1", NOON_MS + 3 * DAY_MS, kg=4))
    told = {NOON_MS + 1: {"delivered": 5 * KG, "hauled": 4 * KG}}
    assert told == followed(street).of("emptying")


def test_a_deposit_that_a_steward_voids_lies_in_no_later_day_either(street):
    days = [NOON_MS + n * DAY_MS for n in range(4)]
    for n, at_ms in enumerate(days):
        bring(street, f"d{n}", at_ms, grams=1_000)
        followed(street)
    street.take("point", street.point.empty("e1", days[3] + QUARTER_MS))
    assert mg({days[0]: 1, days[1]: 2, days[2]: 3, days[3]: 4, days[3] + QUARTER_MS: 0}) == (
        followed(street).of("container")
    )
    street.edit(DepositDecided("point", "d1", is_accepted=False, reason="a fridge"))
    series = followed(street)
    assert mg({days[0]: 1, days[2]: 2, days[3]: 3, days[3] + QUARTER_MS: 0}) == (
        series.of("container")
    )
    assert {days[3] + QUARTER_MS: {"delivered": 3 * KG}} == series.of("emptying")


def test_a_deposit_that_comes_late_lies_in_every_later_day_up_to_the_emptying(street):
    late = street.point.bring("d1", NOON_MS, grams=1_000)
    bring(street, "d2", NOON_MS + DAY_MS, grams=2_000)
    street.take("point", street.point.empty("e1", NOON_MS + 2 * DAY_MS))
    bring(street, "d3", NOON_MS + 3 * DAY_MS, grams=4_000)
    followed(street)
    street.take("point", late)
    kilos = {NOON_MS: 1, NOON_MS + DAY_MS: 3, NOON_MS + 2 * DAY_MS: 0, NOON_MS + 3 * DAY_MS: 4}
    assert mg(kilos) == followed(street).of("container")


def test_a_life_that_turns_out_to_have_begun_earlier_stands_before_the_other(street):
    bring(street, "a1", NOON_MS + DAY_MS, grams=1_000)
    street.point = Point(chain="evidence-000000000002")
    bring(street, "b1", NOON_MS + 2 * DAY_MS, grams=2_000)
    assert mg({NOON_MS + DAY_MS: 1, NOON_MS + 2 * DAY_MS: 3}) == followed(street).of("container")
    bring(street, "b2", NOON_MS, grams=4_000)
    kilos = {NOON_MS: 6, NOON_MS + DAY_MS: 7, NOON_MS + 2 * DAY_MS: 2}
    assert mg(kilos) == followed(street).of("container")


def test_an_emptying_that_is_told_again_at_another_time_stands_there_alone(street):
    street.point = Point(chain="evidence-000000000002")
    street.take("point", street.point.empty("e1", NOON_MS + DAY_MS))
    assert {NOON_MS + DAY_MS: {"delivered": 0}} == followed(street).of("emptying")
    street.point = Point()
    street.take("point", street.point.empty("e1", NOON_MS))
    series = followed(street)
    assert {NOON_MS: {"delivered": 0}} == series.of("emptying")
    assert mg({NOON_MS: 0}) == series.of("container")


def test_an_emptying_that_is_told_again_in_a_later_life_is_of_that_one(street):
    street.point = Point(chain="evidence-000000000002")
    bring(street, "b1", NOON_MS, grams=1_000)
    street.take("point", street.point.empty("e1", NOON_MS + DAY_MS))
    bring(street, "b2", NOON_MS + 2 * DAY_MS, grams=2_000)
    followed(street)
    street.point = Point()
    street.take("point", street.point.empty("e1", NOON_MS + DAY_MS))
    series = followed(street)
    assert {NOON_MS + DAY_MS: {"delivered": 3 * KG}} == series.of("emptying")
    assert mg({NOON_MS: 1, NOON_MS + DAY_MS: 0, NOON_MS + 2 * DAY_MS: 3}) == series.of("container")


def test_a_known_weight_is_held_to_what_its_scale_may_be_off(street):
    # 40,000 g at a division of 20 g is 2,000 divisions: two of them by class III.
    street.take("point", street.point.check(NOON_MS, nominal_g=40_000, shown_g=40_050))
    fields = {"nominal": 40 * KG, "shown": 40_050_000, "error": 50_000}
    nobody = {NOON_MS: {**fields, "allowed": 60_000}}
    assert nobody == followed(street).of("weight", device="scale")
    street.edit(ScaleVerified("point", "scale", "S1", "III", 20_000, 60 * KG, 0, NOON_MS + DAY_MS))
    verified = {NOON_MS: {**fields, "allowed": 40_000}}
    assert verified == followed(street).of("weight", device="scale")


CHAINS = ("evidence-000000000001", "evidence-000000000002")
AT = st.builds(lambda day, hour: NOON_MS + day * DAY_MS + hour * HOUR_MS, *[st.integers(0, 3)] * 2)


class Lives(RuleBasedStateMachine):
    """A point in two lives, whose clock is set to and fro and whose records come late."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.street = Street(Path(self.folder.name), policy=WASTE_POLICY)
        self.points = [Point(chain=chain) for chain in CHAINS]
        self.late: list[list[bytes]] = [[], []]
        self.names = 0
        self.follower = Follower(Reader(self.street.path, ID))

    def _say(self, life: int, record: bytes) -> None:
        self.late[life].append(record)

    @rule(life=st.integers(0, 1), at_ms=AT, kg=st.integers(1, 9), card=st.sampled_from("ABC"))
    def bring(self, life: int, at_ms: int, kg: int, card: str) -> None:
        self.names += 1
        name = f"d{self.names}"
        self._say(life, self.points[life].bring(name, at_ms, grams=kg * 1_000, card=card))

    @rule(life=st.integers(0, 1), at_ms=AT, number=st.integers(1, 9))
    def bring_again(self, life: int, at_ms: int, number: int) -> None:
        self._say(life, self.points[life].bring(f"d{number}", at_ms, grams=500, card="B"))

    @rule(life=st.integers(0, 1), at_ms=AT, emptying=st.integers(1, 4))
    def empty(self, life: int, at_ms: int, emptying: int) -> None:
        self._say(life, self.points[life].empty(f"e{emptying}", at_ms))

    @rule(life=st.integers(0, 1), at_ms=AT, emptying=st.integers(1, 4), kg=st.integers(1, 40))
    def haul(self, life: int, at_ms: int, emptying: int, kg: int) -> None:
        self._say(life, self.points[life].haul(f"e{emptying}", at_ms, kg=kg))

    @rule(
        life=st.integers(0, 1),
        at_ms=AT,
        number=st.integers(1, 9),
        to=st.sampled_from(["", "paper"]),
    )
    def correct(self, life: int, at_ms: int, number: int, to: str) -> None:
        self._say(life, self.points[life].correct(f"d{number}", at_ms, to, by="operator"))

    @rule(number=st.integers(1, 9), is_accepted=st.booleans())
    def decide(self, number: int, is_accepted: bool) -> None:
        self.street.edit(DepositDecided("point", f"d{number}", is_accepted, "looked at"))

    @rule(life=st.integers(0, 1))
    def deliver(self, life: int) -> None:
        self.street.take("point", *self.late[life])
        self.late[life].clear()

    @rule()
    def follow(self) -> None:
        self.follower.follow(up_to=turn(self.street.community.db, ID))

    def teardown(self) -> None:
        for life in (0, 1):
            self.deliver(life)
        self.follow()
        assert written_anew(self.street) == self.follower.series
        self.folder.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=20, stateful_step_count=25)
