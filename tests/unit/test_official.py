"""Figures of metering companies and sight-readings in the books: what they outrank and check."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.official import Series, Sight
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.registry.edits import CountsDecided, MeterFitted
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, Street, key

EAN = "871694831000000001"
DAY_MS = 86_400_000
# All tariffs together are rewarded beside the tariffs.
WITH_TOTAL = POLICY.replace('["1-0:2.8.1"', '["1-0:2.8.0", "1-0:2.8.1"')


class Coop(Street):
    """A street whose steward gets files; the meter in Noor's hall is a point of the grid."""

    def __init__(self, folder, policy=POLICY, **fit):
        super().__init__(folder, policy=policy)
        hall = {"gateway": "home", "device": "hall", "serial": "E1", "member": "noor", "from_ms": 1}
        self.edit(MeterFitted(**(hall | {"point": EAN} | fit)))
        self.home = Chain("home")
        self.papers = 0

    def count(self, *wh, first=40, register="1-0:2.8.1"):
        """Counts at each quarter-hour from one of the day on, delivered and settled."""
        data = [
            self.home.quarter(
                MIDNIGHT_MS + (first + n) * QUARTER_MS, export_wh=count, register=register
            )
            for n, count in enumerate(wh)
            if count is not None
        ]
        self.take("home", *data)

    def told(self, *mwh, first=40, register="1-0:2.8.1", point=EAN, quality=None, now_ms=None):
        """A paper with a figure for each quarter from one of the day on."""
        marks = quality or "".join("-" if one is None else "m" for one in mwh)
        start_ms = MIDNIGHT_MS + first * QUARTER_MS
        self.say(Series(point, register, start_ms, mwh, marks, "Liander"), now_ms=now_ms)

    def say(self, *said, now_ms=None, name=""):
        self.papers += 1
        made_ms = now_ms or MIDNIGHT_MS + 2 * DAY_MS
        paper = Paper(ID, name or f"paper {self.papers}", made_ms, said)
        document = papers.make(paper, key=key("steward"))
        seq = self.community.hand_in_evidence(document, now_ms=NOON_MS)
        self.community.settle(NOON_MS)
        return seq

    def saw(self, quarter, wh, *, step=1_000, register="1-0:2.8.1"):
        at_ms = MIDNIGHT_MS + quarter * QUARTER_MS
        self.say(Sight("home", "hall", register, "E1", at_ms, wh * 1000, "Wh", "Ans", step))

    def decide(self, first, last, *, accept, device="hall", gateway="home", serial="E1"):
        since, until = (MIDNIGHT_MS + quarter * QUARTER_MS for quarter in (first, last))
        edit = CountsDecided(gateway, device, "", serial, since, until + 1, accept, "looked at it")
        self.edit(edit)
        self.community.settle(NOON_MS)

    def rows(self, what="delta, verdict", register="1-0:2.8.1"):
        return self.community.db.execute(
            f"SELECT {what} FROM counter WHERE register = ? ORDER BY gateway, at_ms, seq",
            (register,),
        ).fetchall()

    def energy(self, account="acc-noor"):
        self.verify()
        return self.balance(account, "ENERGY")

    def verify(self):
        verify(self.community.db, ID, log_key=key("log").public, progress=lambda step: None)

    def counters(self):
        return self.community.db.execute(
            "SELECT * FROM counter ORDER BY gateway, device, register, serial, at_ms, chain, seq"
        ).fetchall()


@pytest.fixture
def coop(tmp_path):
    return Coop(tmp_path)


# Outranking.


def test_an_official_figure_goes_before_the_gateways_for_its_quarter_and_settlement_follows(coop):
    """Invariant 11 (ledger). 300 + 300 Wh by the gateway, of which 300 become 270: 570 Wh are
    190,000 millionths at 1/3 credit per kWh.
    """
    coop.count(0, 300, 600)
    assert 200_000 == coop.energy()
    coop.told(270_000)
    assert 190_000 == coop.energy()
    assert [(270_000, ""), (0, "first"), (0, "outranked"), (300_000, "")] == coop.rows()


def test_official_figures_that_were_there_first_count_the_same(tmp_path):
    first, then = Coop(tmp_path / "first"), Coop(tmp_path / "then")
    first.told(270_000, None, 10_000)
    first.count(0, 300, 600, None, 900)
    then.count(0, 300, 600, None, 900)
    then.told(270_000, None, 10_000)
    assert first.counters() == then.counters()
    assert first.energy() == then.energy()


def test_of_a_gap_in_the_counts_only_what_official_figures_leave_is_credited(coop):
    """1,200 Wh in four quarters; official are 500 and 200 of two of them: 500 are left."""
    coop.count(0, None, None, None, 1_200)
    coop.told(500_000, None, 200_000)
    assert [(500_000, ""), (200_000, ""), (0, "first"), (500_000, "")] == coop.rows()
    assert 400_000 == coop.energy()


def test_official_figures_for_all_of_a_gap_leave_nothing_whatever_the_meter_says(coop):
    coop.count(0, None, None, 1_200)
    coop.told(100_000, 100_000, 100_000)
    assert (0, "outranked") == coop.rows()[-1]
    assert 100_000 == coop.energy()


def test_a_later_paper_goes_before_an_earlier_one_and_both_are_kept(coop):
    coop.told(270_000)
    coop.told(290_000, quality="s")
    assert [(0, "corrected", 0), (290_000, "", 1)] == coop.rows("delta, verdict, substitute")
    coop.told(270_000)
    assert 90_000 == coop.energy()


def test_a_total_goes_before_the_tariffs_where_a_rule_rewards_it(tmp_path):
    """All tariffs together count once: 250 Wh official instead of 200 and 100 by the gateway."""
    coop = Coop(tmp_path, policy=WITH_TOTAL)
    coop.count(0, 200)
    coop.count(0, 100, register="1-0:2.8.2")
    coop.told(250_000, register="1-0:2.8.0")
    assert [(0, "first"), (0, "outranked")] == coop.rows()
    assert [(0, "first"), (0, "outranked")] == coop.rows(register="1-0:2.8.2")
    assert 83_333 == coop.energy()


def test_a_total_that_no_rule_rewards_takes_nothing_away(coop):
    coop.count(0, 300)
    coop.told(250_000, register="1-0:2.8.0")
    assert 100_000 == coop.energy()


@pytest.mark.parametrize("order", [("1-0:2.8.0", "1-0:2.8.1"), ("1-0:2.8.1", "1-0:2.8.0")])
def test_a_meter_that_counts_all_tariffs_and_each_is_credited_once(tmp_path, order):
    coop = Coop(tmp_path, policy=WITH_TOTAL)
    for register in order:
        coop.count(0, 300, 600, register=register)
    assert [(0, "first"), (0, "within"), (0, "within")] == coop.rows()
    assert 200_000 == coop.energy()


def test_a_total_and_tariffs_of_one_file_count_once(tmp_path):
    coop = Coop(tmp_path, policy=WITH_TOTAL)
    coop.told(100_000, 100_000, register="1-0:2.8.1")
    coop.told(250_000, register="1-0:2.8.0")
    assert [(0, "outranked"), (100_000, "")] == coop.rows()
    assert 116_666 == coop.energy()


def test_a_point_without_a_gateway_is_carried_by_official_figures_alone(coop):
    other = "871694831000000002"
    coop.told(300_000, 300_000, point=other)
    (waits,) = held_meters(coop.community.db, ID)
    assert (other, "meterkast device fit") == (waits["meter"], waits["try"][:20])
    coop.edit(MeterFitted("", other, "", "bram", MIDNIGHT_MS + 41 * QUARTER_MS, point=other))
    coop.community.settle(NOON_MS)
    assert 100_000 == coop.energy("acc-bram")
    assert "official" == coop.rows("grade")[0][0]


def test_why_names_the_paper_a_credit_rests_on(coop):
    coop.told(300_000)
    street = coop.community
    found = why(street.db, ID, 1, registry=street.registry, policies=street.policies)
    (one,) = found["evidence"]
    assert (EAN, "300 Wh", "official", "paper 1") == (
        one["meter"], one["measured"], one["grade"], one["record"],
    )  # fmt: skip
    assert "paper 1" == found["record"]["id"]


def test_a_share_of_a_point_takes_part_and_the_rest_elsewhere(tmp_path):
    """Invariant 17 (ledger). A third of 900 Wh, official or not, is 300 Wh."""
    coop = Coop(tmp_path, share="1/3", elsewhere="2/3")
    coop.count(0, 900)
    assert 100_000 == coop.energy()
    coop.told(600_000)
    assert 66_666 == coop.energy()


@pytest.mark.parametrize(
    ("share", "elsewhere"),
    [("1", "0.1"), ("0", "0"), ("1.5", "0"), ("-1", "0"), ("1/2", "-1"), ("x", "0"), ("1/0", "0")],
)
def test_shares_that_are_more_than_there_is_are_refused(coop, share, elsewhere):
    """Invariant 17 (ledger)."""
    with pytest.raises(PeopleError):
        coop.edit(MeterFitted("home", "shed", "", "bram", 1, share=share, elsewhere=elsewhere))


def test_a_point_is_in_one_place_at_a_time(coop):
    coop.edit(MeterFitted("point", "hall", "", "bram", MIDNIGHT_MS + 41 * QUARTER_MS, point=EAN))
    coop.told(300_000, 600_000)
    assert (100_000, 200_000) == (coop.energy(), coop.energy("acc-bram"))
    with pytest.raises(PeopleError, match="hangs at point/hall at or after that time"):
        coop.edit(MeterFitted("home", "shed", "", "noor", MIDNIGHT_MS, point=EAN))


# What cannot be.


@pytest.mark.parametrize(
    "odd",
    [
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS + 1, (1,), "m", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (-1,), "m", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (10**14,), "m", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (None,), "m", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (1,), "x", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (1, 2), "m", ""),
        Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (), "", ""),
        Series(EAN, "0-1:24.2.1", MIDNIGHT_MS, (1,), "m", ""),
        Series("a/b", "1-0:2.8.1", MIDNIGHT_MS, (1,), "m", ""),
        Sight("home", "hall", "1-0:2.8.1", "E1", MIDNIGHT_MS, -1, "Wh", "Ans"),
        Sight("home", "hall", "1-0:2.8.1", "E1", MIDNIGHT_MS, 1, "kg", "Ans"),
        Sight("home", "hall", "1-0:2.8.1", "E1", 5, 1, "Wh", "Ans"),
    ],
)
def test_a_paper_that_says_what_cannot_be_changes_nothing(coop, odd):
    with pytest.raises(Malformed):
        coop.say(odd)
    assert [] == coop.counters()


def test_two_figures_for_one_quarter_in_one_paper_change_nothing(coop):
    one = Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (1, 2), "mm", "")
    with pytest.raises(Malformed, match="two figures"):
        coop.say(one, one)
    assert [] == coop.community.db.execute("SELECT * FROM paper").fetchall()
    coop.verify()


@pytest.mark.parametrize(
    ("mwh", "now_ms", "verdict"),
    [(16_000_000, None, "rating"), (300_000, MIDNIGHT_MS, "ahead")],
    ids=["over the rating", "still to come"],
)
def test_a_figure_that_can_hardly_be_waits_and_outranks_nothing_until_it_is_decided(
    coop, mwh, now_ms, verdict
):
    coop.count(0, 270)
    coop.told(mwh, now_ms=now_ms)
    assert (0, verdict) == coop.rows()[0]
    assert 90_000 == coop.energy()
    coop.decide(41, 41, accept=True, gateway="", device=EAN, serial="")
    assert mwh // 3 == coop.energy()
    assert (0, "outranked") == coop.rows()[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE counter SET delta = 1 WHERE gateway = ''",
        "DELETE FROM counter WHERE gateway = ''",
        "UPDATE counter SET verdict = '', delta = 300000 WHERE verdict = 'outranked'",
        "INSERT INTO sight VALUES ('straat', 'home', 'hall', 'x', '', 1, 9, 1, 1, 'Wh', 'y')",
        "UPDATE counter SET grade = 'checked' WHERE gateway = 'home'",
    ],
)
def test_a_change_behind_the_programs_back_is_named(coop, statement):
    coop.count(0, 300)
    coop.told(270_000)
    coop.community.db.execute(statement)
    with pytest.raises(Differs):
        coop.verify()


# Sight-readings.


def test_counts_up_to_a_sight_reading_that_agrees_are_checked(coop):
    coop.count(1_000, 1_300, 1_600, 1_900, 2_200)
    coop.saw(42, 1_600)
    grades = [grade for (grade,) in coop.rows("grade")]
    assert ["checked", "checked", "checked", "self-reported", "self-reported"] == grades
    assert 400_000 == coop.energy()


def test_a_sight_reading_waits_for_the_counts_around_it(coop):
    coop.count(1_000, 1_300)
    coop.saw(42, 1_600)
    coop.count(1_600, first=42)
    assert {("self-reported",)} == set(coop.rows("grade"))
    coop.count(1_900, first=43)
    assert [("checked",)] * 3 == coop.rows("grade")[:3]
    coop.verify()


@pytest.mark.parametrize(
    ("wh", "step", "agrees"),
    [
        (1_300, 1_000, True), (1_000, 1_000_000, True), (2_000, 1_000, False),
        (999, 1_000, False), (1_900, 1_000, True), (1_901, 1_000, False),
    ],
)  # fmt: skip
def test_a_reading_agrees_when_the_counts_a_quarter_hour_around_it_enclose_it(
    coop, wh, step, agrees
):
    """Around quarter 42 stand 1,300 and 1,900 Wh; a meter of whole kWh shows 1 all along."""
    coop.count(1_000, 1_300, 1_600, 1_900, 2_200)
    coop.saw(42, wh, step=step)
    is_checked = coop.rows("grade")[2] == ("checked",)
    assert agrees == is_checked
    assert agrees == (held_meters(coop.community.db, ID) == [])


def test_counts_that_a_sight_reading_contradicts_wait_for_a_steward(coop):
    coop.count(1_000, 1_300, 1_600, 1_900, 2_200)
    coop.saw(42, 500)
    assert [(0, "first"), (0, "sight"), (0, "sight"), (300_000, ""), (300_000, "")] == coop.rows()
    (waits,) = held_meters(coop.community.db, ID)
    assert "Somebody read another count off this meter" in waits["sentence"]
    assert 200_000 == coop.energy()
    coop.decide(41, 42, accept=True)
    assert 400_000 == coop.energy()
    coop.decide(41, 42, accept=False)
    assert 200_000 == coop.energy()
    assert [] == held_meters(coop.community.db, ID)


def test_a_reading_that_agrees_later_shows_that_the_other_was_misread(coop):
    coop.count(1_000, 1_300, 1_600, 1_900, 2_200)
    coop.saw(41, 5_000)
    coop.saw(43, 1_900)
    assert 400_000 == coop.energy()
    assert [("checked",)] * 4 == coop.rows("grade")[:4]


def test_a_count_that_nobody_believes_does_not_end_the_wait_of_a_reading(coop):
    """Invariant 2 (DESIGN). After the reading comes a dip to zero, which says nothing; the count
    after that is the first that encloses the reading, and says that it agrees.
    """
    coop.count(0, 300)
    coop.saw(42, 300)
    coop.count(0, first=44)
    coop.count(400, first=45)
    assert [
        ("first", "checked"),
        ("", "checked"),
        ("lower", "self-reported"),
        ("", "self-reported"),
    ] == coop.rows("verdict, grade")
    coop.verify()


def test_of_two_readings_at_one_time_the_later_paper_is_the_one(coop):
    coop.count(1_000, 1_300, 1_600, 1_900)
    coop.saw(42, 5_000)
    assert 100_000 == coop.energy()
    coop.saw(42, 1_600)
    assert 300_000 == coop.energy()


# Everything in any order.

QUARTERS = 12


@st.composite
def lives(draw):
    """What a meter gained per quarter, which of its counts came, and papers of some quarters."""
    gains = draw(st.lists(st.sampled_from([0, 1, 300, 15_000]), min_size=3, max_size=QUARTERS))
    told = draw(st.lists(st.booleans(), min_size=len(gains), max_size=len(gains)))
    some = st.tuples(
        st.integers(0, len(gains) - 1),
        st.lists(st.sampled_from([None, 0, 270_000, 5_000_000]), min_size=1, max_size=4),
        st.sampled_from(["1-0:2.8.0", "1-0:2.8.1"]),
    )
    return gains, told, draw(st.lists(some, max_size=4))


@settings(max_examples=40, deadline=None)
@given(life=lives(), data=st.data())
def test_official_figures_and_counts_never_count_twice_and_their_order_does_not_matter(life, data):
    """Invariants 2 and 4 (DESIGN), 7 and 11 (ledger): between two counts of the gateway no
    more is credited than the official figures there, and what the meter gained beyond them.
    """
    gains, told, some_papers = life
    with tempfile.TemporaryDirectory() as folder:
        one = Coop(Path(folder) / "one", policy=WITH_TOTAL)
        counts, wh = [], 1_000
        for n, gain in enumerate([0, *gains]):
            wh += gain
            counts.append((40 + n, wh) if n == 0 or told[n - 1] else None)
        records = [
            one.home.quarter(MIDNIGHT_MS + quarter * QUARTER_MS, export_wh=count)
            for quarter, count in filter(None, counts)
        ]
        one.take("home", *records)
        for first, mwh, register in some_papers:
            one.told(*mwh, first=40 + first, register=register)
        other = Coop(Path(folder) / "other", policy=WITH_TOTAL)
        at = data.draw(st.integers(0, len(records)))
        left = data.draw(st.permutations(records))
        other.take("home", *left[:at])
        for first, mwh, register in some_papers:
            other.told(*mwh, first=40 + first, register=register)
        other.take("home", *left[at:])
        assert one.counters() == other.counters()
        assert one.energy() == other.energy()
        official = one.community.db.execute(
            "SELECT coalesce(sum(delta), 0) FROM counter WHERE gateway = ''"
        ).fetchone()[0]
        by_gateway = one.community.db.execute(
            "SELECT coalesce(sum(delta), 0) FROM counter WHERE gateway = 'home'"
        ).fetchone()[0]
        covered = one.community.db.execute(
            "SELECT count(DISTINCT at_ms) FROM counter WHERE gateway = '' AND verdict = ''"
        ).fetchone()[0]
        assert by_gateway <= max(0, sum(gains) * 1000)
        figures = one.community.db.execute(
            "SELECT count(*) FROM counter WHERE gateway = '' AND verdict = ''"
        ).fetchone()[0]
        assert covered == figures  # one figure per quarter, total or tariff
        assert official >= 0
