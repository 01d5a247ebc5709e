"""What is told of each deposit: its share by figures worked out by hand, and why it is no more."""

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.cards import token
from gateway.contract.credit import Credit
from gateway.contract.record import CORRECTION, Element
from ledger_bridge import told
from ledger_bridge.books.registry.edits import CardGiven, DepositDecided, ScaleVerified
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.told import credits_of
from tests.street import CARD_KEY, ID, NOON_MS, POLICY, Chain, Street, deposit_id

MINUTE_MS = 60_000


def name(number: int) -> str:
    """What the point calls the deposit that is its record with this number, from 0 on."""
    return deposit_id("point", number)


def news(street: Street) -> list[tuple[str, ...]]:
    """What there is to tell since the last time, oldest first."""
    found = credits_of(street.community, street.community.derivation.waste.take_changed())
    return [(one.deposit, one.state, one.amount, one.asset, one.en) for one in reversed(found)]


def correction(chain: Chain, deposit: str, fraction: str, by: str, at_ms: int) -> bytes:
    elements = [
        Element(n="kiosk/deposit", vs=deposit),
        Element(n="kiosk/fraction", vs=fraction),
        Element(n="kiosk/by", vs=by),
    ]
    return chain.record(elements, made_ms=at_ms, typ=CORRECTION)


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def test_each_deposit_is_told_its_share_until_the_cap_of_the_day(street):
    # 0.05 a kg and at most 1 a day: 12 kg are 0.6, of the next 12 kg 0.4 are left, then nothing.
    point = Chain("point")
    full = "The most for one day has been reached; what is more is counted and earns nothing."
    for n, expected in enumerate(
        [
            ("credited", "0.600000", "WASTE", ""),
            ("credited", "0.400000", "WASTE", full),
            ("counted", "", "", full),
        ]
    ):
        street.take("point", point.deposit(NOON_MS + n, grams=12_000))
        assert [(name(n), *expected)] == news(street)
    assert 1_000_000 == street.balance("acc-noor", "WASTE")


def test_a_deposit_that_earns_nothing_says_why_in_both_languages(street):
    point = Chain("point")
    street.take(
        "point",
        point.deposit(NOON_MS, grams=2_000, fraction="paper"),
        point.deposit(NOON_MS + 1, grams=2_000, fraction="tins"),
    )
    told_ = credits_of(street.community, street.community.derivation.waste.take_changed())
    expected = [
        Credit(
            ID,
            "point",
            name(1),
            "counted",
            nl="Deze afvalsoort staat niet in de spelregels; hij telt mee en levert niets op.",
            en="No rule knows this kind of waste; it is counted and earns nothing.",
        ),
        Credit(
            ID,
            "point",
            name(0),
            "counted",
            nl="Deze soort telt mee en levert niets op.",
            en="This kind is counted and earns nothing.",
        ),
    ]
    assert expected == told_


def test_less_than_the_smallest_amount_is_counted_with_what_follows(tmp_path):
    # A ten-millionth of a credit per gram: 9 g earn nothing yet, 1 g more makes a microcredit.
    street = Street(tmp_path, policy=POLICY.replace('"0.05"', '"0.0001"'))
    point = Chain("point")
    street.take(
        "point",
        point.deposit(NOON_MS, grams=9),
        point.deposit(NOON_MS + 1, grams=1),
    )
    little = "Too little for the smallest amount; it counts together with what follows."
    expected = [
        (name(0), "counted", "", "", little),
        (name(1), "credited", "0.000001", "WASTE", ""),
    ]
    assert expected == news(street)


def test_a_deposit_of_nobody_is_held_and_told_again_when_it_is_claimed(street):
    point = Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=2_000, card="found on the street"))
    assert [(name(0), "held")] == [one[:2] for one in news(street)]
    street.edit(CardGiven(token("found on the street", CARD_KEY), "bram"))
    street.community.settle(NOON_MS)
    assert [(name(0), "credited", "0.100000", "WASTE", "")] == news(street)


def test_what_is_corrected_taken_back_or_decided_is_told_again(street):
    point = Chain("point")
    street.take(
        "point", *(point.deposit(NOON_MS + n, grams=2_000, fraction="paper") for n in range(3))
    )
    news(street)
    later_ms = NOON_MS + MINUTE_MS
    street.take("point", correction(point, name(0), "glass", "operator", later_ms))
    assert [(name(0), "credited", "0.100000", "WASTE", "")] == news(street)
    street.take("point", correction(point, name(1), "", "member", later_ms))
    taken = "Taken back at the recycling point."
    assert [(name(1), "withdrawn", "", "", taken)] == news(street)
    street.edit(DepositDecided("point", name(2), is_accepted=False, reason="stones"))
    street.community.settle(NOON_MS)
    void = "A steward decided that this does not count."
    assert [(name(2), "withdrawn", "", "", void)] == news(street)


def test_nothing_is_told_of_what_did_not_change(street):
    point = Chain("point")
    deposit = point.deposit(NOON_MS, grams=2_000)
    street.take("point", deposit)
    assert 1 == len(news(street))
    street.take("point", deposit)
    street.edit(CardGiven(token("another", CARD_KEY), "bram"))
    assert [] == news(street)


def test_no_more_than_the_newest_are_told_of_at_once(street, monkeypatch):
    monkeypatch.setattr(told, "TOLD_MAX", 2)
    point = Chain("point")
    street.take("point", *(point.deposit(NOON_MS + n, grams=2_000) for n in range(3)))
    assert [name(1), name(2)] == [one[0] for one in news(street)]


def test_an_unverified_scale_takes_nothing_of_what_can_be_redeemed(tmp_path):
    # At most 1 a day: 12 kg are 0.6, whatever was weighed before the scale was verified.
    toml = POLICY.replace("[assets.WASTE]", "[assets.WASTE]\nredeemable = true")
    street, point = Street(tmp_path, policy=toml), Chain("point")
    from_ms = NOON_MS + MINUTE_MS
    street.edit(
        ScaleVerified("point", "scale", "K1", "III", 5_000, 60_000_000, from_ms, from_ms * 2)
    )
    street.take(
        "point",
        point.deposit(NOON_MS, grams=12_000),
        point.deposit(from_ms, grams=12_000),
    )
    why = "Not weighed on a verified scale: it earns nothing that can be redeemed."
    expected = [
        (name(0), "counted", "", "", why),
        (name(1), "credited", "0.600000", "WASTE", ""),
    ]
    assert expected == news(street)
    assert 600_000 == street.balance("acc-noor", "WASTE")


def test_a_statement_shows_each_deposit_with_its_share(street):
    point = Chain("point")
    street.take("point", *(point.deposit(NOON_MS + n, grams=12_000) for n in range(2)))
    found = statement(
        street.community.db,
        ID,
        "noor",
        "2026-06-21",
        registry=street.community.registry,
        policies=street.community.policies,
    )
    shown = [(one["credit"], one["asset"]) for one in found["deposits"]]
    assert [("0.600000", "WASTE"), ("0.400000", "WASTE")] == shown


@settings(max_examples=30, deadline=None)
@given(
    brought=st.lists(
        st.tuples(
            st.integers(0, 40 * 24),
            st.integers(1, 40_000),
            st.sampled_from(["glass", "paper"]),
            st.sampled_from(["A", "B", "nobody's"]),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_all_shares_together_are_what_is_in_the_accounts(brought):
    toml = POLICY.replace("2026-06-21", "2026-06-15").replace("1 per day", "3.5 per 4 weeks")
    with tempfile.TemporaryDirectory() as folder:
        street, point = Street(Path(folder), policy=toml), Chain("point")
        street.take(
            "point",
            *(
                point.deposit(NOON_MS + hour * 3_600_000, grams=grams, fraction=kind, card=card)
                for hour, grams, kind, card in brought
            ),
        )
        told_ = credits_of(street.community, street.community.derivation.waste.take_changed())
        shared = sum(int(Decimal(one.amount or 0) * 10**6) for one in told_)
        held = sum(street.balance(account, "WASTE") for account in ("acc-noor", "acc-bram"))
        assert held == shared
        assert len(brought) == len(told_)
