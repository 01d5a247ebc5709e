"""Pruning: evidence of sealed months goes but for its digests, and what is left says the same."""

from contextlib import nullcontext

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.closing.prune import last_day
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.registry.edits import EvidencePruned
from tests.homes import Home, Homes
from tests.later import later_hub
from tests.street import MIDNIGHT_MS, POLICY, Chain

DAY_MS = 86_400_000
# 2029-08-01T00:00 in Amsterdam.
AUGUST_2029_MS = MIDNIGHT_MS + (10 + 365 + 365 + 366 + 31) * DAY_MS
KWH = 1_000_000
DAY = 96
JULY = 10 * DAY  # quarter-hours from the midnight before 21 June to the one after 30 June


@pytest.fixture
def homes(tmp_path):
    """Noor gives back 4 kWh on 21 June, 1 on the last quarter-hour of June and 2 in the first of
    July; bram uses as much. Glass is brought on 21 June and on 1 July. June is sealed.
    """
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.noor, homes.bram, homes.point = Home("home"), Home("barn"), Chain("point")
    for gateway, home, one in (("home", homes.noor, (1, 0)), ("barn", homes.bram, (0, 1))):
        out, used = one
        steps = [(0, 0), (1, 4), (DAY, 0), (JULY - 1, 0), (JULY, 1), (JULY + 1, 2), (JULY + DAY, 0)]
        for quarter, kwh in steps:
            homes.take(gateway, home.count(quarter, out * kwh * KWH, used * kwh * KWH))
    homes.take(
        "point",
        homes.point.deposit(MIDNIGHT_MS + 1, grams=500),
        homes.point.deposit(MIDNIGHT_MS + 11 * DAY_MS, grams=700),
    )
    for period in ("2026-06", "2026-07", "2029-06"):
        homes.act(Close(period), period, now_ms=AUGUST_2029_MS)
        while homes.community.settle(AUGUST_2029_MS):
            pass
    homes._now_ms = AUGUST_2029_MS
    return homes


def facts(homes, which):
    return [
        sorted(homes.community.db.execute(f"SELECT * FROM {table} WHERE {which}"))
        for table in ("counter", "deposit")
    ]


def bytes_left(homes, gateway):
    rows = homes.community.db.execute(
        "SELECT seq FROM record WHERE gateway = ? AND data != x'' ORDER BY seq", (gateway,)
    )
    return [seq for (seq,) in rows]


def test_what_is_not_sealed_is_what_it_was_and_the_books_verify(homes):
    """Invariant 6 (DESIGN)."""
    homes.check()
    before = facts(homes, "day > '2026-06-30'")
    claims = homes.community.db.execute("SELECT * FROM claim").fetchall()
    homes.edit(EvidencePruned("2026-06-30"))
    homes.check()
    assert before == facts(homes, "day > '2026-06-30'")
    assert claims == homes.community.db.execute("SELECT * FROM claim").fetchall()
    homes.community.db.close()
    homes.open()
    homes.check()


def settled(homes):
    while homes.community.settle(AUGUST_2029_MS):
        pass
    homes.check()
    tables = ("shared", "shared_day", "claim", "booking", "dirty", "unshared")
    return [homes.community.db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def test_what_was_shared_on_sealed_days_is_known_after_an_update_and_its_way_back(homes):
    """Their evidence is gone; facts of other days are taken out of theirs anew."""
    homes.edit(EvidencePruned("2026-06-30"))
    before = settled(homes)
    assert ["2026-06-21", "2026-06-30", "2026-07-01"] == [day for _, _, day, *_ in before[1]]
    for program in (later_hub("CREATE TABLE mood (x TEXT) STRICT;"), nullcontext()):
        homes.community.db.close()
        with program:
            homes.open()
            assert before == settled(homes)


def test_records_go_up_to_the_last_count_from_which_july_is_measured(homes):
    """The fifth is that of the midnight between June and July."""
    homes.edit(EvidencePruned("2026-06-30"))
    assert ([5, 6, 7], [5, 6, 7], [2]) == (
        bytes_left(homes, "home"),
        bytes_left(homes, "barn"),
        bytes_left(homes, "point"),
    )


def test_late_evidence_after_pruning_is_stored_and_counts_as_it_would_have(homes):
    homes.edit(EvidencePruned("2026-06-30"))
    before = homes.balance("acc-noor", "ENERGY")
    homes.inbox.take([("home", homes.noor.count(JULY + DAY + 1, 3 * KWH))], now_ms=AUGUST_2029_MS)
    while homes.community.settle(AUGUST_2029_MS):
        pass
    assert before + 1_000_000 == homes.balance("acc-noor", "ENERGY")
    homes.check()


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-07-01", "what is due on 2026-07-01 may still be corrected"),
        ("", "may still be corrected"),
    ],
)
def test_what_is_not_sealed_is_not_pruned(homes, until, expected):
    """Invariant 10 (DESIGN)."""
    before = list(homes.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        homes.edit(EvidencePruned(until))
    assert before == list(homes.community.db.iterdump())


@pytest.mark.parametrize(
    ("cap", "expected"),
    [("1 per day", "2026-06-30"), ("1 per week", "2026-06-28"), ("1 per 4 weeks", "2026-06-14")],
)
def test_days_of_claims_over_weeks_that_are_sealed_later_stay(cap, expected):
    """The week of 29 June and the four weeks of 15 June end in July."""
    toml = POLICY.replace('cap = "1 per day"', f'cap = "{cap}"').replace("06-21", "06-15")
    policies = Policies([InForce(parse(toml, name="policy"), "")])
    assert expected == last_day("2026-06-30", policies)
