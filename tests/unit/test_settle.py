"""Settlement by figures worked out by hand, and the same in every order of events."""

import itertools
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reading import Reading
from gateway.contract import record as records
from gateway.contract.cards import token
from ledger_bridge.books.facts.believe import most_mwh
from ledger_bridge.books.registry.edits import CardGiven, MeterFitted
from ledger_bridge.books.verify.verify import verify
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key


def quarters(chain: Chain, *counts_wh: int, first: int = 40, serial: str = "E1") -> list[bytes]:
    return [
        chain.quarter(MIDNIGHT_MS + (first + n) * QUARTER_MS, export_wh=wh, serial=serial)
        for n, wh in enumerate(counts_wh)
    ]


def energy(street: Street) -> int:
    return street.balance("acc-noor", "ENERGY")


def test_the_floor_is_taken_once_per_day_not_per_quarter(tmp_path):
    # 1/3 credit per kWh: three times 1 Wh are 3/3 of 1000 microcredits, not three times 333.
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 0, 1, 2, 3))
    assert 1_000 == energy(street)


def test_the_cap_bounds_the_day_and_not_the_deposit(tmp_path):
    # 0.05 a kg: 12 kg and 15 kg of glass are 0.6 and 0.75 credit; the cap is 1.
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=12_000))
    assert 600_000 == street.balance("acc-noor", "WASTE")
    street.take("point", point.deposit(NOON_MS + 1, grams=15_000))
    assert 1_000_000 == street.balance("acc-noor", "WASTE")


def test_a_fraction_with_rate_zero_is_counted_and_earns_nothing(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=5_000, fraction="paper"))
    assert 0 == street.balance("acc-noor", "WASTE")
    stored = street.community.db.execute("SELECT fraction, counted, member FROM deposit").fetchall()
    assert [("paper", 5_000_000, "noor")] == stored


def test_an_unknown_card_is_held_and_credited_when_it_is_claimed(tmp_path):
    street, point = Street(tmp_path), Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=2_000, card="found on the street"))
    assert 0 == street.balance("acc-bram", "WASTE")
    street.edit(CardGiven(token("found on the street", CARD_KEY), "bram"))
    street.community.settle(NOON_MS)
    assert 100_000 == street.balance("acc-bram", "WASTE")


def test_the_reading_of_local_midnight_closes_the_old_day(tmp_path):
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 0, 300, 900, first=95))
    claims = street.community.db.execute("SELECT period, due FROM claim ORDER BY period").fetchall()
    assert [("2026-06-21", 100_000), ("2026-06-22", 200_000)] == claims


def test_a_day_of_25_hours_counts_its_hundred_quarters(tmp_path):
    # 2026-10-25 in Amsterdam: from 22:00Z to 23:00Z the next day, 100 quarter-hours.
    street, home = Street(tmp_path), Chain("home")
    start = 1_792_879_200_000
    data = [home.quarter(start + n * QUARTER_MS, export_wh=n * 30) for n in range(102)]
    street.inbox.take([("home", one) for one in data], now_ms=start + 200 * QUARTER_MS)
    street.community.settle(NOON_MS)
    claims = street.community.db.execute("SELECT period, due FROM claim ORDER BY period").fetchall()
    assert [("2026-10-25", 1_000_000), ("2026-10-26", 10_000)] == claims


def test_a_dip_to_zero_and_back_adds_nothing(tmp_path):
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 5_000, 0, 5_003))
    assert 1_000 == energy(street)


def test_a_dip_takes_nothing_away_while_it_lasts(tmp_path):
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 5_000, 5_300, 0))
    verdicts = street.community.db.execute("SELECT verdict FROM counter ORDER BY at_ms").fetchall()
    assert [("first",), ("",), ("lower",)] == verdicts
    assert 100_000 == energy(street)


def test_a_fit_that_names_the_serial_goes_before_one_for_any(tmp_path):
    street = Street(tmp_path)
    street.edit(MeterFitted("home", "hall", "E2", "bram", 0))
    street.take("home", *quarters(Chain("home"), 0, 300, serial="E2"))
    assert (0, 100_000) == (energy(street), street.balance("acc-bram", "ENERGY"))


def test_a_new_meter_begins_at_its_own_count(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    street.take("home", *quarters(home, 1_000, 1_300))
    street.take("home", *quarters(home, 90_000, 90_300, first=42, serial="E2"))
    assert 200_000 == energy(street)


def test_more_than_the_connection_carries_is_not_believed(tmp_path):
    # 55,200 W carry 13,800 Wh in a quarter-hour; with a tenth and one Wh: 15,181 Wh.
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 0, 15_182, 15_181))
    verdicts = street.community.db.execute("SELECT verdict FROM counter ORDER BY at_ms").fetchall()
    assert [("first",), ("rating",), ("",)] == verdicts
    assert 5_060_333 == energy(street)


def test_a_reading_from_the_future_is_not_believed(tmp_path):
    # The gateway made the record at noon; its meter says a quarter and a second past.
    street, home = Street(tmp_path), Chain("home")
    ahead = Reading("1-0:2.8.1", 30_000, "mWh", NOON_MS + 901_000, "E1")
    street.take(
        "home",
        *quarters(home, 0, first=47),
        home.record([records.element("hall", ahead, base_ms=NOON_MS)], made_ms=NOON_MS),
    )
    verdicts = street.community.db.execute("SELECT verdict FROM counter ORDER BY at_ms").fetchall()
    assert [("first",), ("ahead",)] == verdicts
    assert 0 == energy(street)


def test_a_meter_that_is_fitted_to_another_from_noon_counts_for_both(tmp_path):
    street = Street(tmp_path)
    street.take("home", *quarters(Chain("home"), 0, 300, 600, 900, first=46))
    assert 300_000 == energy(street)
    # The reading of noon ends noor's last quarter-hour and begins bram's first.
    street.edit(MeterFitted("home", "hall", "", "bram", MIDNIGHT_MS + 48 * QUARTER_MS))
    street.community.settle(NOON_MS)
    assert 200_000 == energy(street)
    assert 100_000 == street.balance("acc-bram", "ENERGY")


def lives() -> list[tuple[str, bytes]]:
    """A little of everything: two gateways, two chains of one meter, a dip, a swap, two cards, a
    cap that is reached.
    """
    home, point = Chain("home"), Chain("point")
    other = Chain("home", chain="evidence-00000000000b")
    data = [
        *quarters(home, 0, 700, 1_500, 20, 1_600, first=92),
        *quarters(home, 50_000, 50_800, first=97, serial="E2"),
        other.quarter(MIDNIGHT_MS + 92 * QUARTER_MS + 300_000, export_wh=400),
        other.quarter(MIDNIGHT_MS + 95 * QUARTER_MS + 60_000, export_wh=1_530),
    ]
    deposits = [
        point.deposit(NOON_MS, grams=12_000),
        point.deposit(NOON_MS + 5_000, grams=15_000),
        point.deposit(NOON_MS + 9_000, grams=400, card="B"),
        point.deposit(NOON_MS + 9_500, grams=800, card="nobody's"),
    ]
    return [("home", one) for one in data] + [("point", one) for one in deposits]


def state(street: Street) -> list[tuple[object, ...]]:
    """Everything that must not depend on the order of arrival."""
    db = street.community.db
    statements = (
        "SELECT rule, member, period, due FROM claim WHERE due != 0 ORDER BY 1, 2, 3",
        "SELECT account, asset, amount FROM balance WHERE amount != 0 ORDER BY 1, 2",
        "SELECT * FROM counter ORDER BY gateway, device, register, serial, at_ms, chain",
        "SELECT * FROM deposit ORDER BY gateway, chain, seq",
    )
    return [row for statement in statements for row in db.execute(statement)]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_batching_repetition_and_restart_gives_the_same_books(data):
    """Invariants 2 and 6 (DESIGN): deliveries commute, and posted equals due."""
    deliveries = lives()
    with tempfile.TemporaryDirectory() as folder:
        plain = Street(Path(folder) / "plain")
        for gateway, one in deliveries:
            plain.take(gateway, one)
        expected = state(plain)
        shuffled = data.draw(
            st.permutations(deliveries + data.draw(st.lists(st.sampled_from(deliveries))))
        )
        street = Street(Path(folder) / "shuffled")
        while shuffled:
            size = data.draw(st.integers(1, len(shuffled)))
            batch, shuffled = shuffled[:size], shuffled[size:]
            street.inbox.take(batch, now_ms=NOON_MS)
            if data.draw(st.booleans()):
                street.community.settle(NOON_MS)
            if data.draw(st.booleans()):
                street.community.db.close()
                street.open()
        street.community.settle(NOON_MS)
        assert expected == state(street)
        verify(street.community.db, ID, log_key=key("log").public, progress=str)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 20_000), min_size=2, max_size=12),
    swaps=st.sets(st.integers(1, 11), max_size=2),
)
def test_no_more_is_credited_than_the_counter_gained(counts, swaps):
    """Invariant 4 (DESIGN), over dips, spikes and swaps."""
    with tempfile.TemporaryDirectory() as folder:
        street, home = Street(Path(folder)), Chain("home")
        meter = itertools.accumulate((n in swaps for n in range(len(counts))), initial=0)
        serials = [f"E{number}" for number in meter]
        data = [
            home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=wh, serial=serials[n])
            for n, wh in enumerate(counts)
        ]
        street.take("home", *data)
        gained = 0
        for serial in set(serials):
            of_meter = [wh for wh, s in zip(counts, serials, strict=False) if s == serial]
            gained += (max(of_meter) - of_meter[0]) if of_meter else 0
        credited_wh = -(-energy(street) * 3 // 1_000)
        assert credited_wh <= gained


def test_a_meter_fitted_from_midnight_counts_from_its_reading_of_midnight(tmp_path):
    street, shed = Street(tmp_path), Chain("point")
    street.edit(MeterFitted("point", "shed", "", "bram", MIDNIGHT_MS))
    data = [
        shed.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=n * 30, device="shed")
        for n in range(3)
    ]
    street.take("point", *data)
    assert 20_000 == street.balance("acc-bram", "ENERGY")


def test_a_connection_carries_its_rating_and_a_tenth_over_a_quarter_at_least():
    assert 15_181_000 == most_mwh(55_200, QUARTER_MS)
    assert 15_181_000 == most_mwh(55_200, 1_000)
    assert 30_361_000 == most_mwh(55_200, 2 * QUARTER_MS)


def test_a_deposit_told_twice_under_one_id_counts_once_whichever_came_first(tmp_path):
    # 2 kg and, a second later under the same id, 3 kg: the earlier counts.
    early, late = Chain("point", "evidence-00000000000a"), Chain("point", "evidence-00000000000b")
    records_ = [
        early.deposit(NOON_MS, grams=2_000),
        late.deposit(NOON_MS + 1_000, grams=3_000),
    ]
    for order in (records_, records_[::-1]):
        street = Street(tmp_path / order[0].hex()[-8:])
        for one in order:
            street.take("point", one)
        assert 100_000 == street.balance("acc-noor", "WASTE")
        verdicts = street.community.db.execute("SELECT chain, verdict FROM deposit ORDER BY 1")
        assert [("evidence-00000000000a", ""), ("evidence-00000000000b", "again")] == list(verdicts)
        verify(street.community.db, ID, log_key=key("log").public, progress=str)
