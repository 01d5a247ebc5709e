"""What the inbox does with deliveries that are not what they should be: nothing to any balance."""

import gc

import pytest

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.receipt import Receipt
from gateway.contract.record import Element
from gateway.contract.signed import digest
from ledger_bridge import inbox
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.heads import Believed
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def one_kwh(chain: Chain) -> list[bytes]:
    """Three quarter-hours with 600 and 900 Wh in between: 1.5 kWh."""
    return [
        chain.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=wh)
        for n, wh in ((40, 1000), (41, 1600), (42, 2500))
    ]


HALF_A_CREDIT = 500_000


def test_evidence_in_order_becomes_a_credit(street):
    street.take("home", *one_kwh(Chain("home")))
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")
    assert -HALF_A_CREDIT == street.balance("pot", "ENERGY")


def test_the_receipt_names_the_last_record_stored_without_a_gap(street):
    data = one_kwh(Chain("home"))
    delivery = street.take("home", data[0], data[2])
    expected = Receipt(ID, "home", "evidence-000000000001", 1, digest(data[0]), NOON_MS)
    assert [expected] == delivery.receipts


def test_a_record_ahead_of_a_gap_counts_once_the_gap_is_filled(street):
    first, second, third = one_kwh(Chain("home"))
    street.take("home", third)
    street.take("home", first)
    assert 0 == street.balance("acc-noor", "ENERGY")
    delivery = street.take("home", second)
    assert 3 == delivery.receipts[0].up_to
    assert HALF_A_CREDIT == street.balance("acc-noor", "ENERGY")


def test_a_repeated_delivery_changes_nothing_and_is_receipted_again(street):
    data = one_kwh(Chain("home"))
    street.take("home", *data)
    before = list(street.community.db.iterdump())
    delivery = street.take("home", *data, *data)
    assert 3 == delivery.receipts[0].up_to
    assert 6 == delivery.repeated
    assert before == list(street.community.db.iterdump())


def test_no_record_stays_in_memory_once_its_batch_is_stored(street):
    gc.collect()  # what other tests have left
    street.take("home", *one_kwh(Chain("home")), b"nothing of ours")
    assert [] == [one for one in gc.get_objects() if type(one) is Believed]


def odd_deliveries():
    chain = Chain("home")
    good = chain.quarter(MIDNIGHT_MS, export_wh=9_000_000)
    forged = good.replace(b'"v":9000000', b'"v":9900000')
    assert forged != good
    other = Chain("home")
    other.key = key("burglar")
    foreign = Chain("home")
    foreign.community = "elders"
    stranger = Chain("stranger")
    stranger.key = key("home")
    far = Chain("home")
    return {
        "one digit changed": ("home", forged, inbox.FORGED),
        "signed by another": ("home", other.quarter(MIDNIGHT_MS, export_wh=1), inbox.STRANGE_KEY),
        "another community": ("home", foreign.quarter(MIDNIGHT_MS, export_wh=1), inbox.FOREIGN),
        "unknown gateway": ("stranger", stranger.quarter(MIDNIGHT_MS, export_wh=1), inbox.UNKNOWN),
        "another's topic": ("point", good, inbox.UNKNOWN),
        "noise": ("home", b"\xff\x00\n..", inbox.MALFORMED),
        "one line": ("home", b"[]", inbox.MALFORMED),
        "too large": ("home", b"[" + b" " * 70_000 + b"]\n..", inbox.MALFORMED),
        "far ahead": ("home", far.record([], made_ms=NOON_MS, seq=1002), inbox.TOO_FAR),
    }


@pytest.mark.parametrize(
    ("gateway", "data", "reason"), odd_deliveries().values(), ids=odd_deliveries()
)
def test_an_odd_delivery_is_refused_with_its_reason(street, gateway, data, reason):
    delivery = street.take(gateway, data)
    assert [(gateway, reason)] == delivery.refused
    assert 0 == delivery.stored
    assert 0 == street.balance("acc-noor", "ENERGY")
    counted = street.community.db.execute("SELECT reason, count FROM rejected").fetchall()
    assert [(reason, 1)] == counted


def test_a_record_of_an_unknown_kind_is_stored_and_receipted(street):
    chain = Chain("home")
    data = chain.record([Element(n="hall/1-0:2.8.1", vs="?")], made_ms=NOON_MS, typ="mk-dream-v9")
    delivery = street.take("home", data)
    assert 1 == delivery.receipts[0].up_to
    assert 0 == street.balance("acc-noor", "ENERGY")


def test_two_records_under_one_number_hold_the_chain(street):
    data = one_kwh(Chain("home"))
    twin = Chain("home").quarter(MIDNIGHT_MS + 40 * QUARTER_MS, export_wh=7)
    street.take("home", data[0])
    assert [("home", inbox.FORKED)] == street.take("home", twin).refused
    assert [("home", inbox.HELD)] == street.take("home", data[1]).refused
    assert [(twin,)] == street.community.db.execute("SELECT data FROM fork").fetchall()
    assert 0 == street.balance("acc-noor", "ENERGY")


def test_a_link_that_does_not_fit_holds_the_chain_and_does_not_count(street):
    data = one_kwh(Chain("home"))
    astray = Chain("home").record([], made_ms=NOON_MS, prev="f" * 64, seq=2)
    delivery = street.take("home", data[0], astray)
    assert 1 == delivery.receipts[0].up_to
    assert [("home", inbox.FORKED)] == street.take("home", data[1]).refused
    assert 0 == street.balance("acc-noor", "ENERGY")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_number_forms_that_are_not_exact_are_not_read():
    chain = Chain("home")
    good = chain.quarter(MIDNIGHT_MS, export_wh=5)
    line = good.partition(b"\n")[0].replace(b'"v":5', b'"v":5e3')
    odd = signed.sign(line, typ=records.QUARTER, key=key("home"))
    _, record = records.parse(odd)
    with pytest.raises(signed.Malformed, match="5e3"):
        records.milli(record.elements[0].v)
