"""Who is erased is erased from the time series: their account, their gateway, their meter point."""

import pytest

from drivers.reading import Reading
from gateway.contract.record import SAMPLES, element
from ledger_bridge.books.acts.requests import Close, Donate
from ledger_bridge.books.changed import turn
from ledger_bridge.books.facts.official import Series as Figures
from ledger_bridge.books.registry.edits import MemberAdded, MemberErased, MemberLeft, MeterFitted
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.names import digest
from ledger_bridge.timeseries.schema import GATEWAY, SILENCE, Forget, Written, line
from tests.homes import OUT, Home, Homes
from tests.influx import MONTHS, YEARS, Influx
from tests.series import Follower, written_anew
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain

DAY_MS = 86_400_000
JULY_MS = MIDNIGHT_MS + 12 * DAY_MS
# 2029-08-01T00:00 in Amsterdam.
AUGUST_2029_MS = MIDNIGHT_MS + (10 + 365 + 365 + 366 + 31) * DAY_MS
POINT, OTHER_POINT = "871687110000000017", "871687110000000024"


@pytest.fixture
def homes(tmp_path):
    """Noor and bram count, and are sampled; there are official figures of both, also from before
    anybody had the meter points.
    """
    homes = Homes(tmp_path, 'key = "pro-rata"\n')
    homes.open_accounts()
    noor, bram = (
        MeterFitted(gateway, "hall", "", name, MIDNIGHT_MS, point=point)
        for gateway, name, point in (("home", "noor", POINT), ("barn", "bram", OTHER_POINT))
    )
    homes.edit(noor, bram)
    made = []
    for gateway, out, used in (("home", 7_000, 0), ("barn", 0, 5_000), ("shed", 0, 3_000)):
        home, samples = Home(gateway), Chain(gateway, "samples-000000000001")
        made += [(gateway, home.count(n, out, used)) for n in range(-2, 97)]
        power = element("hall", Reading("1-0:1.7.0", 1, "mW"), base_ms=0)
        made.append((gateway, samples.record([power], made_ms=NOON_MS, typ=SAMPLES)))
    homes.inbox.take(made, now_ms=JULY_MS)
    for point in (POINT, OTHER_POINT):
        begin_ms = MIDNIGHT_MS - 4 * QUARTER_MS
        figures = Figures(point, OUT, begin_ms, (1, 2, 3, 4, 5, 6), "mmmmmm", "grid")
        homes.say(point, figures, now_ms=JULY_MS)
    return homes


def erase(homes):
    """Noor leaves, and is erased."""
    homes._now_ms = JULY_MS
    homes.edit(MemberLeft("noor", MIDNIGHT_MS + 50 * QUARTER_MS))
    settle(homes)
    homes.act(Close("2026-06"), "june", now_ms=JULY_MS)
    for asset in ("ENERGY", "WASTE"):
        if held := homes.balance("acc-noor", asset):
            homes.act(Donate("noor", "pool", asset, held), f"gift {asset}", now_ms=JULY_MS)
    homes.edit(MemberErased("noor"))
    settle(homes)


def settle(homes):
    while homes.community.settle(JULY_MS):
        pass


def health(gateway, account):
    """What is told by whom else: of a gateway, and of an account."""
    return Written(
        months=(
            line(GATEWAY.key(ID, gateway), [("online", 1)], NOON_MS),
            line(SILENCE.key(ID, account), [("minutes", 1)], NOON_MS),
        )
    )


def names(told):
    """The accounts, gateways and devices that are told of."""
    return {
        value for one in told for tag, value in one.tags if tag in {"account", "gateway", "device"}
    }


def test_nothing_is_left_that_has_their_account_their_gateway_or_their_meter_point(homes):
    follower = Follower(Reader(homes.path, ID))
    follower.follow(up_to=turn(homes.community.db, ID))
    follower.series.write([health("home", "acc-noor"), health("barn", "acc-bram")])
    theirs = {"acc-noor", "home", digest(ID, POINT)}
    assert theirs <= names(follower.series)
    of_bram = {one for one in follower.series if ("gateway", "barn") in one.tags}
    erase(homes)
    follower.follow(up_to=turn(homes.community.db, ID))
    left = names(follower.series)
    assert set() == theirs & left
    assert {"acc-bram", "barn", digest(ID, OTHER_POINT)} <= left
    assert of_bram <= set(follower.series)


def test_the_books_name_no_meter_point_for_the_sake_of_time_series(homes):
    erase(homes)
    rows = homes.community.db.execute("SELECT * FROM changed").fetchall()
    assert POINT not in str(rows)
    assert OTHER_POINT in str(rows)


def test_what_neighbours_got_of_them_stays(homes):
    follower = Follower(Reader(homes.path, ID))
    follower.follow(up_to=turn(homes.community.db, ID))
    before = follower.series.of("shared", account="acc-bram")
    street = follower.series.of("street")
    assert any(one["got"] for one in before.values())
    erase(homes)
    follower.follow(up_to=turn(homes.community.db, ID))
    # What noor had of her last afternoon is nobody's from when she left.
    noon_ms = MIDNIGHT_MS + 50 * QUARTER_MS
    after = follower.series.of("shared", account="acc-bram")
    mine = [at_ms for at_ms in before if at_ms < noon_ms]
    assert 50 == len([at_ms for at_ms in mine if at_ms >= MIDNIGHT_MS])
    for at_ms in mine:
        assert before[at_ms]["got"] == after[at_ms]["got"]
        assert street[at_ms]["produced"] == follower.series.of("street")[at_ms]["produced"]


def test_what_a_gateway_sent_while_it_served_them_alone_goes_although_it_serves_another_now(homes):
    """What it showed of a device that nobody has as well."""
    attic = Chain("home", "samples-000000000002")
    for minute in (0, 2):
        at_ms = MIDNIGHT_MS + 50 * QUARTER_MS + (minute - 1) * 60_000
        power = element("attic", Reading("1-0:1.7.0", 1, "mW", at_ms), base_ms=at_ms)
        homes.take("home", attic.record([power], made_ms=at_ms, typ=SAMPLES))
    homes.edit(
        MemberAdded("kees", "acc-kees"),
        MeterFitted("home", "hall", "", "kees", MIDNIGHT_MS + 50 * QUARTER_MS),
    )
    follower = Follower(Reader(homes.path, ID))
    follower.follow(up_to=turn(homes.community.db, ID))
    erase(homes)
    follower.follow(up_to=turn(homes.community.db, ID))
    assert [MIDNIGHT_MS + 50 * QUARTER_MS + 60_000] == list(
        follower.series.of("sample", account="-", device="attic")
    )
    assert written_anew(homes) == follower.series


def test_shared_quarter_hours_go_once_the_seal_ends_what_was_kept_of_them(homes):
    follower = Follower(Reader(homes.path, ID))
    erase(homes)
    follower.follow(up_to=turn(homes.community.db, ID))
    begin_ms, end_ms = MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS
    assert 96 == len([at for at in follower.series.of("street") if begin_ms <= at < end_ms])
    for period in ("2026-07", "2029-06"):
        homes.act(Close(period), period, now_ms=AUGUST_2029_MS)
    follower.follow(up_to=turn(homes.community.db, ID))
    assert [] == [at for at in follower.series.of("street") if begin_ms <= at < end_ms]
    assert written_anew(homes) == follower.series


def quoted(text):
    return "'" + text.replace("'", "\\'") + "'"


def forget(influx, one: Forget):
    """As InfluxDB 1.x is asked to."""
    where = [f'"{tag}" = {quoted(value)}' for tag, value in one.tags.items()]
    if one.span_ms:
        where += [f"time >= {one.span_ms[0]}ms", f"time < {one.span_ms[1]}ms"]
    database = YEARS if one.measurement.bucket == "years" else MONTHS
    name = one.measurement.name
    influx.query(f'DELETE FROM "{name}" WHERE {" AND ".join(where)}', database=database)


class Real(Follower):
    """Writes into a real database."""

    def __init__(self, reader: Reader, influx: Influx) -> None:
        super().__init__(reader)
        self.series = self
        self._influx = influx

    def write(self, some):
        for written in some:
            for one in written.forget:
                forget(self._influx, one)
            for database, lines in ((YEARS, written.years), (MONTHS, written.months)):
                if lines:
                    self._influx.write(*lines, database=database)


def test_an_influxdb_has_no_line_of_them_left(homes, influx):
    real = Real(Reader(homes.path, ID), influx)
    real.write([health("home", "acc-noor"), health("barn", "acc-bram")])
    real.follow(up_to=turn(homes.community.db, ID))
    assert {"acc-noor", "home", digest(ID, POINT)} <= said(influx)
    erase(homes)
    real.follow(up_to=turn(homes.community.db, ID))
    left = said(influx)
    assert set() == {"acc-noor", "home", digest(ID, POINT)} & left
    assert {"acc-bram", "barn", digest(ID, OTHER_POINT)} <= left


def said(influx):
    """Every word in every point of the database."""
    found = set()
    for database in (YEARS, MONTHS):
        for measurement in influx.rows("SHOW MEASUREMENTS", database=database):
            for row in influx.points(measurement["name"], database=database):
                found |= set(map(str, row.values()))
    return found
