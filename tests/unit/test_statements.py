"""Statements of a period, as measured and as booked, agree with the books to the last unit."""

import contextlib
import tempfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import PeopleError, UsageError
from ledger_bridge.books.acts.requests import Close, Transfer
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.telling.days import asked
from ledger_bridge.books.telling.statement import statement, statement_booked
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS, Chain, Street

DAY_MS = 86_400_000
# 70 kg of glass in 4 weeks, at 0.05 a kg; the first four weeks end on 2026-07-12.
WEEKS = POLICY.replace("2026-06-21", "2026-06-15").replace("1 per day", "3.5 per 4 weeks")


def told(street, member, period, reckon=statement):
    known = {"registry": street.community.registry, "policies": street.community.policies}
    return reckon(street.community.db, ID, member, period, **known)


def booked(street, member, period):
    return told(street, member, period, statement_booked)


def take(street, gateway, *data, at_ms):
    street.inbox.take([(gateway, one) for one in data], now_ms=at_ms)
    street.community.settle(at_ms)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-06-21", "2026-06-21", "2026-06-21"),
        ("2026-06", "2026-06-01", "2026-06-30"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-06-15..2026-07-12", "2026-06-15", "2026-07-12"),
        ("2026-05..2026-07", "2026-05-01", "2026-07-31"),
    ],
)
def test_a_period_is_a_day_a_month_a_year_or_from_one_to_another(text, first, last):
    assert (first, last, text) == asked(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("june", "'june' is no period"),
        ("", "'' is no period"),
        ("2026-13", "'2026-13' is no period"),
        ("2026-02-29", "'2026-02-29' is no period"),
        ("2026-6", "'2026-6' is no period"),
        ("1979", "'1979' is no period"),
        ("9999-12-31", "'9999-12-31' is no period"),
        ("2026-06..", "'2026-06..' is no period"),
        ("2026-07..2026-06", "ends before it begins"),
        ("1980..2099", "more than ten years"),
        ("\uff12\uff10\uff12\uff16", "is no period"),
    ],
)
def test_what_is_no_period_is_refused_with_what_one_looks_like(text, said):
    with pytest.raises(UsageError, match=r"try: .*2026-06-15\.\.2026-07-12") as refused:
        asked(text)
    assert said in str(refused.value)


@pytest.fixture
def june_and_july(tmp_path):
    """Noor, a third of a credit a kWh: 3 kWh on 30 June booked that day, 6 kWh on 1 July booked on
    2 July, of which she gives Bram 1.5; and 0.3 kWh of 30 June that come on 3 July.
    """
    street, home, late = Street(tmp_path), Chain("home"), Chain("home", "evidence-000000000002")
    june, july = MIDNIGHT_MS + 9 * DAY_MS, MIDNIGHT_MS + 10 * DAY_MS
    take(
        street,
        "home",
        home.quarter(june, export_wh=0),
        home.quarter(june + QUARTER_MS, export_wh=3_000),
        at_ms=june + DAY_MS // 2,
    )
    take(
        street,
        "home",
        home.quarter(july + QUARTER_MS, export_wh=3_000),
        home.quarter(july + 2 * QUARTER_MS, export_wh=9_000),
        at_ms=july + DAY_MS,
    )
    street.act(Close("2026-06"), "close", now_ms=july + DAY_MS)
    street.act(Transfer("noor", "bram", "ENERGY", 1_500_000), "gift", now_ms=july + DAY_MS + 1)
    odd = [
        late.quarter(june + n * QUARTER_MS, export_wh=wh, serial="E9")
        for n, wh in ((1, 0), (2, 300))
    ]
    take(street, "home", *odd, at_ms=july + 2 * DAY_MS)
    return street


def test_a_month_as_measured_has_what_was_earned_in_it_whenever_it_was_booked(june_and_july):
    june = told(june_and_july, "noor", "2026-06")
    (line,) = june["lines"]
    assert ("2026-06-30", {"1-0:2.8.1": "3.3 kWh"}, "1.100000", True) == (
        line["period"], line["measured"], line["credit"], line["closed"],
    )  # fmt: skip
    assert ("1.100000", []) == (june["sums"]["ENERGY"], june["acts"])
    july = told(june_and_july, "noor", "2026-07")
    assert "0.500000" == july["sums"]["ENERGY"]
    sun, _ = july["totals"]
    assert ("2.000000", {"1-0:2.8.1": "6 kWh"}) == (sun["credit"], sun["measured"])
    (gift,) = july["acts"]
    assert ("-1.500000", ["bram"], "noor gave bram 1.5 ENERGY") == (
        gift["amount"], gift["with"], gift["sentence"],
    )  # fmt: skip


def test_a_month_as_booked_goes_from_balance_to_balance_and_names_corrections(june_and_july):
    june, july = (booked(june_and_july, "noor", month) for month in ("2026-06", "2026-07"))
    assert [("1.000000", "1.000000", "")] == [
        (line["amount"], line["balance"], line["sentence"]) for line in june["lines"]
    ]
    assert ({"ENERGY": "1.000000"}, {"ENERGY": "1.600000"}) == (july["opening"], july["closing"])
    assert [("2.000000", "3.000000"), ("-1.500000", "1.500000"), ("0.100000", "1.600000")] == [
        (line["amount"], line["balance"]) for line in july["lines"]
    ]
    closing, correction = 3, july["lines"][-1]
    assert (closing, "A correction of a period that was closed by booking 3.") == (
        correction["corrects"], correction["sentence"],
    )  # fmt: skip
    assert correction["zin"] == "Een correctie op een periode die met boeking 3 was afgesloten."


def test_what_is_booked_at_midnight_is_of_the_day_that_begins(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    july_ms = MIDNIGHT_MS + 10 * DAY_MS
    take(street, "point", point.deposit(MIDNIGHT_MS, grams=2_000), at_ms=july_ms - 1)
    take(street, "point", point.deposit(MIDNIGHT_MS, grams=4_000), at_ms=july_ms)
    june, july = (booked(street, "noor", month) for month in ("2026-06", "2026-07"))
    assert [("0.100000", "0.100000")] == [(one["amount"], one["balance"]) for one in june["lines"]]
    assert [("0.200000", "0.300000")] == [(one["amount"], one["balance"]) for one in july["lines"]]
    assert june["closing"] == july["opening"]


def test_an_account_that_is_nobodys_has_a_statement_as_booked(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    street.open_accounts()
    street.take(
        "home",
        home.quarter(MIDNIGHT_MS, export_wh=0),
        home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000),
    )
    street.act(Transfer("noor", "bram", "ENERGY", 400_000), "gift")
    assert {} == booked(street, "pool", "2026")["closing"]
    assert {"ENERGY": "0.400000"} == booked(street, "bram", "2026")["closing"]


def test_weeks_count_in_the_month_in_which_they_end(tmp_path):
    """20 kg on 20 June are 1 credit, of four weeks that end on 12 July."""
    street, point = Street(tmp_path, policy=WEEKS), Chain("point")
    street.take("point", point.deposit(MIDNIGHT_MS - DAY_MS // 2, grams=20_000))
    june, july = (told(street, "noor", month) for month in ("2026-06", "2026-07"))
    (line,) = june["lines"]
    assert ("1.000000", False) == (line["credit"], line["counts"])
    assert line["sentence"].startswith("These weeks are not over")
    assert [] == told(street, "bram", "2026-06")["lines"]  # nothing was brought, nothing is said
    assert ({"ENERGY": "0.000000", "WASTE": "0.000000"}, "1.000000") == (
        {"WASTE": "0.000000", **june["sums"]}, july["sums"]["WASTE"],
    )  # fmt: skip


def test_a_line_says_why_it_is_no_more(tmp_path):
    """At 0.05 a kg and at most 1 a day: 30 kg reach it; 19 mg are less than the smallest unit."""
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(MIDNIGHT_MS, grams=30_000))
    street.take("point", point.deposit(MIDNIGHT_MS + DAY_MS, grams=500, fraction="paper"))
    said = {line["period"]: line["sentence"] for line in told(street, "noor", "2026")["lines"]}
    assert {
        "2026-06-21": "The most for one day has been reached;"
        " what is more is counted and earns nothing.",
        "2026-06-22": "This kind is counted and earns nothing.",
    } == said


# Up to when all is settled.


def settled(street, member="noor"):
    found = told(street, member, "2026-06")
    return found["settled_until"], [(one["what"], one["since"]) for one in found["waiting"]]


def test_books_without_a_record_are_settled_until_no_day(tmp_path):
    assert ("", []) == settled(Street(tmp_path))


def test_a_day_is_settled_once_it_is_over_and_every_meter_was_heard_after_it(tmp_path):
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    take(street, "home", home.quarter(MIDNIGHT_MS, export_wh=0), at_ms=MIDNIGHT_MS)
    assert ("2026-06-20", []) == settled(street)
    late = MIDNIGHT_MS + 3 * DAY_MS
    take(street, "point", point.deposit(late, grams=2_000, card="B"), at_ms=late)
    assert ("2026-06-20", [("home/hall", "2026-06-21")]) == settled(street)
    assert ("2026-06-23", []) == settled(street, "bram")
    before = home.quarter(late - QUARTER_MS, export_wh=4)
    take(street, "home", before, home.quarter(late, export_wh=5), at_ms=late)
    assert ("2026-06-23", []) == settled(street)


def test_what_waits_is_named_with_its_day(tmp_path):
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    later = MIDNIGHT_MS + 2 * DAY_MS
    take(street, "home", home.quarter(MIDNIGHT_MS, export_wh=0), at_ms=MIDNIGHT_MS)
    take(street, "point", point.deposit(MIDNIGHT_MS, grams=4_000_000), at_ms=MIDNIGHT_MS)
    take(street, "home", home.quarter(later, export_wh=9), at_ms=later)
    assert ("2026-06-20", [("glass", "2026-06-21")]) == settled(street)
    street.inbox.take([("home", home.quarter(later + QUARTER_MS, export_wh=19))], now_ms=later)
    assert ("2026-06-20", [("glass", "2026-06-21"), ("sun", "2026-06-23")]) == settled(street)


# Whatever happens: a life of 40 days, and any way to cut it into periods.

_HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["sun", "glass", "gift", "close"]),
        st.integers(0, 39),  # the day it is about
        st.integers(0, 30),  # how many days later it is booked
        st.integers(1, 90_000),  # Wh, g, or smallest units
    ),
    max_size=12,
)
_LAST = 100


def live(street: Street, happenings) -> None:
    """Let these happen in their order; what is refused changes nothing."""
    home, point, wh = Chain("home"), Chain("point"), 0
    for n, (what, day, later, amount) in enumerate(happenings):
        at_ms = MIDNIGHT_MS + day * DAY_MS + n * QUARTER_MS
        now_ms = at_ms + later * DAY_MS
        match what:
            case "sun":
                wh += amount
                take(street, "home", home.quarter(at_ms, export_wh=wh), at_ms=now_ms)
            case "glass":
                take(street, "point", point.deposit(at_ms, grams=amount), at_ms=now_ms)
            case "gift":
                with contextlib.suppress(PeopleError):
                    street.act(Transfer("noor", "bram", "WASTE", amount), str(n), now_ms=now_ms)
            case _:
                with contextlib.suppress(PeopleError):
                    street.act(Close(day_of(at_ms, "Europe/Amsterdam")), str(n), now_ms=now_ms)


def cut(cuts: list[int]) -> list[str]:
    """The periods between these days, from the first day of the policy until all is over."""
    edges = sorted({-6, *cuts, _LAST})
    return [f"{day(a)}..{day(b - 1)}" for a, b in pairwise(edges)]


def day(number: int) -> str:
    return day_of(MIDNIGHT_MS + number * DAY_MS, "Europe/Amsterdam")


@settings(max_examples=40)
@given(happenings=_HAPPENINGS, cuts=st.lists(st.integers(-5, 99), max_size=5))
def test_statements_of_any_periods_add_up_to_the_balances(happenings, cuts):
    """Invariants 1 and 6 (DESIGN): as booked each period begins where the one before ended, and its
    lines are the difference; as measured the sums of all periods are the balances.
    """
    with tempfile.TemporaryDirectory() as folder:
        street = Street(Path(folder), policy=WEEKS)
        live(street, happenings)
        for member in ("noor", "bram"):
            held = {
                asset: Decimal(street.balance(f"acc-{member}", asset)).scaleb(-6)
                for asset in ("ENERGY", "WASTE")
            }
            before: dict[str, Decimal] = {}
            earned = dict.fromkeys(held, Decimal(0))
            for period in cut(cuts):
                found = booked(street, member, period)
                assert {a: n for a, n in before.items() if n} == {
                    a: Decimal(n) for a, n in found["opening"].items() if Decimal(n)
                }
                after = {a: Decimal(n) for a, n in found["opening"].items()}
                for line in found["lines"]:
                    after[line["asset"]] += Decimal(line["amount"])
                    assert after[line["asset"]] == Decimal(line["balance"])
                assert after == {a: Decimal(n) for a, n in found["closing"].items()}
                before = after
                for asset, amount in told(street, member, period)["sums"].items():
                    earned[asset] += Decimal(amount)
            assert held == {**dict.fromkeys(held, Decimal(0)), **before}
            assert held == earned
