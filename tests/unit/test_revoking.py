"""A revoked gateway: what it says is stored and shown, and counts for nothing from a number on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import PeopleError
from ledger_bridge.books.facts.keyring import chains_begun
from ledger_bridge.books.registry.edits import GatewayRekeyed, GatewayRevoked
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.verify.verify import verify
from tests.point import Point
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

EVIDENCE = "evidence-000000000001"
NEW = key("the new one")
# By the policy of the street a third of a credit per kWh, a twentieth per kg.
HALF_A_CREDIT = 500_000


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def check(street):
    return verify(street.community.db, ID, log_key=key("log").public, progress=str)


def revoke(street, gateway="home", **from_):
    named = {chain.replace("_", "-"): first for chain, first in from_.items()}
    chains = chains_begun(street.community.db, ID, gateway) | named
    street.edit(GatewayRevoked(gateway, tuple(sorted(chains.items())), "stolen"))
    street.community.settle(NOON_MS)


def rekey(street, gateway="home"):
    chains = chains_begun(street.community.db, ID, gateway)
    street.edit(GatewayRekeyed(gateway, NEW.public.x, tuple(sorted(chains.items()))))
    street.community.settle(NOON_MS)


def count(home: Chain, quarter: int, wh: int) -> bytes:
    return home.quarter(MIDNIGHT_MS + quarter * QUARTER_MS, export_wh=wh)


def energy(street) -> int:
    return street.balance("acc-noor", "ENERGY")


def verdicts(street, table="counter"):
    rows = street.community.db.execute(f"SELECT verdict FROM {table} ORDER BY at_ms, chain, seq")
    return [verdict for (verdict,) in rows]


def test_what_comes_after_the_revocation_is_stored_receipted_and_not_credited(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0), count(home, 1, 1_500))
    revoke(street)
    delivery = street.take("home", count(home, 2, 9_000))
    assert (1, [], [3]) == (delivery.stored, delivery.refused, [r.up_to for r in delivery.receipts])
    assert HALF_A_CREDIT == energy(street)
    assert ["first", "", "revoked"] == verdicts(street)
    assert "revoked" in sentences.COUNTER["revoked"][0]
    check(street)


def test_from_an_earlier_number_on_what_was_credited_is_taken_back(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0), count(home, 1, 1_500), count(home, 2, 3_000))
    assert 2 * HALF_A_CREDIT == energy(street)
    revoke(street, evidence_000000000001=3)
    assert HALF_A_CREDIT == energy(street)
    assert ["first", "", "revoked"] == verdicts(street)
    check(street)


def test_a_chain_that_begins_later_does_not_count_either(street):
    street.take("home", count(Chain("home"), 0, 0))
    revoke(street)
    other = Chain("home", "evidence-000000000002")
    street.take("home", count(other, 1, 1_500), count(other, 2, 3_000))
    assert 0 == energy(street)
    assert ["first", "revoked", "revoked"] == verdicts(street)
    check(street)


def test_another_key_counts_again_from_where_the_meter_was_believed_last(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0), count(home, 1, 1_500))
    revoke(street)
    street.take("home", count(home, 2, 900_000))
    rekey(street)
    # The meter itself went on: 1.5 kWh since what was believed last, and nothing of what was said
    # in between.
    successor = Chain("home", "evidence-000000000009")
    successor.key = NEW
    street.take("home", count(successor, 3, 3_000))
    assert 2 * HALF_A_CREDIT == energy(street)
    assert ["first", "", "revoked", ""] == verdicts(street)
    check(street)


def test_who_has_the_old_key_counts_for_nothing_after_the_gateway_has_another(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0))
    revoke(street)
    rekey(street)
    refused = street.take("home", count(home, 1, 1_500)).refused
    assert [("home", "signed by a key of other numbers")] == refused
    thief = Chain("home", "evidence-000000000002")
    assert street.take("home", count(thief, 1, 1_500)).refused
    assert 0 == energy(street)
    check(street)


def test_a_thief_who_hands_the_key_over_to_another_does_not_get_round_it(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0))
    revoke(street)
    street.take("home", home.hand_over(key("the thief's")), count(home, 1, 1_500))
    assert 0 == energy(street)
    rekey(street)
    assert street.take("home", count(home, 2, 3_000)).refused
    assert 0 == energy(street)
    check(street)


def test_a_gateway_can_be_revoked_once_more(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0))
    revoke(street)
    rekey(street)
    home.key = NEW
    street.take("home", count(home, 1, 1_500))
    assert HALF_A_CREDIT == energy(street)
    revoke(street)
    street.take("home", count(home, 2, 3_000))
    assert HALF_A_CREDIT == energy(street)
    check(street)


def test_deposits_at_a_revoked_point_are_shown_and_not_credited(street):
    point = Point()
    street.take("point", point.deposit(NOON_MS, grams=2_000))
    assert 100_000 == street.balance("acc-noor", "WASTE")
    revoke(street, "point")
    street.take("point", point.deposit(NOON_MS + 60_000, grams=2_000))
    assert 100_000 == street.balance("acc-noor", "WASTE")
    assert ["", "revoked"] == verdicts(street, "deposit")
    check(street)


def test_a_revoked_point_cannot_take_a_deposit_of_before_away(street):
    street.take("point", Point().bring("bag", grams=2_000, card="A"))
    revoke(street, "point")
    thief = Point(chain="evidence-000000000002")
    # Under the same id and dated before it, and taken back.
    street.take("point", thief.bring("bag", NOON_MS - 1_000, grams=1_000, card="A"))
    street.take("point", thief.correct("bag", NOON_MS + 1_000, by="operator"))
    assert 100_000 == street.balance("acc-noor", "WASTE")
    assert ["revoked", ""] == verdicts(street, "deposit")
    assert ["revoked"] == verdicts(street, "correction")
    check(street)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_whenever_it_is_revoked_the_same_numbers_count(tmp_path_factory, chance, first):
    street = Street(tmp_path_factory.mktemp("street"))
    home = Chain("home")
    data = [count(home, n, n * 1_500) for n in range(5)]
    cut = chance.randrange(6)
    street.take("home", *data[:cut])
    street.edit(GatewayRevoked("home", ((EVIDENCE, first),), "stolen"))
    street.community.settle(NOON_MS)
    street.take("home", *data[cut:])
    # Each count but the first of the meter is half a credit.
    assert max(0, min(5, first - 1) - 1) * HALF_A_CREDIT == energy(street)
    check(street)


@pytest.mark.parametrize(
    ("what", "edit"),
    [
        ("no gateway 'shed'", GatewayRevoked("shed", (), "")),
        ("numbers of a chain begin with 1", GatewayRevoked("home", ((EVIDENCE, 0),), "")),
        ("numbers of a chain begin with 1", GatewayRevoked("home", (("Chain", 1),), "")),
    ],
)
def test_what_cannot_be_revoked_is_told_and_changes_nothing(street, what, edit):
    before = street.community.registry
    with pytest.raises(PeopleError) as refused:
        street.edit(edit)
    assert what == refused.value.problems[0].what
    assert before == street.community.registry


def test_the_books_opened_anew_know_it(street):
    home = Chain("home")
    street.take("home", count(home, 0, 0))
    revoke(street)
    street.open()
    street.take("home", count(home, 1, 1_500))
    assert 0 == energy(street)
    assert street.community.registry.is_barred("home")
    rekey(street)
    assert not street.community.registry.is_barred("home")
