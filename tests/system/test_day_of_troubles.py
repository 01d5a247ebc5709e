"""A day with the broker away, the bridge away, the clock wrong, the stick in another socket and the
gateway killed every minute: at its end the hub has everything once. The report is printed.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from ledger_bridge.books import store
from tests.street import MIDNIGHT_MS, QUARTER_MS
from tests.system.programs import done
from tests.troubles import END_MS, EXPORT, METERS, STEP_MS, House, plan, tail

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

QUARTERS = range(MIDNIGHT_MS // QUARTER_MS, END_MS // QUARTER_MS + 1)
# So few telegrams of a quarter-hour may all have been in the hands of a gateway that was killed.
FEW = 3


class Chain(NamedTuple):
    """What gateway and hub have of a chain: its last number and its receipt as the one says, why
    the other takes no more of it, and the bytes that each has under each number.
    """

    last: int
    receipted: int
    held: list[tuple[str]]
    journal: dict[int, bytes]
    inbox: list[tuple[int, bytes]]


class Day:
    """How a day ended, as the files of gateway and hub say."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.seed = seed
        self._hub = store.open_to_read(house.hub.books)
        with closing(house.journal()) as journal:
            self.chains = {
                name: self._chain(journal, name)
                for (name,) in journal.execute("SELECT chain FROM chain WHERE shared = 1")
            }
            (self.tally,) = journal.execute(
                "SELECT accepted, delivered, pending, expired FROM tally"
            )

    def close(self) -> None:
        self._hub.close()

    def told(self, query: str, *values: str) -> list[tuple]:
        """What the hub's file answers."""
        return self._hub.execute(query, values).fetchall()

    def _chain(self, journal: sqlite3.Connection, name: str) -> Chain:
        ours = "SELECT seq, data FROM record WHERE chain = ?"
        theirs = self.told(f"{ours} ORDER BY seq", name)
        held = self.told("SELECT held FROM chain WHERE chain = ?", name)
        ((last, receipted),) = journal.execute(
            "SELECT last, receipted FROM chain WHERE chain = ?", (name,)
        )
        return Chain(last, receipted, held, dict(journal.execute(ours, (name,))), theirs)

    def counts(self, meter: str) -> list[tuple[int, str, int]]:
        """When, which register and how much, of the energy that was given back."""
        query = "SELECT at_ms, register, value FROM counter WHERE device = ?"
        return [row for row in self.told(query, meter) if row[1] in EXPORT[meter]]

    def missing(self, meter: str) -> list[int]:
        """The quarter-hours of the day of which the books have no count."""
        counted = {at_ms // QUARTER_MS for at_ms, _, _ in self.counts(meter)}
        return [quarter for quarter in QUARTERS if quarter not in counted]

    def credited(self, meter: str) -> int:
        """Millionths of a credit; a kWh is worth one."""
        query = "SELECT amount FROM balance WHERE account = ? AND asset = 'ENERGY'"
        return sum(amount for (amount,) in self.told(query, f"acc-{METERS[meter][2]}"))

    def report(self) -> Iterator[str]:
        house = self.house
        yield f"A day of troubles, seed {self.seed}."
        yield f"{house.killed} times was the gateway killed, {house.machine.boots} times it booted:"
        yield from (f"{count:6}  {what}" for what, count in sorted(house.befell.items()))
        yield "accepted {}, delivered {}, pending {}, expired {}".format(*self.tally)
        for name, chain in self.chains.items():
            yield (
                f"{name}: 1 to {chain.last} in the journal, {len(chain.inbox)} records at the hub,"
                f" receipted up to {chain.receipted}"
            )
        for meter in house.meters:
            missing = self.missing(meter.name)
            yield f"{meter.name}: {len(QUARTERS) - len(missing)} of {len(QUARTERS)} quarter-hours"
            for quarter in missing:
                hour, minute = divmod((quarter - QUARTERS[0]) * 15, 60)
                why = house.unread.get((meter.name, quarter), "nobody knows why")
                yield f"  not {hour:02}:{minute:02}: {why}"
            yield f"  given back {meter.exported_mwh():>12} mWh by the meter's own count"
            yield f"  credited   {self.credited(meter.name):>12} mWh"


# A seed, and for how many minutes the gateway is killed in each: longer than two quarter-hours, so
# that one of them has nothing else. All day is a thousand times.
SEED = int(os.environ.get("METERKAST_SEED", "7"))
DAYS = {
    "a day": (SEED, 31),
    **{f"seed {seed}": (seed, 31) for seed in range(101, 111)},
    "killed every minute of the day": (SEED, 22 * 60),
}


def days():
    for name, day in DAYS.items():
        yield pytest.param(day, id=name, marks=[] if name == "a day" else pytest.mark.soak)


@pytest.fixture(scope="module", params=days())
def day(request, tmp_path_factory):
    seed, minutes = request.param
    print(f"replay with METERKAST_SEED={seed}")
    house = House(tmp_path_factory.mktemp("troubles"), seed)
    try:
        with house.running():
            house.live(plan(seed, killed_from=16 if minutes < 60 else 0.2, minutes=minutes))
            house.come_to_rest()
    finally:
        print(tail(house.bridge), tail(house.gateway), sep="\n")
    ended = Day(house, seed)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *ended.report(), sep="\n")
    yield ended
    ended.close()


def test_the_hub_has_every_number_once_with_the_bytes_of_the_journal(day):
    assert 2 == len(day.chains)
    for chain in day.chains.values():
        assert list(range(1, chain.last + 1)) == [number for number, _ in chain.inbox]
        assert chain.journal == dict(chain.inbox)
        assert chain.receipted == chain.last
        assert [("",)] == chain.held


def test_nothing_was_lost_refused_or_said_in_two_ways(day):
    accepted = sum(chain.last for chain in day.chains.values())
    assert (accepted, accepted, 0, 0) == day.tally
    for table in ("rejected", "fork", "gap", "lost", "dirty", "unsure"):
        assert [] == day.told(f"SELECT * FROM {table}"), table


@pytest.mark.parametrize("meter", METERS)
def test_only_quarter_hours_that_nobody_could_read_are_missing(day, meter):
    missing, house = day.missing(meter), day.house
    assert [] == [quarter for quarter in missing if house.read[meter, quarter] >= FEW]
    assert 80 < len(QUARTERS) - len(missing) < 97


@pytest.mark.parametrize("meter", METERS)
def test_no_count_is_another_than_the_meter_showed_at_that_time(day, meter):
    (said,) = [one.said for one in day.house.meters if one.name == meter]
    # A telegram that is read late is of the step before, where the meter has no clock.
    late_ms = 0 if meter == "hall" else STEP_MS
    assert [] == [
        (at_ms, register, value)
        for at_ms, register, value in day.counts(meter)
        if value not in {said[at_ms][register], said.get(at_ms - late_ms, {}).get(register)}
    ]


@pytest.mark.parametrize("meter", METERS)
def test_the_credit_is_what_the_meter_counted_to_the_last_watt_hour(day, meter):
    (exported_mwh,) = [one.exported_mwh() for one in day.house.meters if one.name == meter]
    assert exported_mwh == day.credited(meter) > 1_000_000


def test_whoever_trusts_nobody_reckons_it_again_and_finds_the_same(day):
    assert "verified: " in done("verify", "--config", day.house.hub.config)
