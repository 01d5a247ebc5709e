"""What a meter can hardly have counted waits for a steward; what it can, counts at once."""

from fractions import Fraction

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.facts.sun import Place, is_night
from ledger_bridge.books.quantity import part_of, worth
from ledger_bridge.books.registry.edits import CountsDecided, GatewayAdmitted, MeterFitted
from ledger_bridge.books.telling.held import held_meters
from tests.homes import Home
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, key
from tests.unit.test_official import EAN, WITH_TOTAL, Coop

CREDIT_OF_300_WH = 100_000
FULL_WH = 10**9  # six digits before the comma of a count in kWh


@pytest.fixture
def coop(tmp_path):
    return Coop(tmp_path)


def verdicts(coop, register="1-0:2.8.1"):
    return [verdict for _, verdict in coop.rows(register=register)]


# Roll-over.


def test_a_count_that_runs_full_goes_on_from_zero(tmp_path):
    """Invariant 12 (ledger). 999,999.9 kWh, then 0.2: 300 Wh."""
    coop = Coop(tmp_path, digits=6)
    coop.count(FULL_WH - 100, 200, 500)
    assert ["first", "", ""] == verdicts(coop)
    assert 2 * CREDIT_OF_300_WH == coop.energy()


@pytest.mark.parametrize(
    ("digits", "wh"),
    [
        (0, (FULL_WH - 100, 200, 500)),
        (7, (FULL_WH - 100, 200, 500)),
        (5, (FULL_WH - 100, 200, 500)),
        (6, (FULL_WH - 16_000, 200, 500)),
        (6, (700_000_000, 0, 300)),
    ],
    ids=["digits unknown", "room for more", "more than fits", "over the rating", "a reset"],
)
def test_a_lower_count_is_no_roll_over_unless_digits_count_and_rating_allow_it(
    tmp_path, digits, wh
):
    """Invariant 12 (ledger)."""
    coop = Coop(tmp_path, digits=digits)
    coop.count(*wh)
    assert ["first", "lower", "lower"] == verdicts(coop)
    assert 0 == coop.energy()


def test_waiting_makes_no_roll_over_true(tmp_path):
    """16 kWh below full are too much for a quarter and not for a day; the first count decides."""
    coop = Coop(tmp_path, digits=6)
    coop.count(FULL_WH - 16_000, 200, *[None] * 50, 400)
    assert ["first", "lower", "lower"] == verdicts(coop)
    coop.community.db.close()
    coop.open()
    coop.count(600, first=93)
    assert 0 == coop.energy()


# Decisions.


def test_a_leap_that_a_steward_accepts_counts(coop):
    coop.count(0, 16_000, 16_300)
    assert ["first", "rating", "rating"] == verdicts(coop)
    (waits,) = held_meters(coop.community.db, ID)
    assert (
        "meterkast device decide home/hall --serial E1 --from 2026-06-21T08:15:00Z"
        ' --until 2026-06-21T08:30:00Z --accept (or --refuse) --reason "…"'
    ) == waits["try"]
    coop.decide(41, 42, accept=True)
    assert ["first", "", ""] == verdicts(coop)
    assert 5_433_333 == coop.energy()
    assert [] == held_meters(coop.community.db, ID)


def test_a_leap_that_a_steward_refuses_is_as_if_it_had_not_been_told(coop):
    coop.count(0, 16_000, 300, 600)
    coop.decide(41, 41, accept=False)
    assert ["first", "ignored", "", ""] == verdicts(coop)
    assert 2 * CREDIT_OF_300_WH == coop.energy()


def test_what_a_steward_refuses_of_believed_counts_is_not_credited_and_not_caught_up(coop):
    coop.count(0, 300, 600, 900)
    coop.decide(42, 42, accept=False)
    assert ["first", "", "refused", ""] == verdicts(coop)
    assert 2 * CREDIT_OF_300_WH == coop.energy()


def test_a_lower_count_that_a_steward_accepts_begins_afresh(coop):
    coop.count(5_000, 100, 400)
    coop.decide(41, 41, accept=True)
    assert ["first", "first", ""] == verdicts(coop)
    assert CREDIT_OF_300_WH == coop.energy()


def test_the_last_word_about_a_count_is_the_one_and_counts_that_come_later_heed_it(coop):
    coop.decide(41, 42, accept=False)
    coop.decide(42, 42, accept=True)
    coop.count(0, 300, 600)
    assert ["first", "refused", ""] == verdicts(coop)
    assert CREDIT_OF_300_WH == coop.energy()


@pytest.mark.parametrize(
    "odd",
    [
        {"reason": " "},
        {"from_ms": 5, "until_ms": 5},
        {"gateway": "nowhere"},
        {"gateway": "", "device": "871"},
    ],
)
def test_a_decision_about_nothing_changes_nothing(coop, odd):
    meant = {
        "gateway": "home", "device": "hall", "register": "", "serial": "E1",
        "from_ms": 0, "until_ms": NOON_MS, "is_accepted": True, "reason": "seen",
    }  # fmt: skip
    with pytest.raises(PeopleError):
        coop.edit(CountsDecided(**(meant | odd)))
    assert {} == coop.community.registry.counts


# What produces.


@pytest.mark.parametrize(
    ("at", "night"),
    [
        ("2026-06-21T01:00", True), ("2026-06-21T02:30", False), ("2026-06-21T10:00", False),
        ("2026-06-21T20:30", False), ("2026-06-21T21:15", True),
        ("2026-12-21T06:30", True), ("2026-12-21T07:30", False), ("2026-12-21T16:45", True),
    ],
)  # fmt: skip
def test_it_is_night_once_dusk_is_over(at, night):
    """Utrecht, UTC: in June the sun sets at 20:03 and is 6 degrees down at 20:51, up from 02:30;
    in December it is 6 degrees down until 07:08 and from 16:07 on (almanac of the US Navy).
    """
    hour, minute = int(at[11:13]), int(at[14:16])
    days = {"2026-06-21": 20_625, "2026-12-21": 20_808}[at[:10]]
    quarter = days * 96 + hour * 4 + minute // 15
    assert night == is_night(quarter, quarter, Place(52_090_000, 5_120_000))


def test_what_panels_gave_back_at_night_waits_and_by_day_counts(tmp_path):
    """Invariant 14 (ledger). Quarter 8 ends at 02:00 in Amsterdam, quarter 49 at 12:15."""
    coop = Coop(tmp_path, sources=("solar",))
    coop.count(0, 300, first=7)
    coop.count(300, 600, first=48)
    assert ["first", "night", "", ""] == verdicts(coop)
    assert CREDIT_OF_300_WH == coop.energy()
    (waits,) = held_meters(coop.community.db, ID)
    assert "Only panels produce here, and the sun was down" in waits["sentence"]
    coop.decide(8, 8, accept=True)
    assert 2 * CREDIT_OF_300_WH == coop.energy()


@pytest.mark.parametrize("sources", [(), ("solar", "wind"), ("wind",)])
def test_what_may_come_from_elsewhere_counts_at_night(tmp_path, sources):
    coop = Coop(tmp_path, sources=sources)
    coop.count(0, 300, first=7)
    assert CREDIT_OF_300_WH == coop.energy()


def test_a_night_that_lasts_until_day_in_one_interval_is_no_night(tmp_path):
    coop = Coop(tmp_path, sources=("solar",))
    coop.count(0, *[None] * 39, 300, first=7)
    assert CREDIT_OF_300_WH == coop.energy()


def test_it_is_dark_where_the_community_is(tmp_path):
    """On the other side of the earth it is noon."""
    policy = WITH_TOTAL.replace("time_zone", 'place = "-40.0, 178.0"\ntime_zone', 1)
    coop = Coop(tmp_path, policy=policy, sources=("solar",))
    coop.count(0, 300, first=7)
    assert CREDIT_OF_300_WH == coop.energy()


def test_with_a_battery_nothing_is_taken_for_what_panels_produced(tmp_path):
    coop = Coop(tmp_path, sources=("solar", "battery"))
    coop.count(0, 300)
    coop.told(None, 300_000)
    assert ["battery", "first", "battery"] == verdicts(coop)
    assert 0 == coop.energy()
    coop.decide(41, 41, accept=True)
    assert CREDIT_OF_300_WH == coop.energy()


# By tariff and quarter what is given, per quarter what panels produce, and what of it is credited.
WITH_BATTERY = {
    "less than was produced": ((300, 300), (500, 500), (300, 300)),
    "more than was produced": ((300, 900), (500, 400), (300, 400)),
    "nothing was produced": ((300, 300), (0, 200), (0, 200)),
}


@pytest.mark.parametrize(("given", "produced", "credited"), WITH_BATTERY.values(), ids=WITH_BATTERY)
@pytest.mark.parametrize("order", ["production first", "production last"])
def test_with_a_battery_no_more_is_credited_than_the_production_meter_measured(
    tmp_path, order, given, produced, credited
):
    """Invariants 14 (ledger) and 2 (DESIGN): in whatever order the counts come."""
    coop = Coop(tmp_path, policy=WITH_TOTAL, sources=("solar", "battery"), production="home/roof")
    coop.edit(MeterFitted("home", "roof", "", "noor", 0))
    at = [MIDNIGHT_MS + (40 + n) * QUARTER_MS for n in range(3)]
    sums = [(0, given[0], sum(given)), (0, produced[0], sum(produced))]
    hall = [coop.home.quarter(at[n], export_wh=sums[0][n]) for n in range(3)]
    roof = [
        coop.home.quarter(
            at[n], export_wh=sums[1][n], device="roof", register="1-0:2.8.0", serial=""
        )
        for n in range(3)
    ]
    first, last = (roof, hall) if order == "production first" else (hall, roof)
    for one in (*first, *last):
        coop.take("home", one)
    found = [delta // 1000 for delta, _ in coop.rows()]
    assert (0, *credited) == tuple(found)
    assert sum(credited) * 1_000_000 // 3000 == coop.energy()


def test_what_was_produced_at_another_time_than_its_clock_said_credits_nothing(tmp_path):
    """Invariant 14 (ledger). The panels' gateway has a clock that was never set: by it 500 Wh were
    produced while 300 were given, and these are credited. Then it is set, and they were produced
    half an hour later: nothing of the 300 is.
    """
    coop = Coop(tmp_path, policy=WITH_TOTAL, sources=("solar", "battery"), production="away/roof")
    coop.edit(
        GatewayAdmitted("away", key("away").public.x), MeterFitted("away", "roof", "", "noor", 0)
    )
    roof, late_ms = Home("away", device="roof"), -2 * QUARTER_MS
    coop.take("away", roof.count(42, off_ms=late_ms), roof.count(43, 500_000, off_ms=late_ms))
    coop.count(0, 300)
    assert CREDIT_OF_300_WH == coop.energy()
    coop.take("away", roof.count(44))
    assert 0 == coop.energy()


def test_what_is_used_behind_another_meter_is_not_counted_twice(tmp_path):
    coop = Coop(tmp_path, behind=True)
    coop.count(0, 300, register="1-0:1.8.1")
    coop.count(0, 300)
    assert ["first", "behind"] == verdicts(coop, "1-0:1.8.1")
    assert CREDIT_OF_300_WH == coop.energy()


@pytest.mark.parametrize(
    "odd",
    [{"digits": -1}, {"digits": 13}, {"sources": ("nuclear",)}, {"point": "a b"}, {"gateway": ""}],
)
def test_a_fit_that_cannot_be_is_refused(coop, odd):
    meant = {"gateway": "home", "device": "shed", "serial": "", "member": "bram", "from_ms": 1}
    with pytest.raises(PeopleError):
        coop.edit(MeterFitted(**(meant | odd)))


@pytest.mark.parametrize(
    ("share", "per_count", "part", "amount"),
    [
        ("1/3", "1/800 kWh", "1/2400 kWh", Fraction(1250, 3)),
        ("2/7", "1/1000 Wh", "1/3500 Wh", Fraction(2, 7)),
        ("1/2", "1/1000 l", "1/2000 L", Fraction(1, 2)),
        ("999999/1000000", "1/1000 J", "999999/1000000000000000 MJ", Fraction(999_999, 10**6)),
    ],
)
def test_a_share_of_what_one_count_is_worth_is_exact(share, per_count, part, amount):
    """A pulse of 1/800 kWh is 1,250 thousandths of a Wh."""
    assert amount == worth(part_of(share, per_count)).amount
    assert worth(part) == worth(part_of(share, per_count))


def test_the_point_of_a_meter_is_known_by_its_name(coop):
    registry = coop.community.registry
    fit = registry.fit_of_point(EAN, MIDNIGHT_MS)
    assert ("noor", EAN, "E1") == (fit.member, fit.point, fit.serial)
    assert registry.fit_of_point("871", MIDNIGHT_MS + QUARTER_MS) is None
