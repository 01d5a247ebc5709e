"""The meters behind a smart meter are found by what they are, wherever they hang."""

import json
from typing import Any

import pytest

from drivers.p1 import DEVICE
from drivers.reading import Message, Reading
from gateway.channels import behind, by_kind, is_channel
from gateway.devices import DeviceNow
from gateway.home.link import state, with_kinds
from gateway.page import view
from gateway.page.words import Words
from tests.house import telegram

NOON = 1_780_308_000_000  # 2026-06-01T12:00 in Amsterdam


def said(*lines: str) -> dict[str, Reading]:
    """What a meter says at 12:03 with these lines, by register."""
    (message,) = DEVICE.open({}).feed(telegram("0-0:1.0.0(260601120300S)", *lines))
    assert isinstance(message, Message)
    assert not [fault for fault in message.faults if fault.kind != "placeholder"]
    return {reading.register: reading for reading in message.readings}


DEAD_GAS = ("0-1:24.1.0(003)", "0-1:96.1.0(4731)", "0-1:24.2.1(260214090000W)(00777.000*m3)")
GAS = ("0-2:24.1.0(003)", "0-2:96.1.0(4732)", "0-2:24.2.1(260601120000S)(00001.500*m3)")
WATER = ("0-3:24.1.0(007)", "0-3:96.1.0(5731)", "0-3:24.2.1(260601120000S)(00017.420*m3)")


def test_gas_is_the_live_meter_on_channel_2_while_the_dead_one_is_still_listed() -> None:
    readings = said(*DEAD_GAS, *GAS, *WATER)
    assert by_kind(readings) == {"gas": readings["0-2:24.2.1"], "water": readings["0-3:24.2.1"]}
    assert [(one.kind, one.alive) for one in behind(readings)] == [
        ("gas", False),
        ("gas", True),
        ("water", True),
    ]


@pytest.mark.parametrize(
    ("stamp", "count"),
    [("632525252525W", "00777.000"), ("000101000000W", "00777.000"), ("270214090000W", "00777.0")],
    ids=["no date", "never set", "ahead of its own telegram"],
)
def test_a_stamp_that_is_no_time_is_not_the_freshest(stamp: str, count: str) -> None:
    dead = (*DEAD_GAS[:2], f"0-1:24.2.1({stamp})({count}*m3)")
    assert by_kind(said(*dead, *GAS))["gas"].register == "0-2:24.2.1"


def test_water_is_not_taken_for_gas_nor_gas_missed_as_belgium_names_it() -> None:
    readings = said(
        "0-1:24.1.0(007)", "0-1:24.2.1(260601120000S)(00017.420*m3)",
        "0-2:24.1.0(003)", "0-2:24.2.3(260601120000S)(00001.500*m3)",
    )  # fmt: skip
    assert {kind: one.register for kind, one in by_kind(readings).items()} == {
        "water": "0-1:24.2.1",
        "gas": "0-2:24.2.3",
    }


def test_two_live_gas_meters_do_not_take_turns_at_being_the_gas_meter() -> None:
    first = (*DEAD_GAS[:2], "0-1:24.2.1(260601115500S)(00777.000*m3)")
    assert by_kind(said(*first, *GAS))["gas"].register == "0-1:24.2.1"


def test_a_meter_of_unknown_kind_is_told_by_its_channel_alone() -> None:
    readings = said("0-1:24.1.0(099)", "0-1:24.2.1(260601120000S)(00001.000*m3)")
    assert by_kind(readings) == {}
    assert [(one.kind, one.alive) for one in behind(readings)] == [("", True)]


def test_only_the_channels_of_the_m_bus_are_channels() -> None:
    registers = ("0-1:24.2.1", "0-12:96.1.0", "0-0:96.1.1", "1-0:1.8.0", "7-0:3.0.0")
    assert [True, True, False, False, False] == [is_channel(register) for register in registers]


def test_the_home_link_says_gas_whatever_its_channel() -> None:
    told = json.loads(state(with_kinds(said(*DEAD_GAS, *GAS, *WATER))))
    assert (1_500, 17_420) == (told["gas"], told["water"])
    assert (777_000, 1_500) == (told["0-1:24.2.1"], told["0-2:24.2.1"])


def test_the_page_shows_each_meter_and_since_when_the_dead_one_is_silent() -> None:
    readings = said(*DEAD_GAS, *GAS, *WATER)
    device: dict[str, Any] = {
        "last_ms": NOON,
        "messages": 1,
        "readings": {name: one._asdict() for name, one in readings.items()},
        "behind": [
            {"kind": kind, "register": one.register, "serial": one.serial, "alive": alive}
            for kind, alive, one in behind(readings)
        ],
    }
    card = view._meter("hall", device, DeviceNow("p1", talks=True), Words("en"))
    shown = {row["register"]: row["meaning"] for row in card["rows"]}
    assert shown == {
        "0-1:24.2.1": "gas, meter G1 not heard since Saturday 14 February 2026",
        "0-2:24.2.1": "gas",
        "0-3:24.2.1": "water",
    }
