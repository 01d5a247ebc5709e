"""What the demonstration tells: who has what, what happens, what a day came to."""

import pytest

from firmware_sim import telling
from firmware_sim.agreement import MeterDay

NINE_MS = 1_782_025_200_000  # 21 June 2026, 9 o'clock in Amsterdam


@pytest.mark.parametrize(
    ("event", "said", "expected"),
    [
        ("gives", {"member": "noor", "amount": 301}, "Noor's roof begins to give back: 301 W"),
        ("heats", {"member": "noor", "amount": 1581}, "Noor's heat pump starts: 1581 W"),
        ("showers", {"member": "bram", "amount": 140}, "Bram's shower runs: 8 l/min"),
        ("unheard", {"meters": ["home-bram/water"]}, "Not heard at midnight: home-bram/water"),
        ("visit", {"member": "", "fraction": "glass"},
         "Somebody with an unknown card brings glass"),
        ("accepted", {"fraction": "paper", "net_mg": 7_030_000}, "Kept: 7.030 kg of paper"),
        ("accepted", {"fraction": "lamps", "pieces": 3}, "Kept: 3 LED lamps"),
        ("turned_away", {"why": "same_bag"}, "The same bag once more: same_bag"),
    ],
)  # fmt: skip
def test_an_event_is_told_with_its_time(event, said, expected):
    assert telling.sentence(event, {"at_ms": NINE_MS, **said}) == f"09:00  {expected}"


@pytest.mark.parametrize("event", ["heated", "showered", "hour"])
def test_what_nobody_wants_to_read_is_not_told(event):
    assert telling.sentence(event, {"at_ms": NINE_MS, "member": "noor"}) == ""


def test_every_household_is_told_with_its_meters():
    lines = telling.who_has_what()
    assert lines[1] == "Bram has a smart meter (P1, Belgian), a water meter (M-Bus)."
    assert len(lines) == len(telling.street.HOMES)


@pytest.mark.parametrize(
    ("used", "unit", "expected"),
    [
        ({"1-0:1.8.0": 3_000_000, "1-0:1.8.1": 2_000_000, "1-0:1.8.2": 1_000_000}, "mWh",
         "3.000 kWh taken"),
        ({"1-0:2.8.1": 2_000_000, "1-0:2.8.2": 500_000, "1-0:1.8.1": 0}, "mWh",
         "2.500 kWh given back"),
        ({"6-0:1.0.0": 40 * 10**9, "6-0:1.0.0_1": 10**12}, "mJ", "40.000 MJ of heat"),
        ({"0-n:24.2.3": 2_059_000}, "ml", "2.059 m³ of gas"),
        ({"1-0:2.8.0": 1921}, "pulse", "1921 pulses"),
        ({}, "mWh", ""),
    ],
    ids=["a total", "tariffs", "heat", "gas", "pulses", "nothing"],
)  # fmt: skip
def test_what_a_meter_counted_is_told_once_in_the_units_of_people(used, unit, expected):
    meter = MeterDay("noor", "g", "d", "meter", "kind", 4, used, dict.fromkeys(used, unit))
    table = telling.meters([meter])
    assert table[1].endswith(f"  {expected}")
    assert table[1].startswith("Noor's meter ")
