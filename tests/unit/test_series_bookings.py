"""What was booked becomes points by quarter-hour: exact in any batches, and what accounts have."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.acts.requests import Close, Donate, Exchange, Transfer
from ledger_bridge.books.registry.edits import MemberErased, MemberLeft
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.bookings import Bookings
from tests.market import HOUR_MS, Market
from tests.series import Series
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS

EVENING_MS = NOON_MS + 8 * HOUR_MS
JULY_MS = MIDNIGHT_MS + 12 * 24 * HOUR_MS


def read(market, *, limit=1_000, times=None):
    """All that was booked, read in batches, each written `times`."""
    series, reader = Series(), Reader(market.path, ID)
    bookings, after = Bookings(reader), 0
    while True:
        for _ in range(next(times) if times else 1):
            written, last = bookings.read(after=after, limit=limit)
            series.write([written])
        if last == after:
            reader.db.close()
            return series
        after = last


def busy(folder):
    """A market with a pool, and two hands of trade: at noon and in the evening."""
    market = Market(folder, pool=(100, 2_000))
    market.act(Transfer("noor", "bram", "ENERGY", 250), "one", now_ms=NOON_MS)
    market.act(Transfer("noor", "bram", "ENERGY", 50), "two", now_ms=NOON_MS + QUARTER_MS - 1)
    market.act(Transfer("bram", "noor", "ENERGY", 100), "three", now_ms=EVENING_MS)
    return market


def test_a_quarter_hour_sums_what_was_received_and_given_by_kind(tmp_path):
    series = read(busy(tmp_path))
    at_noon = {
        NOON_MS: {"plus": 0, "minus": 300, "bookings": 2},
        EVENING_MS: {"plus": 100, "minus": 0, "bookings": 1},
    }
    noor = {"account": "acc-noor", "role": "member", "asset": "ENERGY"}
    assert at_noon == series.of("credit", **noor, kind="transfer", rule="-")
    minted = {NOON_MS: {"plus": 1_000, "minus": 0, "bookings": 1}}
    assert minted == series.of("credit", **noor, kind="entitlement", rule="sun")
    donated = {NOON_MS: {"plus": 100, "minus": 0, "bookings": 1}}
    assert donated == series.of("credit", account="acc-pool", role="pool", asset="ENERGY")


def test_a_balance_stands_where_something_was_booked_as_it_was_at_the_end(tmp_path):
    series = read(busy(tmp_path))
    noor = {NOON_MS: {"has": 600}, EVENING_MS: {"has": 700}}
    assert noor == series.of("balance", account="acc-noor", asset="ENERGY")
    bram = {NOON_MS: {"has": 300}, EVENING_MS: {"has": 200}}
    assert bram == series.of("balance", account="acc-bram", asset="ENERGY")


def test_an_exchange_is_one_booking_on_each_side_of_each_account(tmp_path):
    market = Market(tmp_path, pool=(1_000, 0))
    market.act(Exchange("bram", "to-energy", 3_000), "swap", now_ms=EVENING_MS)
    series = read(market)
    given_ = {EVENING_MS: {"plus": 0, "minus": 3_000, "bookings": 1}}
    assert given_ == series.of("credit", account="acc-bram", asset="WASTE", kind="exchange")
    got = {EVENING_MS: {"plus": 100, "minus": 0, "bookings": 1}}
    assert got == series.of("credit", account="acc-bram", asset="ENERGY", kind="exchange")


def test_what_is_booked_after_the_clock_was_set_back_joins_its_quarter_hour(tmp_path):
    market = busy(tmp_path)
    reader = Reader(market.path, ID)
    bookings, series = Bookings(reader), Series()
    written, last = bookings.read(after=0, limit=1_000)
    series.write([written])
    market.act(Transfer("noor", "bram", "ENERGY", 1), "four", now_ms=NOON_MS + 1)
    series.write([bookings.read(after=last, limit=1_000)[0]])
    reader.db.close()
    transfers = series.of("credit", account="acc-noor", asset="ENERGY", kind="transfer")
    assert {"plus": 0, "minus": 301, "bookings": 3} == transfers[NOON_MS]
    assert {"has": 699} == series.of("balance", account="acc-noor", asset="ENERGY")[NOON_MS]
    assert read(market) == series


def test_reading_goes_on_past_the_limit_to_the_end_of_the_quarter_hour(tmp_path):
    market = busy(tmp_path)
    reader = Reader(market.path, ID)
    at_noon = 6  # two credits, two gifts to the pool, two transfers
    assert at_noon == Bookings(reader).read(after=0, limit=1)[1]
    reader.db.close()


def test_nothing_is_told_of_an_account_whose_holder_is_erased(tmp_path):
    market = busy(tmp_path)
    market._now_ms = JULY_MS
    market.edit(MemberLeft("noor", EVENING_MS + HOUR_MS))
    market.community.settle(JULY_MS)
    market.act(Close("2026-06"), "june", now_ms=JULY_MS)
    market.act(Donate("noor", "pool", "ENERGY", 700), "gift", now_ms=JULY_MS)
    market.edit(MemberErased("noor"))
    told = {dict(point.tags)["account"] for point in read(market)}
    assert {"acc-bram", "acc-pool", "pot"} == told


def booked(market):
    """What every account has, by its postings."""
    rows = market.community.db.execute(
        "SELECT account, asset, sum(amount) FROM posting GROUP BY account, asset"
    )
    return {(account, asset): has for account, asset, has in rows}


TRADE = st.tuples(
    st.sampled_from(["noor", "bram"]),
    st.sampled_from(["ENERGY", "WASTE"]),
    st.integers(1, 40),
    st.integers(-3, 9),  # the clock may be set back
)


@settings(max_examples=15)
@given(st.lists(TRADE, min_size=4, max_size=12), st.integers(1, 5), st.integers(0, 2**20))
def test_all_credits_add_up_to_the_balances_in_any_batches(tmp_path_factory, trades, limit, seed):
    market = Market(tmp_path_factory.mktemp("market"))
    now_ms = NOON_MS
    for n, (giver, asset, amount, quarters) in enumerate(trades):
        now_ms = max(MIDNIGHT_MS, now_ms + quarters * QUARTER_MS // 2)
        taker = "bram" if giver == "noor" else "noor"
        if market.balance(f"acc-{giver}", asset) >= amount:
            market.act(Transfer(giver, taker, asset, amount), f"{n}", now_ms=now_ms)
    times = (1 + (seed >> n & 1) for n in range(10**6))
    series = read(market, limit=limit, times=times)
    sums = defaultdict(int)
    for point, fields in series.items():
        if point.measurement == "credit":
            tags = dict(point.tags)
            sums[tags["account"], tags["asset"]] += fields["plus"] - fields["minus"]
    assert booked(market) == sums
    assert series == read(market)
