"""From a credit back to the bytes, and statements that say what was measured and credited."""

import zlib

import pytest

from drivers.reading import Reading
from gateway.contract import record as records
from gateway.contract.errors import PeopleError
from gateway.contract.keys import b64
from gateway.contract.record import Element
from ledger_bridge.books.telling.balances import balances
from ledger_bridge.books.telling.recycling import held_deposits
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.books.telling.why import why
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street


@pytest.fixture
def street(tmp_path):
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    for n, wh in enumerate((1_000, 1_300, 1_900)):
        at_ms = MIDNIGHT_MS + (40 + n) * QUARTER_MS
        reading = Reading("1-0:2.8.1", wh * 1_000, "mWh", at_ms, "E1")
        telegram = f"/XMX5\r\n\r\n1-0:2.8.1({wh / 1000:010.3f}*kWh)\r\n!\r\n".encode()
        pack = [
            records.element("hall", reading, base_ms=at_ms),
            Element(n="hall/telegram", vd=b64(zlib.compress(telegram))),
        ]
        street.take("home", home.record(pack, made_ms=at_ms))
    street.take("point", point.deposit(NOON_MS, grams=2_500))
    street.take("point", point.deposit(NOON_MS + 1, grams=700, card="nobody's"))
    return street


def ask(street, booking):
    return why(
        street.community.db,
        ID,
        booking,
        registry=street.community.registry,
        policies=street.community.policies,
    )


def test_a_credit_leads_to_its_rule_its_quarters_its_record_and_its_telegram(street):
    found = ask(street, 2)
    assert {"rule": "sun", "member": "noor", "period": "2026-06-21"} == found["claim"]
    # 900 Wh at 1/3 credit per kWh, of which 300 Wh were credited before.
    assert ("0.100000", "0.300000", "0.200000") == (
        found["due_before"],
        found["due"],
        found["credit"],
    )
    assert (
        "1/3 ENERGY per kWh given back (1-0:2.8.1, 1-0:2.8.2), at most 20 a day"
        == found["policy"]["rule"]
    )
    assert [0, 300_000, 600_000] == [one["counts"] for one in found["evidence"]]
    assert "The first count of this meter" in found["evidence"][0]["sentence"]
    assert {"self-reported"} == {one["grade"] for one in found["evidence"]}
    assert "home/evidence-000000000001/3" == found["record"]["id"]
    assert "/XMX5\r\n\r\n1-0:2.8.1(000001.900*kWh)\r\n!\r\n" == found["record"]["telegram"]


def test_a_credit_for_waste_leads_to_the_line_of_the_scale(street):
    found = ask(street, 3)
    assert "0.125000" == found["credit"]
    assert "S S      2.500 kg\r\n" == found["record"]["telegram"]


def test_a_booking_that_is_not_there_is_named(street):
    with pytest.raises(PeopleError, match="no booking 99"):
        ask(street, 99)


def test_a_statement_says_what_was_measured_and_credited(street):
    found = statement(
        street.community.db,
        ID,
        "noor",
        "2026-06-21",
        registry=street.community.registry,
        policies=street.community.policies,
    )
    sun, waste = found["lines"]
    assert ({"1-0:2.8.1": 900_000}, "0.300000", [1, 2]) == (
        sun["quantity"],
        sun["credit"],
        sun["bookings"],
    )
    assert ({"glass": 2_500_000}, "0.125000", True) == (
        waste["quantity"],
        waste["credit"],
        waste["settled"],
    )
    assert [1_000_000, 1_300_000, 1_900_000] == [r["value"] for r in found["readings"]]
    assert ["2026-06-21T08:00:00Z", "2026-06-21T08:15:00Z", "2026-06-21T08:30:00Z"] == [
        r["at"] for r in found["readings"]
    ]
    assert ["credited"] == [d["state"] for d in found["deposits"]]


def test_what_nobody_owns_is_shown_with_its_reason(street):
    (found,) = held_deposits(street.community.db, ID, policies=street.community.policies)
    assert (700_000, "held") == (found["net_mg"], found["state"])
    assert found["sentence"].startswith("It is nobody's yet")


def test_balances_equal_plain_sums_of_the_postings(street):
    """Invariant 1 (DESIGN), by SQL over the same tables."""
    db = street.community.db
    sums = db.execute("SELECT account, asset, sum(amount) FROM posting GROUP BY 1, 2 ORDER BY 1, 2")
    stored = db.execute("SELECT account, asset, amount FROM balance ORDER BY 1, 2")
    assert list(stored) == list(sums)
    assert [("ENERGY", 0), ("WASTE", 0)] == list(
        db.execute("SELECT asset, sum(amount) FROM posting GROUP BY asset ORDER BY asset")
    )
    shown = balances(db, ID, registry=street.community.registry, policies=street.community.policies)
    assert {"ENERGY": "0.300000", "WASTE": "0.125000"} == shown[1]["balances"]
