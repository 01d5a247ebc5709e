"""What meters counted and showed becomes points: each once, at its time, in one unit for a flow."""

from collections import defaultdict
from zlib import compress

import pytest

from drivers.reading import Reading
from gateway.contract.keys import b64
from gateway.contract.record import CLOCK, Element, element
from ledger_bridge.books.facts.official import Series as Figures
from ledger_bridge.books.registry.edits import MeterFitted
from tests.clocks import HOUR_MS, Books, Event, Life
from tests.homes import IN, OUT
from tests.series import written_anew
from tests.street import MIDNIGHT_MS, QUARTER_MS, Chain, Street

KWH = 1_000_000


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path)
    street.home = Chain("home")
    return street


def hear(street, quarter, *readings, late_ms=0, device="hall", telegram="", **odd):
    """A record of `home` so many quarter-hours after midnight."""
    at_ms = MIDNIGHT_MS + quarter * QUARTER_MS + late_ms
    pack = [element(device, one, base_ms=at_ms) for one in readings]
    if telegram:
        sent = b64(compress(telegram.encode()))
        pack.append(Element(n=f"{device}/telegram", vd=sent))
    street.take("home", street.home.record(pack, made_ms=at_ms, **odd))


def taken(mwh, serial="E1"):
    return Reading(IN, mwh, "mWh", None, serial)


def at(quarter, ms=0):
    return MIDNIGHT_MS + quarter * QUARTER_MS + ms


def values(found):
    return {at_ms: fields["value"] for at_ms, fields in found.items()}


def test_a_count_stands_at_its_reading_and_its_gain_where_the_quarter_hour_began(street):
    for quarter, mwh in ((40, 7 * KWH), (41, 7 * KWH + 300_001), (44, 9 * KWH)):
        hear(street, quarter, taken(mwh), late_ms=5_000)
    series = written_anew(street)
    counts = {at(40, 5_000): 7 * KWH, at(41, 5_000): 7_300_001, at(44, 5_000): 9 * KWH}
    tags = {"account": "acc-noor", "gateway": "home", "device": "hall"}
    assert counts == values(
        series.of("count", **tags, register=IN, unit="Wh", flow="taken", clock="synced")
    )
    # From 10:15 to 11:00 nobody knows when: it stands at 10:45, the last of the three.
    gains = {
        at(40): {"gained": 300_001, "spanned": 0},
        at(43): {"gained": 0, "spanned": 1_699_999},
    }
    assert gains == series.of("quarter", **tags, flow="taken")
    day = {MIDNIGHT_MS: {"gained": 2 * KWH}}
    assert day == series.of("day", account="acc-noor", flow="taken")


def test_the_first_reading_after_midnight_belongs_to_the_day_before(street):
    hear(street, 95, taken(0), late_ms=5_000)
    hear(street, 96, taken(KWH), late_ms=5_000)
    series = written_anew(street)
    assert {at(95): {"gained": KWH, "spanned": 0}} == series.of("quarter")
    assert {MIDNIGHT_MS: {"gained": KWH}} == series.of("day")


def test_power_and_voltage_stand_beside_the_count_in_milli_units_and_pieces_whole(street):
    shown = [
        Reading("1-0:1.7.0", 1_250_000, "mW", None, "E1"),
        Reading("1-0:32.7.0", 231_400, "mV", None, "E1"),
        Reading("outside-temperature", -3_500, "m°C", None, "E1"),
        Reading("0-0:96.7.21", 4, "count", None, "E1"),
        Reading("0-0:96.14.0", "0002", "", None, "E1"),
    ]
    hear(street, 40, taken(0), *shown, clock="held")
    series = written_anew(street)
    found = {
        dict(one.tags)["register"]: (dict(one.tags)["unit"], one.at_ms, fields["value"])
        for one, fields in series.items()
        if one.measurement == "gauge"
    }
    expected = {
        "1-0:1.7.0": ("W", at(40), 1_250_000),
        "1-0:32.7.0": ("V", at(40), 231_400),
        "outside-temperature": ("Cel", at(40), -3_500),
        "0-0:96.7.21": ("count", at(40), 4),
    }
    assert expected == found
    assert {"held"} == {dict(one.tags)["clock"] for one in series if one.measurement == "gauge"}


def test_what_a_meter_keeps_of_another_day_is_left_out(street):
    yesterday = Reading("1-0:1.6.0", 5_000_000, "mW", MIDNIGHT_MS - 2 * HOUR_MS, "E1")
    today = Reading("1-0:1.6.0", 4_000_000, "mW", at(38), "E1")
    hear(street, 40, taken(0), yesterday)
    hear(street, 41, taken(0), today)
    assert {at(38): 4_000_000} == values(written_anew(street).of("gauge"))


def test_gas_and_water_on_one_port_are_told_apart_by_the_telegram(street):
    telegram = "/X\r\n\r\n0-1:24.1.0(007)\r\n0-2:24.1.0(003)\r\n0-3:24.1.0(012)\r\n!\r\n"
    for quarter in (40, 44):
        litres = (quarter - 40) * 1_000
        behind = [
            Reading("0-1:24.2.1", 17_000_000 + litres, "mL", at(quarter), "W1"),
            Reading("0-2:24.2.1", 1_500_000 + 10 * litres, "mL", at(quarter), "G1"),
            Reading("0-3:24.2.1", 7 * litres, "mJ", at(quarter), "H1"),
        ]
        hear(street, quarter, taken(0), *behind, late_ms=9_000, telegram=telegram)
    series = written_anew(street)
    for flow, gained in (("water", 4_000), ("gas", 40_000), ("heat", 28_000)):
        assert {MIDNIGHT_MS: {"gained": gained}} == series.of("day", flow=flow)
    water = {at(40): 17_000_000, at(44): 17_004_000}
    assert water == values(series.of("count", register="0-n:24.2.1", flow="water"))


@pytest.mark.parametrize(
    "telegram",
    ["", "\xdb\x08 in a cipher", "0-2:24.1.0(003)\r\n", "0-1:24.1.0(099)\r\n"],
    ids=["no telegram", "in a cipher", "of another channel", "a kind that nobody knows"],
)
def test_a_volume_that_nothing_names_is_counted_and_flows_nowhere(street, telegram):
    for quarter, litres in ((40, 5_000), (44, 7_000)):
        gas = Reading("0-1:24.2.1", litres, "mL", at(quarter), "G1")
        hear(street, quarter, gas, late_ms=9_000, telegram=telegram)
    series = written_anew(street)
    assert {at(40): 5_000, at(44): 7_000} == values(series.of("count", flow="-"))
    assert {} == series.of("quarter") == series.of("day")


def test_a_whole_count_is_not_added_to_its_tariffs(street):
    for quarter, (low, high) in ((40, (0, 0)), (41, (300, 200))):
        tariffs = [Reading(f"1-0:1.8.{n}", mwh, "mWh") for n, mwh in ((1, low), (2, high))]
        hear(street, quarter, Reading("1-0:1.8.0", low + high, "mWh"), *tariffs)
    hear(street, 42, *(Reading(f"1-0:1.8.{n}", 1_000, "mWh") for n in (1, 2)))
    gains = {
        at(40): {"gained": 500, "spanned": 0},
        at(41): {"gained": 700 + 800, "spanned": 0},
    }
    assert gains == written_anew(street).of("quarter", flow="taken")


def test_a_pulse_flows_once_somebody_said_what_it_is_worth_and_is_rounded_down(street):
    street.edit(MeterFitted("home", "roof", "", "noor", 0))
    for quarter, pulses in ((40, 0), (41, 5), (42, 6)):
        hear(street, quarter, Reading("1-0:2.8.0", pulses, "pulse"), device="roof")
    before = written_anew(street)
    assert {at(40): 0, at(41): 5, at(42): 6} == values(before.of("count", flow="-", unit="pulse"))
    assert {at(40 + n - 1): {"times": 1} for n in range(3)} == before.of("refusal", reason="pulses")
    assert {} == before.of("quarter")
    street.edit(MeterFitted("home", "roof", "", "noor", 1, per_pulse="1/3000 kWh"))
    after = written_anew(street)
    # A third of a Wh each: 1666.6 mWh and 333.3 mWh.
    gains = {at(40): {"gained": 1_666, "spanned": 0}, at(41): {"gained": 333, "spanned": 0}}
    assert gains == after.of("quarter", flow="given")
    assert {MIDNIGHT_MS: {"gained": 1_999}} == after.of("day", flow="given")
    assert {} == after.of("refusal")


def test_heat_is_told_in_millijoules_whatever_the_meter_counts_in(street):
    for quarter, mwh in ((40, 0), (41, 7)):
        heat = Reading("6-0:1.0.0", mwh, "mWh")
        carried = Reading("6-0:2.0.0", mwh * 9, "mL")
        hear(street, quarter, heat, carried)
    series = written_anew(street)
    assert {at(40): {"gained": 25_200, "spanned": 0}} == series.of("quarter")
    assert {at(40): 0, at(41): 63} == values(series.of("count", register="6-0:2.0.0", flow="-"))


def test_a_swapped_meter_is_another_series(street):
    hear(street, 40, taken(7 * KWH, "E1"))
    hear(street, 41, taken(3 * KWH, "E2"))
    counts = [one for one in written_anew(street) if one.measurement == "count"]
    assert 2 == len({one.tags for one in counts})
    assert "E1" not in str(counts)
    assert "E2" not in str(counts)


def test_an_official_figure_names_no_meter_point(street):
    point = "871687110000000017"
    street.edit(MeterFitted("home", "hall", "", "noor", 1, point=point))
    street.say("figures", Figures(point, IN, at(40), (700, None, 900), "m-s", "grid"))
    series = written_anew(street)
    gains = {at(40): {"gained": 700, "spanned": 0}, at(42): {"gained": 900, "spanned": 0}}
    assert gains == series.of("quarter", gateway="official", account="acc-noor", flow="taken")
    assert {at(41): 700, at(43): 900} == values(series.of("count", gateway="official", clock="-"))
    assert point not in str(series)


def test_a_figure_that_outranks_a_count_stands_in_its_place(street):
    point = "871687110000000017"
    street.edit(MeterFitted("home", "hall", "", "noor", 1, point=point))
    hear(street, 40, taken(0))
    hear(street, 41, taken(500))
    street.say("figures", Figures(point, IN, at(40), (700,), "m", "grid"))
    series = written_anew(street)
    assert {MIDNIGHT_MS: {"gained": 700}} == series.of("day")
    assert {} == series.of("quarter", gateway="home") == series.of("refusal")


def test_what_is_not_believed_has_no_gain_and_says_why(street):
    for quarter, mwh in ((40, 9 * KWH), (41, 8 * KWH), (42, 8 * KWH)):
        hear(street, quarter, taken(mwh), Reading(OUT, mwh, "mWh", None, "E1"))
    series = written_anew(street)
    told = {at(40): {"times": 2}, at(41): {"times": 2}}
    assert told == series.of("refusal", gateway="home", device="hall", what="meter", reason="lower")
    assert {} == series.of("quarter")


def test_a_meter_that_nobody_has_is_counted_for_nobody(street):
    hear(street, 40, taken(5), device="attic")
    series = written_anew(street)
    assert {at(40): 5} == values(series.of("count", account="-", device="attic"))
    assert {at(39): {"times": 1}} == series.of("refusal", reason="nobody")


def test_a_count_without_a_time_is_told_once_a_later_record_tells_it(street):
    pack = [
        element("hall", one, base_ms=0)
        for one in (taken(5), Reading("1-0:1.7.0", 700, "mW", None, "E1"))
    ]
    unset = {"made_ms": None, "clock": "unset", "mono_ms": 60_000}
    street.take("home", street.home.record(pack, **unset))
    assert {} == written_anew(street)
    clock = street.home.record([], made_ms=at(40), typ=CLOCK, mono_ms=60_000 + 2 * QUARTER_MS)
    street.take("home", clock)
    series = written_anew(street)
    assert {at(38): 5} == values(series.of("count", clock="unset"))
    assert {at(38): 700} == values(series.of("gauge", clock="unset"))


def test_a_gauge_without_a_time_does_not_take_that_of_the_gas_meter(street):
    gas = Reading("0-1:24.2.1", 5_000, "mL", at(36), "G1")
    pack = [element("hall", one, base_ms=0) for one in (gas, Reading("1-0:1.7.0", 700, "mW"))]
    street.take("home", street.home.record(pack, made_ms=None, clock="unset"))
    series = written_anew(street)
    assert {at(36): 5_000} == values(series.of("count"))
    assert {} == series.of("gauge")


SPRING, AUTUMN = 1_774_738_800_000, 1_792_879_200_000


@pytest.mark.parametrize(
    ("midnight_ms", "day", "quarters"),
    [
        pytest.param(SPRING, "2026-03-29", 92, id="23 hours"),
        pytest.param(AUTUMN, "2026-10-25", 100, id="25 hours"),
    ],
)
def test_the_quarter_hours_of_a_day_add_up_to_what_the_books_have_of_it(
    midnight_ms, day, quarters, tmp_path
):
    """A smart meter, one without a clock and a contact, and a clock that is wrong for a while."""
    life = Life(tmp_path / "home", from_ms=midnight_ms - HOUR_MS)
    events = [
        Event(midnight_ms + HOUR_MS, "boot", -5 * HOUR_MS),
        Event(midnight_ms + 4 * HOUR_MS, "sync"),
    ]
    books = Books(tmp_path / "books")
    books.street.take("home", *life.live(events, to_ms=midnight_ms + 30 * HOUR_MS))
    series = written_anew(books.street)
    begin_ms, end_ms = midnight_ms, midnight_ms + quarters * QUARTER_MS
    of_devices = defaultdict(int)
    for one, fields in series.items():
        if one.measurement == "quarter" and begin_ms <= one.at_ms < end_ms:
            of_devices[dict(one.tags)["device"]] += fields["gained"] + fields["spanned"]
    # A pulse of the contact is worth a Wh; the others count in mWh.
    found = books.street.community.db.execute(
        "SELECT device, sum(delta * CASE unit WHEN 'pulse' THEN 1000 ELSE 1 END) FROM counter"
        " WHERE day = ? AND member = 'noor' GROUP BY device",
        (day,),
    )
    assert dict(found.fetchall()) == of_devices
    assert {"gained": sum(of_devices.values())} == series.of("day", flow="given")[begin_ms]
    hall = series.of("quarter", device="hall")
    assert quarters == sum(begin_ms <= at_ms < end_ms for at_ms in hall)
