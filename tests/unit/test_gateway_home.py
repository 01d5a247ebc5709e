"""The home link: only what a device has said, again when the broker forgot it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drivers.reading import Fault, Message, Reading
from gateway.contract.link import Broker, LinkDown
from gateway.devices import DeviceNow, total
from gateway.home import memory as homememory
from gateway.home.link import HomeLink, state, with_kinds

ENERGY = Reading("1-0:1.8.1", 4_426_500, "mWh", serial="K8")
POWER = Reading("1-0:1.7.0", 250_000, "mW", serial="K8")
CONFIG = "homeassistant/device/meterkast_noor_hall/config"
STATE = "meterkast/noor/dev/hall/state"


class FakeLink:
    """A broker that keeps what is retained, and can be gone."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.up = asyncio.Event()
        self.up.set()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if not self.up.is_set():
            raise LinkDown
        assert retain
        self.said.append((topic, payload))
        self.retained[topic] = payload

    def told(self, topic: str) -> Any:
        return json.loads(self.retained[topic])


class Home:
    """A home link and its time, which only passes when a test says so."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.devices = settings.pop("devices", None) or {"hall": DeviceNow("p1", talks=True)}
        facts: Mapping[str, object] = settings.pop("facts", {"clock": "synced", "hub": None})
        self.link = FakeLink()
        self.home = HomeLink(
            self.devices,
            gateway=settings.pop("gateway", "noor"),
            broker=Broker.parse("mqtt://127.0.0.1:1", where="home_broker"),
            folder=folder,
            titles=settings.pop("titles", {"hall": "Smart meter", "heat": "Heat meter"}),
            health=lambda: facts,
            **settings,
        )
        self.home.link = self.link  # type: ignore[assignment]
        self.now_s = 0.0

    def say(self, *readings: Reading, device: str = "hall") -> None:
        now = self.devices[device]
        if not now.open:
            now.opened(self.now_s)
        now.hear(Message(0, b"", readings), now_s=self.now_s, utc_ms=5)

    def turn(self, seconds: float = 1.0) -> list[str]:
        """The topics that something was said on, `seconds` later."""
        self.now_s += seconds
        before = len(self.link.said)
        for device in self.home._devices.values():
            device.hear(self.now_s)
        asyncio.run(self.home._publish_changes(self.now_s))
        return [topic for topic, _ in self.link.said[before:]]

    def components(self, name: str = "hall") -> dict[str, dict[str, Any]]:
        topic = f"homeassistant/device/meterkast_noor_{name}/config"
        components: dict[str, dict[str, Any]] = self.link.told(topic)["components"]
        return {key: one for key, one in components.items() if not key.startswith("line-")}

    def farewell(self) -> None:
        asyncio.run(self.home.farewell())


def test_the_state_is_flat_and_exact() -> None:
    readings = [
        ENERGY,
        Reading("0-0:96.14.0", "0002"),
        Reading("1-0:2.7.0", -1, "mW"),
        Reading("0-0:96.7.21", 13, "count"),
    ]
    assert state({reading.register: reading for reading in readings}) == (
        b'{"1-0:1.8.1":4426.5,"0-0:96.14.0":"0002","1-0:2.7.0":-0.001,"0-0:96.7.21":13}'
    )


def test_a_device_that_said_nothing_has_neither_state_nor_description(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.turn()
    assert {
        "homeassistant/device/meterkast_noor/config",
        "meterkast/noor/health",
        "meterkast/noor/dev/hall/avail",
        "meterkast/noor/dev/hall/line",
    } == made.link.retained.keys()
    assert b"offline" == made.link.retained["meterkast/noor/dev/hall/avail"]


def test_only_changes_are_said_and_all_of_it_again_after_a_new_connection(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.say(ENERGY)
    everything = [
        "homeassistant/device/meterkast_noor/config",
        "meterkast/noor/health",
        CONFIG,
        STATE,
        "meterkast/noor/dev/hall/avail",
        "meterkast/noor/dev/hall/line",
    ]
    assert everything == made.turn()
    assert [] == made.turn()
    asyncio.run(made.home._on_up())
    assert ("meterkast/noor/state", b"online") == made.link.said[-1]
    assert everything == made.turn()


def test_all_is_said_again_when_home_assistant_has_started(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.say(ENERGY)
    made.turn()
    made.home._on_message("homeassistant/status", b"offline")
    assert [] == made.turn()
    made.home._on_message("homeassistant/status", b"online")
    assert CONFIG in made.turn()


def test_a_register_is_described_once_it_was_read_and_stays(tmp_path: Path) -> None:
    made = Home(tmp_path, language="en")
    made.say(POWER)
    made.turn()
    assert ["Power taken"] == [one["name"] for one in made.components().values()]
    made.say(ENERGY)
    assert [CONFIG, STATE] == made.turn()
    made.say(POWER._replace(value=251_000))
    assert [STATE] == made.turn()
    names = [one["name"] for one in made.components().values()]
    assert ["Power taken", "Energy taken, tariff 1"] == names
    assert {"1-0:1.7.0": 251, "1-0:1.8.1": 4426.5} == made.link.told(STATE)


def test_ever_new_registers_of_a_bad_line_fill_nothing(tmp_path: Path) -> None:
    made = Home(tmp_path)
    for number in range(300):
        made.say(Reading(f"1-0:{number}.7.0", 5, "mW"))
        made.turn()
    assert 256 == len(made.components()) == len(made.link.told(STATE))


def test_after_a_restart_nothing_is_taken_back_that_was_not_heard_yet(tmp_path: Path) -> None:
    before = Home(tmp_path)
    before.say(ENERGY)
    before.turn()
    before.farewell()
    after = Home(tmp_path)
    after.say(POWER)
    after.turn()
    assert before.components().items() <= after.components().items()
    assert {"1-0:1.7.0": 250} == after.link.told(STATE)


def test_a_zero_after_a_power_cut_is_not_said(tmp_path: Path) -> None:
    before = Home(tmp_path)
    before.say(ENERGY)
    before.turn()
    before.farewell()
    after = Home(tmp_path)
    after.say(ENERGY._replace(value=0))
    after.turn()
    assert {"1-0:1.8.1": 4426.5} == after.link.told(STATE)


@pytest.mark.parametrize(
    ("count", "key"),
    [
        (ENERGY, "1-0:1.8.1"),
        (Reading("0-1:24.2.1", 4_426_500, "mL", serial="K8"), "gas"),
    ],
    ids=["its own", "of a meter behind it"],
)
def test_a_dip_counts_as_often_as_it_was_said(tmp_path: Path, count: Reading, key: str) -> None:
    made = Home(tmp_path)
    kind = Reading("0-1:24.1.0", "003")
    for value in (4_426_500, 0):
        made.say(kind, count._replace(value=value))
        made.turn(300)
    for _ in range(3):  # a telegram without the count is no word on it
        made.say(POWER)
        made.turn(300)
    assert 4426.5 == made.link.told(STATE)[key]


def test_another_meter_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    made = Home(tmp_path, language="en")
    made.say(ENERGY)
    made.turn()
    for _ in range(3):
        made.say(ENERGY._replace(value=7, serial="L9"))
        made.turn(300)
    assert {"1-0:1.8.1": 0.007} == made.link.told(STATE)
    old, new = made.components().items()
    assert ("1-0-1-8-1-meter-k8", {"platform": "sensor"}) == old
    assert "1-0-1-8-1-meter-l9" == new[0]
    assert "Energy taken, tariff 1 (2)" == new[1]["name"]
    assert "meterkast_noor_hall_1-0-1-8-1-meter-l9" == new[1]["unique_id"]


def test_gas_stays_gas_on_another_channel(tmp_path: Path) -> None:
    made = Home(tmp_path, language="en")
    for channel in (1, 2):
        made.say(
            Reading(f"0-{channel}:24.1.0", "003", at_ms=channel),
            Reading(f"0-{channel}:24.2.1", 321_009_000, "mL", at_ms=channel, serial="G1"),
        )
        made.turn()
    assert ["gas-meter-g1"] == list(made.components())
    assert "gas" == made.components()["gas-meter-g1"]["device_class"]


def test_what_was_taken_out_of_the_settings_is_emptied(tmp_path: Path) -> None:
    two = {"hall": DeviceNow("p1", talks=True), "heat": DeviceNow("mbus", talks=True)}
    before = Home(tmp_path, devices=two)
    before.say(ENERGY)
    before.say(Reading("6-0:1.0.0", 5, "mJ"), device="heat")
    before.turn()
    before.farewell()
    after = Home(tmp_path)
    after.say(ENERGY)
    gone = [topic for topic in before.link.retained if "heat" in topic]
    after.turn()
    assert 4 == len(gone)
    assert [(topic, b"") for topic in gone] == after.link.said[:4]
    after.farewell()
    assert not any(b"" == payload for _, payload in _turned(Home(tmp_path)))


def _turned(made: Home) -> list[tuple[str, bytes]]:
    made.turn()
    return made.link.said


def test_a_name_for_another_kind_of_device_shows_nothing_of_the_one_before(tmp_path: Path) -> None:
    before = Home(tmp_path)
    before.say(ENERGY)
    before.turn()
    before.farewell()
    after = Home(tmp_path, titles={"hall": "Electricity meter with SML"})
    after.say(POWER)
    after.turn()
    assert {"platform": "sensor"} == after.components()["1-0-1-8-1-meter-k8"]
    assert "power" == after.components()["1-0-1-7-0"]["device_class"]


@pytest.mark.parametrize(
    "settings", [{"discovery": ""}, {"discovery": "ha"}], ids=["switched off", "elsewhere"]
)
def test_a_description_that_is_wanted_no_more_is_emptied(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    before = Home(tmp_path)
    before.say(ENERGY)
    before.turn()
    before.farewell()
    after = Home(tmp_path, **settings)
    after.say(ENERGY)
    after.turn()
    described = {topic for topic, payload in after.link.retained.items() if b"origin" in payload}
    assert b"" == after.link.retained[CONFIG]
    assert {topic.partition("/")[0] for topic in described} <= {"ha"}


def test_the_facts_of_the_gateway_are_said_once_a_minute(tmp_path: Path) -> None:
    facts: dict[str, object] = {"clock": "held", "temperature": None}
    made = Home(tmp_path, facts=facts)
    made.turn()
    assert {"clock": "held"} == made.link.told("meterkast/noor/health")
    facts["clock"] = "synced"
    assert [[], ["meterkast/noor/health"]] == [made.turn(59.0), made.turn(1.0)]


def test_how_well_a_line_is_heard(tmp_path: Path) -> None:
    made = Home(tmp_path)
    line = made.devices["hall"].line
    line.open(0.0)
    line.hear(8, 3.0)
    line.take(Message(0, b"", (ENERGY,)), 3.0)
    line.take(Message(0, b"", (), (Fault("checksum", 0, 8),)), 3.0)
    made.turn(5.0)
    assert {
        "telegrams": 1,
        "faults": 1,
        "damaged_percent": 50.0,
        "silence_s": 3,
    } == made.link.told("meterkast/noor/dev/hall/line")


def test_who_leaves_says_so(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.farewell()
    assert [("meterkast/noor/state", b"offline")] == made.link.said


def test_a_link_that_is_down_stops_neither_counting_nor_the_end(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.link.up.clear()
    made.say(ENERGY)
    with pytest.raises(LinkDown):
        made.turn()
    made.farewell()
    assert 4_426_500 == homememory.load(tmp_path).counts["hall"]["1-0:1.8.1"].value


def test_a_memory_that_is_damaged_or_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / homememory.NAME).write_bytes(b'{"counts": 5')
    made = Home(tmp_path)
    made.say(ENERGY)
    assert STATE in made.turn()
    made.home._folder = tmp_path / "gone"
    made.farewell()
    assert ("meterkast/noor/state", b"offline") == made.link.said[-1]


def test_a_cards_number_is_never_kept_or_told() -> None:
    device = DeviceNow("rdm6300", talks=False)
    device.hear(Message(0, b"", (Reading("card", "0A00ABCDEF"),)), now_s=0.0, utc_ms=5)
    assert json.loads(state(with_kinds(device.readings))) == {}


def test_a_device_is_silent_after_a_minute_if_it_should_talk() -> None:
    meter, reader = DeviceNow("p1", talks=True), DeviceNow("rdm6300", talks=False)
    assert meter.state(0.0) == "lost"
    meter.opened(100.0)
    reader.opened(100.0)
    assert (meter.state(160.0), meter.state(160.1)) == ("ok", "silent")
    assert reader.state(999.0) == "ok"


def test_the_total_register_goes_before_its_tariffs() -> None:
    tariffs = {"1-0:1.8.1": ENERGY, "1-0:1.8.2": ENERGY._replace(register="1-0:1.8.2", value=1)}
    assert total(tariffs, "1.8") == 4_426_501
    assert total({**tariffs, "1-0:1.8.0": ENERGY._replace(value=9)}, "1.8") == 9
    assert total(tariffs, "2.8") is None
