"""What becomes of meters in their life, from the bytes at the port to the balance in the ledger."""

import struct

import pytest

from drivers import s0
from drivers.reading import Message
from ledger_bridge.books.registry.edits import GatewayAdmitted, MeterFitted
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.books.telling.why import why
from ledger_bridge.books.verify.verify import verify
from tests.house import House, behind, power, stamp
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Street, key

DAY_MS = 86_400_000
# The credit of a quarter's 300 Wh at 1/3 credit per kWh, in millionths.
CREDIT_OF_300_WH = 100_000


class Neighbour:
    """A house and the books of its street. What arrives is settled and verified at once."""

    def __init__(self, folder):
        self.house = House(folder / "home")
        self.street = Street(folder / "books")

    def hear(self, quarter, *lines, day=0, meter_ms=None):
        """A telegram at this quarter of the day, some seconds after the boundary."""
        now_ms = MIDNIGHT_MS + day * DAY_MS + quarter * QUARTER_MS + 4_000
        self.house.hear(now_ms, *lines, meter_ms=meter_ms)

    def deliver(self):
        self.street.take("home", *self.house.records())
        verify(self.street.community.db, ID, log_key=key("log").public, progress=str)

    def fit(self, **given):
        """The steward says whose meter hangs in the hall, from the day of the swap on or before."""
        place = {"gateway": "home", "device": "hall", "serial": "", "member": "noor", "from_ms": 0}
        self.street.edit(MeterFitted(**(place | given)))
        self.street.community.settle(NOON_MS)

    def energy(self, account="acc-noor"):
        return self.street.balance(account, "ENERGY")

    def verdicts(self, register="1-0:2.8.1"):
        rows = self.street.community.db.execute(
            "SELECT serial, verdict FROM counter WHERE register = ? ORDER BY at_ms", (register,)
        )
        return list(rows)

    def quantity(self, register, serial):
        """All that this meter is believed to have counted, thousandths."""
        row = self.street.community.db.execute(
            "SELECT sum(delta) FROM counter WHERE register = ? AND serial = ?", (register, serial)
        ).fetchone()
        return row[0]

    def held(self):
        return held_meters(self.street.community.db, ID)

    def sentences(self, language="sentence"):
        policies = self.street.community.policies
        found = statement(
            self.street.community.db,
            ID,
            "noor",
            "2026-06-21",
            registry=self.street.community.registry,
            policies=policies,
        )
        return [one[language] for one in found["readings"] if one[language]]


@pytest.fixture
def noor(tmp_path):
    neighbour = Neighbour(tmp_path)
    yield neighbour
    neighbour.house.journal.close()


# Swaps.


def test_a_new_meter_counts_from_its_own_first_count_whether_higher_or_lower(noor):
    for quarter, serial, wh in (
        (40, "E1", 5_000), (41, "E1", 5_300), (42, "E2", 90_000), (43, "E2", 90_300),
        (44, "E3", 0), (45, "E3", 300),
    ):  # fmt: skip
        noor.hear(quarter, *power(serial, export_1=wh))
    noor.deliver()
    assert 3 * CREDIT_OF_300_WH == noor.energy()
    assert ["E1", "E2", "E3"] == [serial for serial, why in noor.verdicts() if why == "first"]


def test_a_registered_number_leaves_a_new_meter_to_nobody_until_the_steward_fits_it(tmp_path):
    street = Street(tmp_path / "books")
    street.edit(
        GatewayAdmitted("shed", key("shed").public.x),
        MeterFitted("shed", "hall", "E1", "bram", 0),
    )
    house = House(tmp_path / "shed", "shed")
    for quarter, serial, wh in (
        (40, "E1", 5_000), (41, "E1", 5_300), (42, "E2", 10), (43, "E2", 310), (44, "E2", 610),
    ):  # fmt: skip
        house.hear(MIDNIGHT_MS + quarter * QUARTER_MS, *power(serial, export_1=wh))
    street.take("shed", *house.records())
    assert CREDIT_OF_300_WH == street.balance("acc-bram", "ENERGY")
    (waits,) = held_meters(street.community.db, ID)
    assert ("shed/hall", "E2", ["1-0:2.8.1"]) == (
        waits["meter"], waits["serial"], waits["registers"],
    )  # fmt: skip
    assert "This meter is not registered to anybody." == waits["sentence"]
    assert "Deze meter staat op niemands naam." == waits["zin"]
    # Some day the steward says so, from the day of the swap on: what was counted is not lost.
    street.edit(MeterFitted("shed", "hall", "E2", "bram", MIDNIGHT_MS))
    street.community.settle(NOON_MS)
    assert 3 * CREDIT_OF_300_WH == street.balance("acc-bram", "ENERGY")
    assert [] == held_meters(street.community.db, ID)
    verify(street.community.db, ID, log_key=key("log").public, progress=str)
    house.journal.close()


def test_a_meter_without_a_number_that_begins_afresh_waits_for_the_steward(noor):
    for quarter, wh in ((40, 5_000), (41, 5_300), (42, 0), (43, 300), (44, 600)):
        noor.hear(quarter, f"1-0:2.8.1({wh / 1000:010.3f}*kWh)")
    noor.deliver()
    assert CREDIT_OF_300_WH == noor.energy()
    (waits,) = noor.held()
    assert "The meter shows less than before" in waits["sentence"]
    noor.fit(from_ms=MIDNIGHT_MS, anew=True)
    assert [] == noor.held()
    # The first count of the new fit, the new quarter, and after the swap two quarters.
    assert [("", "first"), ("", ""), ("", "first"), ("", ""), ("", "")] == noor.verdicts()
    assert 3 * CREDIT_OF_300_WH == noor.energy()


def test_a_count_begins_afresh_on_the_day_of_the_fit_and_not_on_a_later_one(noor):
    noor.fit(from_ms=MIDNIGHT_MS - DAY_MS, anew=True)
    for quarter, wh in ((40, 5_000), (41, 5_300), (42, 0), (43, 5_300)):
        noor.hear(quarter, *power("E1", export_1=wh))
    noor.deliver()
    assert ["first", "", "lower", ""] == [why for _, why in noor.verdicts()]
    assert CREDIT_OF_300_WH == noor.energy()


def test_a_dip_on_the_first_day_of_an_ordinary_fit_is_a_dip(noor):
    noor.fit(from_ms=MIDNIGHT_MS)
    for quarter, wh in ((40, 5_000), (41, 5_300), (42, 0), (43, 5_300)):
        noor.hear(quarter, *power("E1", export_1=wh))
    noor.deliver()
    assert ["first", "", "lower", ""] == [why for _, why in noor.verdicts()]
    assert CREDIT_OF_300_WH == noor.energy()


# Dips and leaps.


def test_a_dip_of_all_registers_in_one_telegram_credits_nothing_for_the_recovery(noor):
    noor.hear(40, *power("E1", export_1=700_000, export_2=900_000))
    noor.hear(41, *power("E1", export_1=700_300, export_2=900_000))
    noor.hear(42, *power("E1", export_1=0, export_2=0))
    noor.deliver()
    assert CREDIT_OF_300_WH == noor.energy()
    (waits,) = noor.held()
    assert ["1-0:2.8.1", "1-0:2.8.2"] == waits["registers"]
    noor.hear(43, *power("E1", export_1=700_300, export_2=900_000))
    noor.hear(44, *power("E1", export_1=700_300, export_2=900_300))
    noor.deliver()
    assert 2 * CREDIT_OF_300_WH == noor.energy()
    assert [] == noor.held()
    lower = "The meter shows less than before; it waits until the count is past that again."
    assert 2 == noor.sentences().count(lower)
    lager = "De meter staat lager dan eerder; dit wacht tot de stand daar weer voorbij is."
    assert 2 == noor.sentences("zin").count(lager)


def test_a_first_count_of_zero_is_no_credit_for_a_life_of_counting(noor):
    """A meter that starts up may say zero before it knows better."""
    noor.hear(0, *power("E1", export_1=0))
    for day in range(12):
        for quarter in (40, 41, 42, 43):
            noor.hear(quarter, *power("E1", export_1=5_000_000 + day * 1_000), day=day)
    noor.deliver()
    # The leap stands for an hour: from then on the meter is measured up there.
    assert ["first", "rating", "rating", "rating", "", ""] == [why for _, why in noor.verdicts()][
        :6
    ]
    assert 11_000_000 == noor.quantity("1-0:2.8.1", "E1")
    assert [] == noor.held()


def test_a_leap_never_comes_true_by_waiting(noor):
    # 16 kWh are more than a quarter carries (15.181) and less than two.
    counts = (0, 16_000, 16_000, 16_000)
    for n, wh in enumerate(counts):
        noor.hear(40 + n, *power("E1", export_1=wh))
    noor.deliver()
    assert ["first", "rating", "rating", "rating"] == [why for _, why in noor.verdicts()]
    assert 0 == noor.energy()
    (waits,) = noor.held()
    assert "More than the connection can carry; a steward must look at it." == waits["sentence"]


def test_a_spike_is_forgotten_when_the_meter_is_back(noor):
    for n, wh in enumerate((0, 900_000, 300, 900_000, 900_000, 600)):
        noor.hear(40 + n, *power("E1", export_1=wh))
    noor.deliver()
    assert 2 * CREDIT_OF_300_WH == noor.energy()


@pytest.mark.parametrize("wh", [900_000, 0], ids=["a leap", "a dip"])
def test_a_bridge_that_is_started_again_knows_what_lay_open(noor, wh):
    for n, count in enumerate((1_000, wh, wh, wh, wh, wh + 300, 900_900)):
        noor.hear(40 + n, *power("E1", export_1=count))
        noor.deliver()
        noor.street.community.db.close()
        noor.street.open()
    apart = noor.verdicts()
    noor.fit(from_ms=1, serial="E9")  # whatever changes in the registry judges all anew
    assert noor.verdicts() == apart
    verify(noor.street.community.db, ID, log_key=key("log").public, progress=str)


def test_a_leap_that_sinks_is_another_leap(noor):
    for n, wh in enumerate((0, 900_000, 899_000, 899_000, 899_300, 899_600, 899_900)):
        noor.hear(40 + n, *power("E1", export_1=wh))
    noor.deliver()
    assert ["first", *["rating"] * 4, "", ""] == [why for _, why in noor.verdicts()]
    assert 3 * CREDIT_OF_300_WH == noor.energy()


def test_a_steward_who_gives_the_right_rating_grants_what_was_held(noor):
    noor.fit(from_ms=1, rated_w=1_000)
    for n in range(5):
        noor.hear(40 + n, *power("E1", export_1=n * 300))
    noor.deliver()
    assert 0 == noor.energy()
    noor.fit(from_ms=MIDNIGHT_MS, rated_w=2_000)
    assert 4 * CREDIT_OF_300_WH == noor.energy()


def test_gas_and_heat_that_no_small_connection_carries_are_held(noor):
    at = [stamp(MIDNIGHT_MS + (40 + n) * QUARTER_MS) for n in range(3)]
    for n, (litres, mj) in enumerate(((0, 0), (10_000, 90), (20_001, 181))):
        heat = ["0-2:24.1.0(004)", "0-2:96.1.0(4831)", f"0-2:24.2.1({at[n]})({mj:05}.000*MJ)"]
        noor.hear(40 + n, *power("E1", export_1=0), *behind(1, "G1", litres, at[n]), *heat)
    noor.deliver()
    # 40 m3 an hour are 10 m3 a quarter; 100 kW are 90 MJ a quarter.
    assert 10_000_000 == noor.quantity("0-n:24.2.1", "G1")
    assert 90_000_000_000 == noor.quantity("0-n:24.2.1", "H1")
    assert {("G1", "rating"), ("H1", "rating")} <= set(noor.verdicts("0-n:24.2.1"))


# Gas meters that move.


def gas(noor, quarter, *lines):
    noor.hear(quarter, *power("E1", export_1=0), *lines)


@pytest.mark.parametrize("register", ["24.2.1", "24.2.3"])
@pytest.mark.parametrize(
    "dead",
    [
        lambda at, register: [],
        lambda at, register: behind(1, "G1", 321_100, at, register=register),
        lambda at, register: behind(1, "G1", 321_100, "000101000000W", register=register),
        lambda at, register: behind(1, "G1", 321_100, "632525252525S", register=register),
        lambda at, register: behind(1, "G1", 0, "632525252525S", register=register),
    ],
    ids=["gone", "last stamp", "never set", "no date", "placeholder"],
)
def test_a_gas_meter_on_another_channel_is_the_same_meter(noor, register, dead):
    at = {quarter: stamp(MIDNIGHT_MS + quarter * QUARTER_MS) for quarter in range(40, 54)}
    gas(noor, 40, *behind(1, "G1", 321_000, at[40], register=register))
    gas(noor, 44, *behind(1, "G1", 321_100, at[44], register=register))
    for quarter, litres in ((48, 321_200), (49, 321_200), (52, 321_350)):
        live = behind(2, "G1", litres, at[48 if quarter == 49 else quarter], register=register)
        gas(noor, quarter, *dead(at[44], register), *live)
    noor.deliver()
    assert 350_000 == noor.quantity(f"0-n:{register}", "G1")
    assert ["first", "", "", "", ""] == [why for _, why in noor.verdicts(f"0-n:{register}")]
    assert [] == noor.held()


def test_where_no_stamp_can_be_believed_the_higher_count_of_a_meter_is_its_newest(noor):
    for n, off_ms in enumerate((0, 0, 90 * DAY_MS, 90 * DAY_MS)):
        meter_ms = MIDNIGHT_MS + (40 + n) * QUARTER_MS + off_ms
        dead = behind(1, "G1", 321_050, stamp(meter_ms - QUARTER_MS)) if n > 1 else []
        live = behind(2 if n > 1 else 1, "G1", 321_000 + n * 50, stamp(meter_ms))
        noor.hear(40 + n, *power("E1", export_1=0), *dead, *live, meter_ms=meter_ms)
    noor.deliver()
    assert 150_000 == noor.quantity("0-n:24.2.1", "G1")


def test_a_new_gas_meter_beside_the_dead_one_begins_at_its_own_count(noor):
    at = {quarter: stamp(MIDNIGHT_MS + quarter * QUARTER_MS) for quarter in range(40, 50)}
    gas(noor, 40, *behind(1, "G1", 321_000, at[40]))
    gas(noor, 41, *behind(1, "G1", 321_100, at[41]))
    for quarter, litres in ((42, 4), (43, 54), (44, 104)):
        gas(noor, quarter, *behind(1, "G1", 321_100, at[41]), *behind(2, "G2", litres, at[quarter]))
    noor.deliver()
    quantities = [noor.quantity("0-n:24.2.1", serial) for serial in ("G1", "G2")]
    assert [100_000, 100_000] == quantities


def test_two_live_meters_of_different_numbers_are_two_meters(noor):
    at = {quarter: stamp(MIDNIGHT_MS + quarter * QUARTER_MS) for quarter in range(40, 50)}
    for n in range(3):
        water = behind(2, "W1", 17_000 + n * 7, at[40 + n], kind=7)
        gas(noor, 40 + n, *behind(1, "G1", 321_000 + n * 100, at[40 + n]), *water)
    noor.deliver()
    quantities = [noor.quantity("0-n:24.2.1", serial) for serial in ("G1", "W1")]
    assert [200_000, 14_000] == quantities


def test_a_meter_without_a_number_is_known_by_its_channel(noor):
    for n, channel in enumerate((1, 1, 2, 2)):
        at = stamp(MIDNIGHT_MS + (40 + n) * QUARTER_MS)
        gas(noor, 40 + n, f"0-{channel}:24.2.1({at})({321 + n:05}.000*m3)")
    noor.deliver()
    assert [1_000_000, 1_000_000] == [noor.quantity(f"0-{n}:24.2.1", "") for n in (1, 2)]


# Clocks.


@pytest.mark.parametrize("off_ms", [-90 * DAY_MS, 90 * DAY_MS], ids=["behind", "ahead"])
def test_a_meter_whose_clock_is_months_off_counts_as_of_its_receipt_and_says_so(noor, off_ms):
    for n in range(4):
        quarter = 40 + n
        meter_ms = MIDNIGHT_MS + quarter * QUARTER_MS + off_ms
        litres = behind(1, "G1", 321_000 + n * 50, stamp(meter_ms))
        noor.hear(quarter, *power("E1", export_1=n * 300), *litres, meter_ms=meter_ms)
    noor.deliver()
    assert 3 * CREDIT_OF_300_WH == noor.energy()
    assert 150_000 == noor.quantity("0-n:24.2.1", "G1")
    days = noor.street.community.db.execute("SELECT DISTINCT day, doubt FROM counter").fetchall()
    assert [("2026-06-21", "meter-clock")] == days
    wrong = "The meter's clock is wrong; this counts at the time when it was received."
    assert 6 == noor.sentences().count(wrong)  # of electricity and of gas
    verkeerd = "De klok van de meter loopt verkeerd; dit telt op het tijdstip van ontvangst."
    assert 6 == noor.sentences("zin").count(verkeerd)


def test_a_clock_that_is_wrong_for_an_hour_credits_every_quarter_once(noor):
    for n in range(12):
        off_ms = 90 * DAY_MS if 4 <= n < 8 else 0
        meter_ms = MIDNIGHT_MS + (40 + n) * QUARTER_MS + off_ms
        noor.hear(40 + n, *power("E1", export_1=n * 300), meter_ms=meter_ms)
    noor.deliver()
    assert 11 * CREDIT_OF_300_WH == noor.energy()


def test_only_the_stamp_of_gas_is_months_off(noor):
    for n, off_ms in enumerate((0, -90 * DAY_MS, 90 * DAY_MS, 0)):
        at = stamp(MIDNIGHT_MS + (40 + n) * QUARTER_MS + off_ms)
        gas(noor, 40 + n, *behind(1, "G1", 321_000 + n * 50, at))
    noor.deliver()
    assert 150_000 == noor.quantity("0-n:24.2.1", "G1")
    rows = noor.street.community.db.execute(
        "SELECT day, verdict FROM counter WHERE serial = 'G1' ORDER BY at_ms"
    ).fetchall()
    assert [("2026-06-21", "first"), *[("2026-06-21", "")] * 3] == rows


def test_a_gateway_clock_that_ran_ahead_pays_nothing_twice(noor):
    """An evening of a wrong clock is stamped in September; afterwards come the days between."""
    noor.hear(40, *power("E1", export_1=0))
    noor.hear(41, *power("E1", export_1=300))
    noor.hear(42, *power("E1", export_1=600), day=90)
    noor.deliver()
    assert 2 * CREDIT_OF_300_WH == noor.energy()
    for n in range(43, 47):
        noor.hear(n, *power("E1", export_1=600 + (n - 42) * 300))
        noor.deliver()
    # What was credited in September is taken back there and given here, and nothing remains twice.
    assert 6 * CREDIT_OF_300_WH == noor.energy()
    claims = noor.street.community.db.execute("SELECT period, due FROM claim ORDER BY period")
    assert [("2026-06-21", 6 * CREDIT_OF_300_WH), ("2026-09-19", 0)] == list(claims)


# Pulses.


@pytest.fixture
def panels(tmp_path):
    """A house whose panels have a meter with a pulse contact, under rules for its register."""
    neighbour = Neighbour(tmp_path / "other")
    policy = POLICY.replace('["1-0:2.8.1", "1-0:2.8.2"]', '["1-0:2.8.0"]')
    neighbour.street = Street(tmp_path / "panels", policy=policy)
    yield neighbour
    neighbour.house.journal.close()


def pulses(neighbour, *counts, first=40, **given):
    for n, count in enumerate(counts):
        neighbour.house.count(MIDNIGHT_MS + (first + n) * QUARTER_MS, count, **given)
    neighbour.deliver()


def test_pulses_without_a_worth_are_counted_and_not_credited(panels):
    panels.fit(device="contact")
    pulses(panels, 100, 400, 700)
    assert 0 == panels.energy()
    (waits,) = panels.held()
    said = "These are pulses, and nobody has said what a pulse of this meter is worth."
    assert ("home/contact", said) == (waits["meter"], waits["sentence"])
    assert waits["zin"].startswith("Dit zijn pulsen, en niemand heeft gezegd")
    # The steward gives it a worth later, from before: 600 pulses of 1 Wh less the first interval.
    panels.fit(device="contact", from_ms=1, per_pulse="1/1000 kWh")
    assert 200_000 == panels.energy()
    assert [] == panels.held()


def test_the_fraction_of_a_pulse_is_floored_once_and_not_per_quarter(panels):
    # 1/3 Wh per pulse at 1/3 credit per kWh: 9 pulses are 3 Wh are 1000 millionths; per quarter
    # of one pulse it would be 111 each, 999 in all.
    panels.fit(device="contact", per_pulse="1/3 Wh")
    pulses(panels, *range(10))
    assert 1_000 == panels.energy()


def test_the_rating_is_checked_in_energy_and_not_in_pulses(panels):
    # 15.181 kWh a quarter: 15,181 pulses of 1 Wh are believed, one more is not.
    panels.fit(device="contact", per_pulse="1/1000 kWh")
    pulses(panels, 0, 15_181, 30_363)
    assert ["first", "", "rating"] == [why for _, why in panels.verdicts("1-0:2.8.0")]
    assert 5_060_333 == panels.energy()


def test_water_by_the_pulse_is_no_energy(panels):
    panels.fit(device="contact", per_pulse="10 L")
    pulses(panels, 0, 300)
    assert ["pulses", "pulses"] == [why for _, why in panels.verdicts("1-0:2.8.0")]
    assert 0 == panels.energy()


def test_water_pulses_are_litres(panels):
    panels.fit(device="contact", per_pulse="10 L")
    pulses(panels, 0, 1_000, 2_001, register="8-0:1.0.0")
    rows = panels.street.community.db.execute("SELECT delta, per_pulse, verdict FROM counter")
    # 40 m3 an hour are 10 m3 a quarter, 1,000 pulses.
    assert [(0, "10 L", "first"), (1_000, "10 L", ""), (0, "10 L", "rating")] == list(rows)


def test_a_new_worth_counts_from_its_own_day_on(panels):
    panels.fit(device="contact", per_pulse="1/1000 kWh")
    swap_ms = MIDNIGHT_MS + 42 * QUARTER_MS
    panels.fit(device="contact", from_ms=swap_ms, per_pulse="1/500 kWh")
    pulses(panels, 0, 300, 600, 900)
    # 600 pulses of 1 Wh and 300 of 2 Wh are 1.2 kWh.
    assert 400_000 == panels.energy()
    policies = panels.street.community.policies
    day = statement(
        panels.street.community.db,
        ID,
        "noor",
        "2026-06-21",
        registry=panels.street.community.registry,
        policies=policies,
    )
    assert {"1-0:2.8.0": 1_200_000} == day["lines"][0]["quantity"]
    assert [("1/1000 kWh", 600), ("1/500 kWh", 300)] == [
        (one["per_pulse"], one["pulses"]) for one in day["lines"][0]["pulses"]
    ]


def test_why_and_the_statement_show_pulses_and_their_worth(panels):
    panels.fit(device="contact", per_pulse="1/3 Wh")
    pulses(panels, 10, 11, 20)
    db, policies = panels.street.community.db, panels.street.community.policies
    found = why(db, ID, 1, registry=panels.street.community.registry, policies=policies)
    first, one, nine = found["evidence"]
    assert ("0 Wh (pulses: 0, each 1/3 Wh)", 0) == (first["measured"], first["counts"])
    assert ("1/3 Wh (pulses: 1, each 1/3 Wh)", "1000/3", 1, "1/3 Wh") == (
        one["measured"], one["counts"], one["pulses"], one["per_pulse"],
    )  # fmt: skip
    assert ("3 Wh (pulses: 9, each 1/3 Wh)", 3_000) == (nine["measured"], nine["counts"])
    assert {"1-0:2.8.0": "10000/3"} == found["quantities"]
    registry = panels.street.community.registry
    day = statement(db, ID, "noor", "2026-06-21", registry=registry, policies=policies)
    assert {"1-0:2.8.0": "10000/3"} == day["lines"][0]["quantity"]
    assert [(10, "pulse", "1/3 Wh")] == [
        (one["value"], one["unit"], one["per_pulse"]) for one in day["readings"][:1]
    ]


def test_a_contact_whose_count_was_lost_begins_afresh_by_the_stewards_word(panels):
    panels.fit(device="contact", per_pulse="1/1000 kWh")
    pulses(panels, 5_000, 5_300, 0, 300)
    assert CREDIT_OF_300_WH == panels.energy()
    panels.fit(device="contact", from_ms=MIDNIGHT_MS, per_pulse="1/1000 kWh", anew=True)
    assert 2 * CREDIT_OF_300_WH == panels.energy()


@pytest.mark.parametrize(
    "given", ["1000", "1/0 kWh", "0 L", "-1 Wh", "1 W", "1e3 Wh", "1 kg", "1/3kWh", "1 Wh each"]
)
def test_a_worth_that_is_no_quantity_is_refused(noor, given):
    with pytest.raises(Exception, match=r"not so much per pulse|not above zero|not a number"):
        noor.fit(from_ms=1, per_pulse=given)
    assert 0 == noor.energy()


def test_the_edges_of_a_contact_become_a_credit(panels):
    """From the kernel's events on: 48 bytes an edge, a pulse of 40 ms every six seconds."""
    panels.fit(device="contact", per_pulse="1/1000 kWh")
    settings_ = {"register": "1-0:2.8.0", "pulses_per_kwh": "1000", "rated_w": "3680"}
    session = s0.DEVICE.open(settings_)
    start_ms = MIDNIGHT_MS + 40 * QUARTER_MS
    for n in range(301):
        closed_ms = start_ms + n * 6_000
        edges = b"".join(
            struct.pack("<QIIII24x", at_ms * 1_000_000, kind, 17, number, number)
            for at_ms, kind, number in ((closed_ms, 2, 2 * n + 1), (closed_ms + 40, 1, 2 * n + 2))
        )
        panels.house.clock.now_ms = closed_ms + 40
        for step in session.feed(edges):
            if isinstance(step, Message):
                panels.house.intake.hear("contact", step)
    panels.deliver()
    # From the first pulse after one boundary to the first after the next but one: 300 Wh.
    assert ["first", "", ""] == [why for _, why in panels.verdicts("1-0:2.8.0")]
    assert CREDIT_OF_300_WH == panels.energy()
