"""Records that a gateway no longer has: a chain goes on over them, and over nothing else."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import record as records
from gateway.contract.record import Element
from gateway.contract.signed import digest
from ledger_bridge import inbox
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

SAMPLES = "samples-000000000001"
EVIDENCE = "evidence-000000000001"


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def check(street):
    return verify(street.community.db, ID, log_key=key("log").public, progress=str)


def some(chain: Chain, count: int) -> list[bytes]:
    return [chain.record([], made_ms=NOON_MS) for _ in range(count)]


def head(street, chain=EVIDENCE):
    row = street.community.db.execute(
        "SELECT up_to, held FROM chain WHERE gateway = 'home' AND chain = ?", (chain,)
    )
    return row.fetchone()


def test_a_head_goes_over_what_is_lost_and_on(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    ten = some(samples, 10)
    street.take("home", *ten[:2], *ten[7:])
    assert (2, "") == head(street, SAMPLES)
    delivery = street.take("home", home.lost(SAMPLES, 3, 7, digest(ten[6])))
    assert (10, "") == head(street, SAMPLES)
    assert [(EVIDENCE, 1), (SAMPLES, 10)] == [(r.chain, r.up_to) for r in delivery.receipts]
    check(street)


def test_a_lost_record_counts_before_it_is_linked_and_however_far_ahead_it_is(street):
    home = Chain("home")
    all_of_it = some(home, 3_000)
    said = home.lost(EVIDENCE, 11, 2_000, digest(all_of_it[1_999]))
    street.take("home", *all_of_it[:10])
    assert (10, "") == head(street)
    delivery = street.take("home", said)
    assert [2_000] == [receipt.up_to for receipt in delivery.receipts]
    street.take("home", *all_of_it[2_000:2_003])
    assert (2_003, "") == head(street)
    check(street)


def test_what_follows_the_lost_ones_must_follow_their_last(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    four = some(samples, 4)
    street.take("home", four[0], home.lost(SAMPLES, 2, 3, "a" * 64), four[3])
    assert (3, "record 4 does not follow record 3") == head(street, SAMPLES)
    check(street)


def test_a_range_that_begins_beyond_the_head_waits_for_it(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    six = some(samples, 6)
    street.take("home", six[0], home.lost(SAMPLES, 4, 5, digest(six[4])), six[5])
    assert (1, "") == head(street, SAMPLES)
    street.take("home", six[2], six[1])
    assert (6, "") == head(street, SAMPLES)
    check(street)


def test_what_is_there_is_not_gone_over(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    six = some(samples, 6)
    street.take("home", *six[:3], home.lost(SAMPLES, 2, 5, digest(six[4])))
    assert (5, "") == head(street, SAMPLES)
    passed = street.community.db.execute("SELECT passed_from FROM lost").fetchall()
    assert [(4,)] == passed
    check(street)


def test_of_two_ranges_the_one_that_leaves_more_is_gone_over(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    six = some(samples, 6)
    wide = home.lost(SAMPLES, 2, 6, digest(six[5]))
    street.take("home", wide, home.lost(SAMPLES, 2, 3, digest(six[2])), six[3], six[0])
    assert (6, "") == head(street, SAMPLES)
    passed = street.community.db.execute("SELECT passed_from FROM lost ORDER BY last").fetchall()
    assert [(2,), (5,)] == passed
    check(street)


def test_what_comes_after_its_chain_went_over_it_is_refused(street):
    home = Chain("home")
    first = home.quarter(MIDNIGHT_MS, export_wh=0)
    late = home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000)
    last = home.quarter(MIDNIGHT_MS + 2 * QUARTER_MS, export_wh=3_000)
    said = home.lost(EVIDENCE, 2, 3, digest(last))
    street.take("home", first, said)
    delivery = street.take("home", late)
    assert [("home", inbox.DECLARED_LOST)] == delivery.refused
    assert [4] == [receipt.up_to for receipt in delivery.receipts]
    assert [("home", inbox.DECLARED_LOST)] == street.take("home", last).refused
    assert 0 == street.balance("acc-noor", "ENERGY")
    check(street)


def test_a_chain_of_which_nothing_came_can_begin_with_what_is_lost(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    three = some(samples, 3)
    street.take("home", home.lost(SAMPLES, 1, 2, digest(three[1])), three[2])
    assert (3, "") == head(street, SAMPLES)
    check(street)


def odd_losses():
    home = Chain("home")
    fine = home.lost(SAMPLES, 1, 2, "a" * 64)
    _, record = records.parse(fine)
    return {
        "itself": Chain("home").lost(EVIDENCE, 1, 1, "a" * 64),
        "what comes after it": Chain("home").lost(EVIDENCE, 1, 9, "a" * 64),
        "nothing": Chain("home").record([], made_ms=NOON_MS, typ=records.LOST),
        "no range": Chain("home").record(
            [*record.elements, Element(n="journal/first", v=b"9")],
            made_ms=NOON_MS,
            typ=records.LOST,
        ),
    }


@pytest.mark.parametrize("data", odd_losses().values(), ids=odd_losses())
def test_what_cannot_be_lost_is_stored_and_moves_nothing(street, data):
    assert 1 == street.take("home", data).stored
    assert (1, "") == head(street)
    assert [] == street.community.db.execute("SELECT * FROM lost").fetchall()
    check(street)


def test_what_was_lost_in_a_batch_that_failed_is_said_again(street, monkeypatch):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    three = some(samples, 3)
    said = home.lost(SAMPLES, 2, 2, digest(three[1]))
    with monkeypatch.context() as patched:
        patched.setattr(street.community.derivation, "add", None)
        with pytest.raises(TypeError):
            street.take("home", said)
    street.take("home", three[0], three[2])
    assert (1, "") == head(street, SAMPLES)
    street.take("home", said)
    assert (3, "") == head(street, SAMPLES)
    check(street)


def test_another_gateways_chain_is_not_gone_over(street):
    samples = Chain("home", SAMPLES)
    street.take("home", *some(samples, 1))
    street.take("point", Chain("point").lost(SAMPLES, 2, 9, "a" * 64))
    assert (1, "") == head(street, SAMPLES)


def test_a_chain_that_is_held_goes_over_nothing(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    street.take("home", *some(samples, 1), Chain("home", SAMPLES).record([], made_ms=1))
    assert (1, "two records under number 1") == head(street, SAMPLES)
    street.take("home", home.lost(SAMPLES, 2, 9, "a" * 64))
    assert (1, "two records under number 1") == head(street, SAMPLES)
    check(street)


def test_the_books_of_an_older_program_are_read_without_what_was_gone_over(street):
    home = Chain("home")
    first = home.quarter(MIDNIGHT_MS, export_wh=0)
    home.record([], made_ms=NOON_MS)
    aside = home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000)
    last = home.record([], made_ms=NOON_MS)
    street.take("home", first, aside, home.lost(EVIDENCE, 2, 4, digest(last)))
    assert (5, "") == head(street)
    db = street.community.db
    db.execute("DELETE FROM counter")
    db.execute("INSERT INTO unread VALUES (?)", (ID,))
    db.close()
    street.open()
    street.community.settle(NOON_MS)
    assert 0 == street.balance("acc-noor", "ENERGY")
    check(street)


TAMPERINGS = {
    "a jump that nobody declared": "DELETE FROM lost",
    "a jump from elsewhere": "UPDATE lost SET passed_from = passed_from + 1",
    "a jump to elsewhere": "UPDATE lost SET last = last + 1",
    "a jump that is kept still": "UPDATE lost SET passed_from = NULL",
    "another reason": "UPDATE lost SET why = 'unreadable'",
    "a record put back": "INSERT INTO lost SELECT community, gateway, chain, 1, 1, digest, why,"
    " by_chain, 9, NULL FROM lost",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_verify_names_a_jump_that_is_not_as_it_was_declared(street, statement):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    ten = some(samples, 10)
    street.take("home", *ten[:2], home.lost(SAMPLES, 3, 7, digest(ten[6])), *ten[7:])
    check(street)
    street.community.db.execute(statement)
    with pytest.raises(Differs):
        check(street)


def test_verify_names_a_head_that_was_put_back_before_what_is_lost(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    ten = some(samples, 10)
    street.take("home", *ten[:2], home.lost(SAMPLES, 3, 7, digest(ten[6])), *ten[7:])
    db = street.community.db
    db.execute("UPDATE lost SET passed_from = NULL")
    db.execute("UPDATE chain SET up_to = 2, digest = ? WHERE chain = ?", (digest(ten[1]), SAMPLES))
    with pytest.raises(Differs, match="it stops before 3, which is said to be lost"):
        check(street)


def test_verify_names_a_jump_over_what_is_there(street):
    home, samples = Chain("home"), Chain("home", SAMPLES)
    five = some(samples, 5)
    street.take("home", *five, home.lost(SAMPLES, 2, 3, digest(five[2])))
    check(street)
    street.community.db.execute("UPDATE lost SET passed_from = 2")
    with pytest.raises(Differs, match="it went over 2 and did not come there"):
        check(street)


def deliveries() -> list[bytes]:
    """A chain of quarter-hours; 4 to 6 of them and 9 are lost and said so by 12 and by 14."""
    home = Chain("home")
    data = [home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=n * 100) for n in range(11)]
    data.append(home.lost(EVIDENCE, 4, 6, digest(data[5])))
    data.append(home.quarter(MIDNIGHT_MS + 13 * QUARTER_MS, export_wh=1_500))
    data.append(home.lost(EVIDENCE, 9, 9, digest(data[8])))
    return [one for seq, one in enumerate(data, start=1) if seq not in {4, 5, 6, 9}]


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_of_arrival_gives_the_same(tmp_path_factory, chance: random.Random, batches):
    street = Street(tmp_path_factory.mktemp("books"))
    data = deliveries() * 2
    chance.shuffle(data)
    for n in range(batches):
        street.take("home", *data[n::batches])
    # 1.5 kWh from the first to the last count: a third of a credit for each kWh.
    assert (14, "") == head(street)
    assert 500_000 == street.balance("acc-noor", "ENERGY")
    check(street)
    street.community.db.close()
