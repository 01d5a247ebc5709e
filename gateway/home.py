"""The home link: what each device says now, for Home Assistant and whoever listens in the house.

`meterkast/<gateway>/dev/<device>/state` is flat JSON of exact decimals in base units, retained;
`…/avail` is `online` or `offline`. Only what a device has said is ever published. The meters
behind a smart meter are told by their channel, and once more by what they count: `gas` stays
`gas` when a new meter hangs on another channel.
"""

import asyncio
from contextlib import suppress

import msgspec

from drivers.reading import UNITS, Reading
from gateway.channels import by_kind
from gateway.contract.link import Broker, Link, LinkDown, Will
from gateway.contract.record import decimal
from gateway.devices import DeviceNow

ROOT = "meterkast"
# At most one state per device in this real time: nobody looks oftener.
INTERVAL_S = 1.0


def state(readings: dict[str, Reading]) -> bytes:
    """`{"1-0:1.8.1": 4426.5, …, "gas": 321009}` in Wh, W, V, g, l; text as text."""
    flat: dict[str, msgspec.Raw | str | int] = {}
    kinds = {kind.replace(" ", "_"): reading for kind, reading in by_kind(readings).items()}
    for register, reading in (readings | kinds).items():
        if isinstance(reading.value, str) or reading.unit not in UNITS:
            flat[register] = reading.value
        else:
            flat[register] = decimal(reading.value)
    return msgspec.json.encode(flat)


class HomeLink:
    """Publishes the devices' states as they change."""

    def __init__(self, devices: dict[str, DeviceNow], *, gateway: str, broker: Broker) -> None:
        self._devices = devices
        self._root = f"{ROOT}/{gateway}"
        self._said: dict[str, bytes] = {}
        self.turned_s = 0.0
        self.link = Link(
            broker,
            client_id=f"mk-home-{gateway}",
            subscriptions=[],
            on_message=lambda _topic, _payload: None,
            on_up=self._on_up,
            will=Will(f"{self._root}/state", b"offline"),
        )

    async def _on_up(self) -> None:
        """A broker may have lost what it retained: say everything again."""
        self._said.clear()
        await self.link.publish(f"{self._root}/state", b"online", retain=True)

    async def run(self) -> None:
        """Publish for ever; ends only when cancelled."""
        while True:
            self.turned_s = asyncio.get_running_loop().time()
            if self.link.up.is_set():
                with suppress(LinkDown):  # the link logs it; on_up says everything again
                    await self._publish_changes(self.turned_s)
            await asyncio.sleep(INTERVAL_S)

    async def _publish_changes(self, now_s: float) -> None:
        for name, device in self._devices.items():
            available = b"online" if device.state(now_s) == "ok" else b"offline"
            await self._say(f"{self._root}/dev/{name}/avail", available)
            if device.readings:
                await self._say(f"{self._root}/dev/{name}/state", state(device.readings))

    async def _say(self, topic: str, payload: bytes) -> None:
        if self._said.get(topic) != payload:
            await self.link.publish(topic, payload, retain=True)
            self._said[topic] = payload
