"""The home link: only what a device has said, again when the broker forgot it."""

import asyncio
import json

from drivers.reading import Message, Reading
from gateway.contract.link import Broker
from gateway.devices import DeviceNow, total
from gateway.home import HomeLink, state

ENERGY = Reading("1-0:1.8.1", 4_426_500, "mWh", serial="K8")


class FakeLink:
    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    async def publish(self, topic: str, payload: bytes, **_: object) -> None:
        self.said.append((topic, payload))


def home(devices: dict[str, DeviceNow]) -> tuple[HomeLink, FakeLink]:
    broker = Broker("127.0.0.1", 1, tls=False, user=None, password=None)
    made, link = HomeLink(devices, gateway="noor", broker=broker), FakeLink()
    made.link = link  # type: ignore[assignment]
    return made, link


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


def test_a_device_that_said_nothing_has_no_state() -> None:
    made, link = home({"hall": DeviceNow("p1", talks=True)})
    asyncio.run(made._publish_changes(0.0))
    assert link.said == [("meterkast/noor/dev/hall/avail", b"offline")]


def test_only_changes_are_said_and_all_of_it_again_after_a_new_connection() -> None:
    device = DeviceNow("p1", talks=True)
    device.opened(0.0)
    device.hear(Message(0, b"", (ENERGY,)), now_s=0.0, utc_ms=5)
    made, link = home({"hall": device})

    async def scenario() -> None:
        await made._publish_changes(1.0)
        await made._publish_changes(2.0)
        assert len(link.said) == 2
        await made._on_up()
        await made._publish_changes(3.0)

    asyncio.run(scenario())
    told = [topic for topic, _ in link.said[2:]]
    assert told == [
        "meterkast/noor/state",
        "meterkast/noor/dev/hall/avail",
        "meterkast/noor/dev/hall/state",
    ]


def test_a_cards_number_is_never_kept_or_told() -> None:
    device = DeviceNow("rdm6300", talks=False)
    device.hear(Message(0, b"", (Reading("card", "0A00ABCDEF"),)), now_s=0.0, utc_ms=5)
    assert json.loads(state(device.readings)) == {}


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
