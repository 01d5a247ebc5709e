"""Claims over weeks: where periods begin, what they come to by hand, the same in every order."""

import tempfile
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import policy as papers
from gateway.contract.errors import ConfigError, PeopleError
from ledger_bridge.books import rules
from ledger_bridge.books.calendar import days_of, next_start, period_of
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.settle.due import due, shares
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS, Chain, Street, key

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

# 70 kg of glass in 4 weeks, at 0.05 a kg.
WEEKS = POLICY.replace("2026-06-21", "2026-06-15").replace("1 per day", "3.5 per 4 weeks")


def at(text: str, *, fold: int = 0) -> int:
    """UTC milliseconds of a local time; fold 1 is the second time that the clock shows it."""
    local = datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM, fold=fold)
    return round(local.timestamp() * 1000)


def waste_claims(street: Street) -> list[tuple[str, int]]:
    rows = street.community.db.execute(
        "SELECT period, due FROM claim WHERE rule = 'waste' ORDER BY member DESC, period"
    )
    return rows.fetchall()


def verified(street: Street) -> None:
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


# Where periods begin. 1 January 2024 is a Monday; all lengths count from it.


@pytest.mark.parametrize(
    ("day", "weeks", "period", "last"),
    [
        ("2026-06-21", 0, "2026-06-21", "2026-06-21"),
        ("2024-01-01", 4, "2024-01-01/4w", "2024-01-28"),
        ("2024-01-28", 4, "2024-01-01/4w", "2024-01-28"),
        ("2024-01-29", 4, "2024-01-29/4w", "2024-02-25"),
        ("2023-12-31", 4, "2023-12-04/4w", "2023-12-31"),
        ("2026-06-21", 4, "2026-06-15/4w", "2026-07-12"),
        ("2026-06-21", 1, "2026-06-15/1w", "2026-06-21"),
        ("2026-12-31", 13, "2026-12-28/13w", "2027-03-28"),
        ("2024-06-30", 26, "2024-01-01/26w", "2024-06-30"),
        ("1980-01-01", 26, "1979-08-27/26w", "1980-02-24"),  # 16,071 days before, 89 times 182
    ],
)
def test_a_day_lies_in_its_period(day, weeks, period, last):
    assert period == period_of(day, weeks)
    assert (period[:10], last) == days_of(period)


@pytest.mark.parametrize(
    ("day", "weeks", "start"),
    [
        ("2026-06-15", {4}, "2026-06-15"),
        ("2026-06-16", {4}, "2026-07-13"),
        ("2026-06-16", set(), "2026-06-16"),
        ("2026-06-16", {1}, "2026-06-22"),
        ("2026-06-16", {3, 4}, "2026-07-13"),  # 924 days after the first Monday: 11 times 84
        ("2026-07-14", {3, 4}, "2026-10-05"),
        ("2026-06-16", {23, 25, 26}, None),
    ],
)
def test_periods_of_several_lengths_begin_together(day, weeks, start):
    assert start == next_start(day, frozenset(weeks))


# Policies.


@pytest.mark.parametrize(
    ("cap", "most", "weeks", "words"),
    [
        ("10 per day", 10, 0, "at most 10 a day"),
        ("3.5 per week", Fraction(7, 2), 1, "at most 3.5 a week"),
        ("7 per 4 weeks", 7, 4, "at most 7 in 4 weeks"),
        ("1/3 per 26 weeks", Fraction(1, 3), 26, "at most 1/3 in 26 weeks"),
    ],
)
def test_a_cap_is_read_exactly_and_told_in_words(cap, most, weeks, words):
    toml = POLICY.replace("1 per day", cap).replace("2026-06-21", "2024-01-01")
    rule = policies.parse(toml, name="policy").rules[1]
    assert (most, weeks) == rule.cap
    assert rules.load(rule.rule).in_words(rule)[0].endswith(f"nothing for paper, {words}")


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        ('"7 per 0 weeks"', "'7 per 0 weeks': a limit is per day, or per 1 to 26 weeks"),
        ('"7 per 27 weeks"', "'7 per 27 weeks': a limit is per day, or per 1 to 26 weeks"),
        ('"7 per month"', '\'7 per month\' is no limit such as "10 per day" or "7 per 4 weeks"'),
        ('"7"', "'7' is no limit such as"),
        ("7", "7 is no limit such as"),
        ('"-7 per day"', "-7 is negative"),
        ('"much per day"', "'much' is not a number"),
    ],
)
def test_a_cap_that_is_none_is_named_with_its_line(cap, expected):
    with pytest.raises(ConfigError) as error:
        policies.parse(POLICY.replace('"1 per day"', cap), name="policy.toml")
    (problem,) = error.value.problems
    assert expected in problem.what
    assert "policy.toml line 43: rules.1.cap" == problem.where


def test_rules_over_weeks_begin_where_their_periods_do():
    with pytest.raises(ConfigError) as error:
        policies.parse(POLICY.replace("1 per day", "7 per 4 weeks"), name="policy.toml")
    expected = (
        "2026-06-21 is in the middle of a period of 4 weeks",
        "policy.toml line 3: valid_from",
        "valid_from = 2026-07-13",
    )
    assert [expected] == [tuple(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("cap", "day", "what", "try_"),
    [
        ("1 per day", "2026-07-01", "in the middle of a period of 4 weeks", "2026-07-13"),
        ("1 per 3 weeks", "2026-06-22", "in the middle of a period of 3 and 4 weeks", "2026-07-13"),
    ],
    ids=["back to days", "to other weeks"],
)
def test_rules_over_weeks_end_where_their_periods_do(tmp_path, cap, day, what, try_):
    street = Street(tmp_path, policy=WEEKS)
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError) as error:
        hand_in(street, POLICY.replace("1 per day", cap).replace("2026-06-21", day))
    assert f"{day} is {what}" == error.value.problems[0].what
    assert f"valid_from = {try_}" == error.value.problems[0].try_
    assert before == list(street.community.db.iterdump())
    hand_in(street, POLICY.replace("1 per day", cap).replace("2026-06-21", "2026-07-13"))


def hand_in(street: Street, toml: str) -> None:
    data = papers.make(toml, community=ID, key=key("steward"))
    street.community.hand_in_policy(data, now_ms=MIDNIGHT_MS - 3_600_000)


def test_books_whose_policy_begins_in_the_middle_of_a_period_are_not_verified(tmp_path):
    street = Street(tmp_path, policy=WEEKS)
    toml = POLICY.replace("2026-06-21", "2026-07-01")
    data = papers.make(toml, community=ID, key=key("steward"))
    street.community.db.execute(
        "INSERT INTO policy VALUES (?, '2026-07-01', ?, ?)", (ID, papers.hash_of(data), data)
    )
    with pytest.raises(Differs, match="2026-07-01 is in the middle of a period of 4 weeks"):
        verified(street)


# What claims come to. The clock goes back on 25 October 2026, within the period from 5 October to
# 1 November; 02:30 comes twice.

BROUGHT = [
    (at("2026-10-04T23:59:59.999"), 30_000),
    (at("2026-10-05T00:00:00"), 20_000),
    (at("2026-10-25T02:30:00"), 20_001),
    (at("2026-10-25T02:30:00", fold=1), 20_000),
    (at("2026-11-01T23:59:59.999"), 20_000),
    (at("2026-11-02T00:00:00"), 20_000),
]


def test_four_weeks_are_capped_as_a_whole_and_end_at_local_midnight(tmp_path):
    # 30 kg before: 1.5. Then 20 + 20.001 + 20 + 20 kg would be 4.00005; 70 kg pay 3.5. Then 1.
    street, point = Street(tmp_path, policy=WEEKS), Chain("point")
    posted = []
    for at_ms, grams in BROUGHT:
        street.take("point", point.deposit(at_ms, grams=grams))
        posted.append(street.balance("acc-noor", "WASTE"))
    assert [1_500_000, 2_500_000, 3_500_050, 4_500_050, 5_000_000, 6_000_000] == posted
    expected = [
        ("2026-09-07/4w", 1_500_000),
        ("2026-10-05/4w", 3_500_000),
        ("2026-11-02/4w", 1_000_000),
    ]
    assert expected == waste_claims(street)
    verified(street)


def test_the_floor_is_taken_once_in_four_weeks(tmp_path):
    # A third of a credit a kg: 1 g on three days is 1000 microcredits, not three times 333.
    toml = WEEKS.replace('credit = "0.05"', 'credit = "1/3"')
    street, point = Street(tmp_path, policy=toml), Chain("point")
    for day in ("2026-10-05", "2026-10-19", "2026-11-01"):
        street.take("point", point.deposit(at(f"{day}T12:00:00"), grams=1))
    assert 1_000 == street.balance("acc-noor", "WASTE")


def test_counters_are_capped_over_weeks_as_well(tmp_path):
    # 6 kWh in the last quarters of Sunday 25 October and 3 kWh in the first of Monday, at 1/3 a
    # kWh and at most 1.5 a week.
    toml = POLICY.replace("20 per day", "1.5 per week").replace("2026-06-21", "2026-10-19")
    street, home = Street(tmp_path, policy=toml), Chain("home")
    first = at("2026-10-25T23:00:00")
    for n, wh in enumerate((0, 1_500, 3_000, 4_500, 6_000, 9_000)):
        street.take("home", home.quarter(first + n * QUARTER_MS, export_wh=wh))
    rows = street.community.db.execute("SELECT period, due FROM claim ORDER BY period").fetchall()
    assert [("2026-10-19/1w", 1_500_000), ("2026-10-26/1w", 1_000_000)] == rows
    verified(street)


def test_a_policy_over_weeks_takes_over_from_one_over_days_at_midnight(tmp_path):
    # 30 kg pay 1 on Sunday 12 July (at most 1 a day), and 1.5 from Monday on.
    street, point = Street(tmp_path), Chain("point")
    hand_in(street, WEEKS.replace("2026-06-15", "2026-07-13"))
    street.take(
        "point",
        point.deposit(at("2026-07-12T23:59:59.999"), grams=30_000),
        point.deposit(at("2026-07-13T00:00:00"), grams=30_000),
    )
    assert [("2026-07-12", 1_000_000), ("2026-07-13/4w", 1_500_000)] == waste_claims(street)
    verified(street)


def test_a_deposit_adds_its_share_until_the_cap_is_reached():
    policy = policies.parse(WEEKS, name="policy")
    brought = [("glass", grams * 1000) for _, grams in BROUGHT[1:5]]
    assert [1_000_000, 1_000_050, 1_000_000, 499_950] == shares(policy, policy.rules[1], brought)


@given(brought=st.lists(st.tuples(st.sampled_from(["glass", "paper"]), st.integers(0, 40_000_000))))
def test_shares_add_up_to_what_is_due(brought):
    policy = policies.parse(WEEKS, name="policy")
    rule = policy.rules[1]
    found = shares(policy, rule, brought)
    sums = {name: sum(n for key, n in brought if key == name) for name in ("glass", "paper")}
    assert due(policy, rule, sums) == sum(found)
    assert all(share >= 0 for share in found)


@pytest.mark.parametrize(
    ("toml", "claims", "waste", "other"),
    [
        (WEEKS, [("2026-07-13/4w", 1_500_000), ("2026-07-20", 0)], 1_500_000, 0),
        (
            POLICY.replace('id = "waste"', 'id = "rubbish"').replace("1 per day", "0.7 per day"),
            [("2026-07-20", 0)],
            700_000,
            0,
        ),
        (
            POLICY.replace('asset = "WASTE"', 'asset = "ENERGY"'),
            [("2026-07-20", 1_000_000)],
            0,
            1_000_000,
        ),
    ],
    ids=["over weeks", "by another name", "in another asset"],
)
def test_what_was_dated_ahead_of_new_rules_is_credited_by_those_alone(
    tmp_path, toml, claims, waste, other
):
    # 30 kg of glass by a clock that is a month ahead: 1.5 credits, of which a day pays 1.
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(at("2026-07-20T12:00:00"), grams=30_000))
    assert 1_000_000 == street.balance("acc-noor", "WASTE")
    hand_in(street, toml.replace("2026-06-21", "2026-07-13").replace("2026-06-15", "2026-07-13"))
    street.community.settle(MIDNIGHT_MS)
    assert claims == waste_claims(street)
    assert waste == street.balance("acc-noor", "WASTE")
    assert other == street.balance("acc-noor", "ENERGY")
    verified(street)
    credits_ = [
        why(
            street.community.db,
            ID,
            number,
            registry=street.community.registry,
            policies=street.community.policies,
        )["credit"]
        for number in range(1, street.community.book.last_booking + 1)
    ]
    assert ("1.000000", 1) == (credits_[0], credits_.count("-1.000000"))


# In every order.


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_and_batching_over_days_and_weeks_gives_min_of_cap_and_floor(data):
    """Invariant 2 (DESIGN) over periods; the expected figures by plain arithmetic beside it."""
    begin = date(2026, 9, 7)
    one = st.tuples(st.integers(0, 83), st.integers(0, 95), st.integers(1, 40_000))
    deposits = data.draw(st.lists(one, min_size=1, max_size=12))
    cap, grams_by_period = 3_500_000, [0, 0, 0]
    point, made = Chain("point"), []
    for day, quarter, grams in sorted(deposits):
        midnight = at(f"{begin + timedelta(days=day)}T00:00:00")
        made.append(("point", point.deposit(midnight + quarter * 600_000, grams=grams)))
        grams_by_period[day // 28] += grams
    expected = [
        (period, min(cap, grams * 50))
        for period, grams in zip(
            ("2026-09-07/4w", "2026-10-05/4w", "2026-11-02/4w"), grams_by_period, strict=True
        )
        if grams
    ]
    deliveries = data.draw(st.permutations(made))
    with tempfile.TemporaryDirectory() as folder:
        street = Street(Path(folder), policy=WEEKS)
        while deliveries:
            size = data.draw(st.integers(1, len(deliveries)))
            batch, deliveries = deliveries[:size], deliveries[size:]
            street.inbox.take(batch, now_ms=MIDNIGHT_MS)
            if data.draw(st.booleans()):
                street.community.settle(MIDNIGHT_MS)
        street.community.settle(MIDNIGHT_MS)
        assert expected == waste_claims(street)
        assert sum(amount for _, amount in expected) == street.balance("acc-noor", "WASTE")
        verified(street)


# What people see.


def test_a_statement_shows_the_weeks_that_its_day_is_in_and_when_they_are_closed(tmp_path):
    street, point = Street(tmp_path, policy=WEEKS), Chain("point")
    for at_ms, grams in BROUGHT:
        street.take("point", point.deposit(at_ms, grams=grams))
    db, known = street.community.db, street.community.policies
    asked = {"registry": street.community.registry, "policies": known}
    (_, line) = statement(db, ID, "noor", "2026-10-25", **asked)["lines"]
    shown = {name: line[name] for name in ("period", "quantity", "credit", "closed", "settled")}
    expected = {
        "period": "2026-10-05/4w",
        "quantity": {"glass": 80_001_000},
        "credit": "3.500000",
        "closed": False,
        "settled": True,
    }
    assert expected == shown
    db.execute("INSERT INTO closed VALUES (?, '2026-11-01', 0)", (ID,))
    (_, line) = statement(db, ID, "noor", "2026-10-25", **asked)["lines"]
    assert line["closed"]


def test_why_lists_the_deposits_of_all_weeks_of_a_claim(tmp_path):
    street, point = Street(tmp_path, policy=WEEKS), Chain("point")
    street.take("point", *(point.deposit(at_ms, grams=grams) for at_ms, grams in BROUGHT))
    # One batch is settled in the order of the claims: the second is that of 5 October.
    found = why(
        street.community.db,
        ID,
        2,
        registry=street.community.registry,
        policies=street.community.policies,
    )
    assert "2026-10-05/4w" == found["claim"]["period"]
    assert ["20000 g", "20001 g", "20000 g", "20000 g"] == [
        one["measured"] for one in found["evidence"]
    ]
    assert "at most 3.5 in 4 weeks" in found["policy"]["rule"]
