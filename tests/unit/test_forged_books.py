"""Books that a dishonest bridge made up with the log's own key: what `verify` makes of them."""

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.book import Batch, Claim, Posting
from ledger_bridge.books.community import Community
from ledger_bridge.books.verify.verify import Differs, Verified, verify
from tests.homes import Homes, day
from tests.market import Market
from tests.street import ID, NOON_MS, Street, key

KWH = 1_000_000
DAY_MS = 86_400_000
SUN = Claim("sun", "bram", "2026-06-21")


def looked_at(street: Street) -> Verified:
    """What `verify` finds. Raises Differs."""
    return verify(street.community.db, ID, log_key=key("log").public, progress=str)


@pytest.fixture
def homes(tmp_path):
    """Of 4 kWh that noor gave back bram took 3."""
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    return homes


def test_a_mark_does_not_make_shared_energy_true(homes):
    """Invariant 6 (DESIGN). The bridge writes that bram took 1,000 kWh, books that, and marks the
    day as one that is to be shared anew: noor's and bram's claims wait, and bram's has got more
    than the 3 credits of its 3 kWh.
    """
    db = homes.community.db
    db.execute("UPDATE shared SET taken = ? WHERE member = 'bram'", (1_000 * KWH,))
    db.execute("INSERT INTO dirty VALUES (?, 'shared', 'bram', '2026-06-21')", (ID,))
    homes.community.settle(NOON_MS)
    db.execute("INSERT INTO unshared SELECT community, rule, day, '' FROM shared_day")
    assert 1_000_000_000 == homes.balance("acc-bram", "ENERGY")
    found = looked_at(homes)
    assert (2, 1) == (found.waiting, found.unsettled)


def test_what_waits_to_be_shared_anew_is_told_and_no_difference(homes):
    """Saar's day comes after, and the books are looked at before they settle: of 4 kWh bram has 3
    and saar 1 then, who has nothing yet; noor gives all 4.
    """
    homes.inbox.take([("shed", one) for one in day("shed", (0, KWH))], now_ms=NOON_MS)
    found = looked_at(homes)
    assert (3, 1) == (found.waiting, found.unsettled)
    homes.community.settle(NOON_MS)
    found = looked_at(homes)
    assert (0, 0) == (found.waiting, found.unsettled)


def test_a_mark_does_not_make_a_credit_due(tmp_path):
    """Invariant 6 (DESIGN). Bram measured nothing, and is given 5 beside a mark."""
    market = Market(tmp_path)
    batch = market.community.book.batch(NOON_MS)
    postings = [Posting("acc-bram", "ENERGY", 500), Posting("pot", "ENERGY", -500)]
    policy = market.community.policies.in_order[0].hash
    why = {"policy": policy, "quantities": {"1-0:2.8.1": 5 * KWH}}
    said = {"claim": SUN, "due": 500, "before": 0, **why}
    with store.commit(market.community.db) as db:
        batch.book("entitlement", postings, said, claim=SUN)
        db.execute("INSERT INTO claim VALUES (?, ?, ?, ?, 'ENERGY', 500)", (ID, *SUN))
        db.execute("INSERT INTO dirty VALUES (?, ?, ?, ?)", (ID, *SUN))
        batch.write()
    found = looked_at(market)
    assert (1, 1) == (found.waiting, found.unsettled)


def test_a_policy_that_was_kept_back_until_its_month_was_closed_is_named(tmp_path, monkeypatch):
    """Stewards signed it for 22 June; the bridge puts it in force when June is closed, so that its
    rules reach back.
    """
    market = Market(tmp_path)
    market.act(Close("2026-06"), "close", now_ms=NOON_MS + 10 * DAY_MS)
    monkeypatch.setattr(Community, "_check_start", lambda *_: None)
    market.follow(('rate = "1/3"', 'rate = "1/2"'))
    with pytest.raises(Differs) as found:
        looked_at(market)
    assert ("it came when the books were closed up to 2026-06-30", "policy 2026-06-22") == (
        found.value.what,
        found.value.where,
    )


@pytest.mark.parametrize(
    ("lie", "found"),
    [
        ({"quantities": {"given": 4 * KWH}}, "0 is due for the quantities that it names"),
        ({"quantities": {"taken": 2_999_999}}, "2999999 is due for the quantities that it names"),
        ({"quantities": {"taken": "three"}}, "its reasons cannot be read"),
        ({"policy": "f" * 64}, f"policy {'f' * 64} is not about its claim"),
        ({"policy": ""}, "0 is due for the quantities that it names"),
    ],
    ids=["another quantity", "less", "no number", "another policy", "none"],
)
def test_a_reason_that_does_not_give_the_credit_is_named(tmp_path, monkeypatch, lie, found):
    """Bram took 3 kWh of noor's sun and gets 3 credits; the log says that it was for something
    else. `why` and every proof would say so too.
    """
    book = Batch.book

    def lying(batch, kind, postings, facts, **more):
        return book(batch, kind, postings, facts | lie, **more)

    monkeypatch.setattr(Batch, "book", lying)
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.take("home", *day("home", (4 * KWH, 0)))
    homes.take("barn", *day("barn", (0, 3 * KWH)))
    with pytest.raises(Differs) as odd:
        looked_at(homes)
    assert odd.value.what.startswith(found)
    assert "booking 2" == odd.value.where
