"""Which policy rules a day, by the clocks of the place; and that a policy starts where it may.

Amsterdam is an hour ahead of UTC in winter and two in summer. In 2027 the clocks go forward on
28 March and back on 31 October.
"""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import policy as papers
from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.facts.attested import Attestation
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.policy.start import problems
from ledger_bridge.books.verify.verify import Differs, verify
from ledger_bridge.commands.templates import fill_in
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, Chain, Street, key
from tests.unit.test_simulate import street_of
from tests.unit.test_weeks import at

HOUR_MS = 3_600_000


def hand_in(street: Street, day: str, **change: str) -> None:
    text = POLICY.replace("2026-06-21", day)
    for find, put in change.items():
        text = text.replace({"glass": '"0.05"', "cap": "1 per day"}[find], put)
    data = papers.make(text, community=ID, key=key("steward"))
    street.community.hand_in_policy(data, now_ms=NOON_MS)


def waste(street: Street) -> list[tuple[str, int]]:
    return street.community.db.execute(
        "SELECT period, due FROM claim WHERE rule = 'waste' ORDER BY period"
    ).fetchall()


def verified(street: Street) -> None:
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_a_rule_from_1_january_starts_an_hour_before_utc_does(tmp_path):
    """Invariant 21 (ledger). 2026-12-31T23:00Z is 1,798,758,000 s: 10 kg pay 0.5 before, 1 from
    then on, at 0.10 a kg.
    """
    street, point = Street(tmp_path), Chain("point")
    hand_in(street, "2027-01-01", glass='"0.10"')
    new_year_ms = 1_798_758_000_000
    street.take("point", point.deposit(new_year_ms - 1, grams=10_000))
    street.take("point", point.deposit(new_year_ms, grams=10_000))
    assert [("2026-12-31", 500_000), ("2027-01-01", 1_000_000)] == waste(street)
    verified(street)


@pytest.mark.parametrize(
    ("first_ms", "last_ms", "day"),
    [
        # 2027-03-27T23:00Z to 22:00Z the next day: 23 hours.
        (1_806_188_400_000, 1_806_271_200_000, "2027-03-28"),
        # 2027-10-30T22:00Z to 23:00Z the next day: 25 hours.
        (1_824_933_600_000, 1_825_023_600_000, "2027-10-31"),
    ],
    ids=["23 hours", "25 hours"],
)
def test_a_cap_is_of_the_local_day_however_long_it_is(tmp_path, first_ms, last_ms, day):
    """30 kg in its first and in its last millisecond would be 3; a day pays 1 at most. What comes
    a millisecond before or after is another day's: 10 kg pay 0.5 each.
    """
    street, point = Street(tmp_path), Chain("point")
    for at_ms, grams in (
        (first_ms - 1, 10_000),
        (first_ms, 30_000),
        (last_ms - 1, 30_000),
        (last_ms, 10_000),
    ):
        street.take("point", point.deposit(at_ms, grams=grams))
    (before, half), (here, whole), (after, other) = waste(street)
    assert (500_000, 1_000_000, 500_000) == (half, whole, other)
    assert before < day == here < after
    verified(street)


def test_the_hour_that_comes_twice_is_of_one_day(tmp_path):
    """02:30 on 31 October 2027, twice: 10 kg each, 0.5 and 0.5 under a cap of 0.75 a day."""
    street, point = (
        Street(tmp_path, policy=POLICY.replace("1 per day", "0.75 per day")),
        Chain("point"),
    )
    for fold in (0, 1):
        street.take("point", point.deposit(at("2027-10-31T02:30:00", fold=fold), grams=10_000))
    assert [("2027-10-31", 750_000)] == waste(street)


def test_late_evidence_is_settled_by_the_policy_of_its_day(tmp_path):
    """Invariant 19 (ledger). The new policy is in force for months when the deposit of June comes:
    4 kg at 0.05 are 0.2, not 0.4.
    """
    street, point = Street(tmp_path), Chain("point")
    hand_in(street, "2026-07-01", glass='"0.10"')
    street.take("point", point.deposit(at("2026-09-01T12:00:00"), grams=4000))
    street.take("point", point.deposit(at("2026-06-30T23:59:59"), grams=4000))
    assert [("2026-06-30", 200_000), ("2026-09-01", 400_000)] == waste(street)
    verified(street)


@given(
    days=st.lists(st.dates(date(2026, 1, 1), date(2031, 1, 1)), min_size=1, max_size=6, unique=True)
)
def test_policies_tile_time_without_gap_or_overlap(days):
    """Invariant 21 (ledger): each day from the first on has the policy that began last."""
    days.sort()
    base = parse(POLICY, name="policy")
    in_order = [
        InForce(base.model_copy(update={"valid_from": day}), day.isoformat()) for day in days
    ]
    policies = Policies(in_order)
    assert policies.on("2025-12-31") is None
    for day, after in zip(days, [*days[1:], date(2031, 1, 2)], strict=True):
        last = date.fromordinal(after.toordinal() - 1)
        assert day.isoformat() == policies.on(day.isoformat()).hash
        assert day.isoformat() == policies.on(last.isoformat()).hash


# Where a policy may start.


def test_nothing_begins_in_what_is_closed(tmp_path):
    street = Street(tmp_path)
    street.act(Close("2026-06-21"), "close", now_ms=MIDNIGHT_MS + 26 * HOUR_MS)
    before = list(street.community.db.iterdump())
    data = papers.make(POLICY.replace('"0.05"', '"0.07"'), community=ID, key=key("steward"))
    with pytest.raises(PeopleError, match="the books are closed up to 2026-06-21"):
        street.community.hand_in_policy(data, now_ms=MIDNIGHT_MS + 26 * HOUR_MS)
    assert before == list(street.community.db.iterdump())


def test_all_that_is_wrong_with_a_start_is_said_at_once():
    old = InForce(
        parse(POLICY.replace("1 per day", "1 per week").replace("06-21", "06-15"), name="o"), "h"
    )
    text = (
        POLICY.replace("2026-06-21", "2026-06-10")
        .replace("Amsterdam", "Brussels")
        .replace("scale = 6", "scale = 2", 1)
    )
    found = problems(
        parse(text, name="new"),
        Policies([old]),
        closed_until="2026-06-30",
        now_ms=NOON_MS,
        where="new.toml",
    )
    assert [
        ("the books are closed up to 2026-06-30", "choose a day after 2026-06-30"),
        (
            "rules cannot reach back: a policy takes effect at a midnight to come",
            "choose a day after 2026-06-21",
        ),
        ("the time zone of a community stays Europe/Amsterdam", 'time_zone = "Europe/Amsterdam"'),
        (
            "accounts hold ENERGY with scale = 6",
            "scale = 6, or give the new one another code",
        ),
        ("2026-06-10 is in the middle of a period of 1 week", "valid_from = 2026-06-15"),
    ] == [(one.what, one.try_) for one in found]


def test_books_in_which_an_asset_became_another_thing_are_not_verified(tmp_path):
    street = Street(tmp_path)
    toml = POLICY.replace("2026-06-21", "2026-07-01").replace("scale = 6", "scale = 2", 1)
    data = papers.make(toml, community=ID, key=key("steward"))
    street.community.db.execute(
        "INSERT INTO policy VALUES (?, '2026-07-01', ?, ?)", (ID, papers.hash_of(data), data)
    )
    with pytest.raises(Differs, match="accounts hold ENERGY with scale = "):
        verified(street)


# Templates, settled: what a treasurer gets from them as they are printed.


def of_template(folder, name: str) -> Street:
    return Street(folder, policy=fill_in(name, community=ID, valid_from="2026-06-15"))


def dues(street: Street) -> list[tuple[str, str, str, int]]:
    rows = street.community.db.execute(
        "SELECT rule, member, asset, due FROM claim WHERE due != 0 ORDER BY rule, member"
    ).fetchall()
    verified(street)
    return rows


def test_the_recycling_point_of_the_template(tmp_path):
    """4 kg of glass at 0.05 are 0.20 points and one visit; 7 kg of paper at 0.02 are 0.14."""
    street, point = of_template(tmp_path, "recycling"), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=4000))
    street.take("point", point.deposit(NOON_MS, grams=7000, fraction="paper", card="B"))
    assert [
        ("brought", "bram", "POINT", 14),
        ("brought", "noor", "POINT", 20),
        ("visits", "bram", "VISITS", 1),
        ("visits", "noor", "VISITS", 1),
    ] == dues(street)


def test_the_bags_of_the_template(tmp_path):
    """Two bags of residual waste cost 2.40 on trial, 9 kg of packaging give back 0.45."""
    street, point = of_template(tmp_path, "diftar"), Chain("point")
    for grams, fraction in ((6000, "residual"), (800, "residual"), (9000, "packaging")):
        street.take("point", point.deposit(NOON_MS, grams=grams, fraction=fraction))
    assert [
        ("residual", "noor", "EUR-TRIAL", -240),
        ("sorted", "noor", "EUR-TRIAL", 45),
    ] == dues(street)
    assert {"EUR-TRIAL"} == street.community.policies.shadows


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "energy",
            [("given", "noor", "ENERGY", 1_200_000), ("taken", "bram", "KWH", 1_200_000)],
        ),
        (
            "start",
            [
                ("shared", "noor", "ENERGY", 1_200_000),
                ("sun", "noor", "KWH", 3_000_000),
                ("waste", "bram", "WASTE", 1_500_000),
                ("waste", "noor", "WASTE", 200_000),
            ],
        ),
        (
            "street",
            [
                ("brought", "bram", "WASTE", 1_500_000),
                ("brought", "noor", "WASTE", 200_000),
                ("given", "noor", "ENERGY", 1_200_000),
            ],
        ),
    ],
)
def test_the_shared_energy_of_the_templates(tmp_path, name, expected):
    """Noor gives 3 kWh back in a quarter-hour in which Bram uses 1.2: 1.2 at 1 a kWh. 4 kg of glass
    at 0.05 are 0.2, and 30 kg 1.5.
    """
    toml = fill_in(name, community=ID, valid_from="2026-06-15")
    assert expected == dues(street_of(tmp_path, policy=toml))


def test_the_hours_of_the_template(tmp_path):
    """90 minutes are 1.50 hours; an assembly is one time, and has no price."""
    street = of_template(tmp_path, "timebank")
    street.say(
        "list",
        Attestation("noor", "2026-06-20", "care", 90, "Mirjam"),
        Attestation("noor", "2026-06-20", "assembly", 0, "the chair"),
    )
    while street.community.settle(NOON_MS):
        pass
    assert [("given", "noor", "HOUR", 150), ("times", "noor", "TIMES", 1)] == dues(street)
