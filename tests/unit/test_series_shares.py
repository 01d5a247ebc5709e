"""Shared energy by the quarter-hour is what the books reckon, to the last mWh."""

from collections import Counter

import pytest

from gateway.contract.signed import digest
from tests.homes import Home, Homes, day
from tests.series import written_anew
from tests.street import MIDNIGHT_MS, NOON_MS, QUARTER_MS

AUTUMN_MS = 1_792_879_200_000  # 2026-10-25T00:00 in Amsterdam, of 25 hours


@pytest.fixture
def homes(tmp_path):
    return Homes(tmp_path, 'key = "pro-rata"\n')


def at(quarter):
    return MIDNIGHT_MS + quarter * QUARTER_MS


def deliver(homes, **days):
    homes.inbox.take([(name, one) for name, some in days.items() for one in some], now_ms=NOON_MS)
    while homes.community.settle(NOON_MS):
        pass


def test_each_quarter_hour_says_who_got_and_gave_what_and_what_was_left(homes):
    deliver(
        homes,
        home=day("home", (10, 0), (10, 0), (0, 2)),
        barn=day("barn", (0, 3), (0, 20), (0, 5)),
        shed=day("shed", (0, 1), (0, 10), (0, 0)),
    )
    series = written_anew(homes)
    names = ("produced", "used", "together", "left", "final")
    street = {
        at(0): dict(zip(names, (10, 4, 4, 6, 1), strict=True)),
        at(1): dict(zip(names, (10, 30, 10, 0, 1), strict=True)),
        at(2): dict(zip(names, (0, 7, 0, 0, 1), strict=True)),
    }
    assert street == series.of("street", rule="shared")
    noor = {at(0): (0, 4), at(1): (0, 10), at(2): (0, 0)}
    bram = {at(0): (3, 0), at(1): (7, 0), at(2): (0, 0)}
    saar = {at(0): (1, 0), at(1): (3, 0)}
    for member, expected in (("noor", noor), ("bram", bram), ("saar", saar)):
        found = series.of("shared", account=f"acc-{member}", rule="shared")
        assert expected == {at_ms: (one["got"], one["gave"]) for at_ms, one in found.items()}


def finals(homes):
    return {one["final"] for one in written_anew(homes).of("street").values()}


def test_it_is_final_once_every_meter_was_heard_of_and_no_longer_when_counts_come_late(homes):
    noor, (first, second, last) = day("home", (10, 0)), day("barn", (0, 3))
    deliver(homes, home=noor, barn=[first, second])
    assert {0} == finals(homes)
    deliver(homes, barn=[last])
    assert {1} == finals(homes)
    late = Home("home")
    late.count(0, 10)
    late.chain.seq, late.chain.prev = 3, digest(noor[-1])
    homes.inbox.take([("home", late.count(2, 5))], now_ms=NOON_MS)
    assert {0} == finals(homes)
    homes.community.settle(NOON_MS)
    assert {1} == finals(homes)


def test_what_the_supplier_takes_is_left_over_and_nobodys_share(tmp_path):
    homes = Homes(tmp_path, 'key = "pro-rata"\n', asset="KWH")
    homes.open_accounts()
    deliver(homes, home=day("home", (10, 0)), barn=day("barn", (0, 3)))
    series = written_anew(homes)
    assert {at(0): {"got": 3, "gave": 0, "final": 1}} == series.of("shared", account="acc-bram")
    assert {at(0): {"got": 0, "gave": 3, "final": 1}} == series.of("shared", account="acc-noor")
    assert [7] == [one["left"] for one in series.of("street").values()]
    assert "supplier" not in str(series)


def test_a_day_of_25_hours_adds_up_to_the_tables_of_the_books(tmp_path):
    homes = Homes(tmp_path, 'key = "equal"\n')
    some = {}
    for name, out, used in (("home", 7, 1), ("barn", 0, 5), ("shed", 3, 4)):
        home = Home(name, begin_ms=AUTUMN_MS)
        some[name] = [home.count(q, out * (q % 9), used * (q % 7)) for q in range(101)]
    deliver(homes, **some)
    got, gave, street = Counter(), Counter(), Counter()
    for one, fields in written_anew(homes).items():
        if one.measurement == "shared":
            got[dict(one.tags)["account"]] += fields["got"]
            gave[dict(one.tags)["account"]] += fields["gave"]
        elif one.measurement == "street":
            street.update(fields)
    found = homes.moved("2026-10-25")
    assert {f"acc-{member}": moved for member, moved in found.items()} == {
        account: (got[account], gave[account]) for account in got
    }
    reckoned = "SELECT produced, shared, produced - shared FROM shared_day"
    expected = homes.community.db.execute(reckoned).fetchone()
    assert expected == (street["produced"], street["together"], street["left"])
    # In the 63rd nothing is given back and nothing used.
    assert 99 == street["final"]


def test_a_day_that_no_longer_adds_up_to_what_was_reckoned_is_told_no_more(homes):
    deliver(homes, home=day("home", (10, 0)), barn=day("barn", (0, 3)), shed=day("shed", (0, 9)))
    assert {1} == finals(homes)
    homes.community.db.execute("DELETE FROM counter WHERE member = 'saar'")
    series = written_anew(homes)
    assert {} == series.of("street") == series.of("shared")
