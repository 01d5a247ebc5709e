"""Charges for waste, and days with waste that are only counted: by figures worked out by hand."""

import pytest

from ledger_bridge.books.registry.edits import DepositDecided
from ledger_bridge.books.telling.recycling import deposits_of
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, NOON_MS, POLICY, Chain, Street, deposit_id, key

DAY = "2026-06-21"
DAY_MS = 86_400_000

BAGS = (
    POLICY.replace("valid_from = 2026-06-21", "valid_from = 2026-06-15")
    + """
[assets.EUR]
unit = "euro"
scale = 2
kind = "money"

[assets.TIMES]
unit = "time"
kind = "counter"

[[rules]]
id = "bags"
rule = "waste_charged"
version = 1
asset = "EUR"
service = "the cargo bike"
cap = "4 per day"
rates.glass = { credit = "1.50", per = "1 bag" }
rates.paper = { credit = "0.333", per = "1 kg" }

[[rules]]
id = "days"
rule = "participation"
version = 1
asset = "TIMES"
fractions = ["glass", "paper"]
cap = "2 per week"
"""
)


# Only that somebody came counts.
DAYS = """
community = "straat"
valid_from = 2026-06-15
time_zone = "Europe/Amsterdam"

[assets.TIMES]
unit = "time"
kind = "counter"

[fractions]
glass = { euralcode = "15 01 07", unit = "kg", nl = "glas", en = "glass" }
paper = { euralcode = "15 01 01", unit = "kg", nl = "papier", en = "paper" }

[[rules]]
id = "days"
rule = "participation"
version = 1
asset = "TIMES"
fractions = ["glass", "paper"]
"""


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path, policy=BAGS)


def bring(street: Street, point: Chain, at_ms: int, **what: object) -> None:
    street.take("point", point.deposit(at_ms, **what))
    log_key = key("log").public
    verify(street.community.db, ID, log_key=log_key, progress=lambda _: None)


def told(street: Street) -> list[tuple[str, str, str]]:
    found = deposits_of(
        street.community.db, ID, "noor", (DAY, DAY), policies=street.community.policies
    )
    return [(one["credit"], one["asset"], one["sentence"]) for one in found]


def test_a_charge_is_below_zero_and_what_is_left_over_is_the_members(street):
    """A bag is 1.50 euro; 100 g of paper at 0.333 a kg are 0.0333, of which 3 cents are asked."""
    point = Chain("point")
    bring(street, point, NOON_MS, grams=12_000)
    assert -150 == street.balance("acc-noor", "EUR")
    bring(street, point, NOON_MS + 1, grams=100, fraction="paper")
    assert -153 == street.balance("acc-noor", "EUR")
    assert 153 == street.balance("pot", "EUR")


def test_the_cap_bounds_what_a_day_costs(street):
    """Invariant 21 (ledger). Three bags would be 4.50; the cap is 4."""
    point = Chain("point")
    for n in range(3):
        bring(street, point, NOON_MS + n, grams=1_000)
    assert -400 == street.balance("acc-noor", "EUR")


def test_a_charge_goes_back_when_a_steward_says_that_the_deposit_does_not_count(street):
    point = Chain("point")
    bring(street, point, NOON_MS, grams=1_000)
    bring(street, point, NOON_MS + 1, grams=1_000)
    street.edit(
        DepositDecided("point", deposit_id("point", 0), is_accepted=False, reason="a broken bag")
    )
    street.community.settle(NOON_MS)
    assert -150 == street.balance("acc-noor", "EUR")


def test_a_day_counts_once_whatever_was_brought_and_a_week_has_its_cap(street):
    """Glass and paper on one day are one time; of three days of a week two count."""
    point = Chain("point")
    bring(street, point, NOON_MS - 3 * DAY_MS, grams=1_000)
    bring(street, point, NOON_MS - 3 * DAY_MS + 1, grams=1_000, fraction="paper")
    assert 1 == street.balance("acc-noor", "TIMES")
    bring(street, point, NOON_MS - 2 * DAY_MS, grams=1_000, fraction="paper")
    bring(street, point, NOON_MS, grams=1_000)
    assert 2 == street.balance("acc-noor", "TIMES")


def test_a_deposit_says_what_it_earned_first_and_that_something_is_asked(street):
    """2 kg of glass earn 0.1 WASTE; 400 g of paper earn nothing and cost 0.1332 euro."""
    point = Chain("point")
    bring(street, point, NOON_MS, grams=2_000)
    bring(street, point, NOON_MS + 1, grams=400, fraction="paper")
    asked = "The rules ask something for this kind."
    assert [("0.100000", "WASTE", asked), ("-0.13", "EUR", asked)] == told(street)


def test_a_second_deposit_of_a_day_says_that_the_day_is_counted(tmp_path):
    street = Street(tmp_path, policy=DAYS)
    point = Chain("point")
    bring(street, point, NOON_MS, grams=2_000)
    bring(street, point, NOON_MS + 1, grams=400, fraction="paper")
    expected = [("1", "TIMES", ""), ("", "", "This day is counted already.")]
    assert expected == told(street)
