"""The home link: what each device says now, for Home Assistant and whoever listens in the house.

`meterkast/<gateway>/dev/<device>/state` is flat JSON of exact decimals in base units, retained;
`…/avail` is `online` or `offline`, `…/line` tells how well the device is heard, and
`meterkast/<gateway>/health` how the gateway fares. Only what a device has said is ever published,
and a count that falls only once it has stayed. The meters behind a smart meter are told by their
channel, and once more by what they count: `gas` stays `gas` when a new meter hangs on another
channel.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec
import structlog

from drivers.reading import UNITS, Reading
from gateway.channels import by_kind, is_channel
from gateway.contract.link import Broker, Link, LinkDown, Will
from gateway.contract.record import decimal
from gateway.devices import DeviceNow
from gateway.home import discovery as homeassistant
from gateway.home import memory as homememory
from gateway.home.counters import Counters
from gateway.home.discovery import About, Topics

log = structlog.get_logger()

ROOT = "meterkast"
# At most one state per device in this real time: nobody looks oftener.
INTERVAL_S = 1.0
# How the line and the gateway fare: Home Assistant keeps a row for each change.
HEALTH_S = 60.0
# Home Assistant says here that it has started, whichever prefix it looks under.
STATUS = "homeassistant/status"
# No meter has more; damage on a line without checksums may make ever new ones.
REGISTERS_MAX = 256
# The counts are written down this often: what a meter counts meanwhile is no spike.
SAVE_S = 900.0


def with_kinds(readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """The readings, and once more those of the meters behind by what they count, as `hot_water`."""
    kinds = {kind.replace(" ", "_"): reading for kind, reading in by_kind(readings).items()}
    return {**readings, **kinds}


def state(readings: Mapping[str, Reading]) -> bytes:
    """`{"1-0:1.8.1": 4426.5, …, "gas": 321009}` in Wh, W, V, g, l; text as text."""
    flat: dict[str, msgspec.Raw | str | int] = {}
    for register, reading in readings.items():
        if isinstance(reading.value, str) or reading.unit not in UNITS:
            flat[register] = reading.value
        else:
            flat[register] = decimal(reading.value)
    return msgspec.json.encode(flat)


class _Device:
    """What one device is shown to say: the last of each register that it ever said.

    Some meters tell their counts once an hour, and every ten seconds nothing but their power.
    """

    def __init__(self, now: DeviceNow, counters: Counters) -> None:
        self.now = now
        self.counters = counters
        self.raw: dict[str, Reading] = {}
        self.readings: dict[str, Reading] = {}
        self._messages = 0

    def hear(self, now_s: float) -> None:
        if self.now.messages == self._messages:
            return
        self._messages = self.now.messages
        for register, reading in self.now.readings.items():
            if register in self.raw or len(self.raw) < REGISTERS_MAX:
                self.raw[register] = reading
        for register, reading in with_kinds(self.raw).items():
            if reading.register in self.now.readings:
                self.readings[register] = self.counters.believe(register, reading, now_s)

    def shape(self) -> tuple[int, int, int]:
        """Changes whenever there is something new to describe: a register, a count, a number."""
        counts = self.counters.counts.values()
        lives, numbered = sum(one.life for one in counts), sum(one.serial != "" for one in counts)
        return len(self.readings), lives, numbered

    def kinds(self) -> set[str]:
        return self.readings.keys() - self.raw.keys()

    def about(self, title: str) -> About:
        own = (one.serial for name, one in self.raw.items() if not is_channel(name))
        serial = next(filter(None, own), "")
        return About(title, version("meterkast"), serial)


class HomeLink:
    """Publishes the devices' states as they change, and what Home Assistant should make of them."""

    def __init__(
        self,
        devices: Mapping[str, DeviceNow],
        *,
        gateway: str,
        broker: Broker,
        folder: Path,
        titles: Mapping[str, str],
        health: Callable[[], Mapping[str, object]],
        discovery: str = "homeassistant",
        language: str = "nl",
    ) -> None:
        """`titles` say what kind of thing each device is; `discovery` is "" for none."""
        self._topics = Topics(ROOT, gateway, discovery)
        self._folder, self._titles, self._health = folder, titles, health
        self._language = language
        self._memory = homememory.load(folder)
        self._forget_kinds(titles)
        self._devices = {
            name: _Device(now, Counters(self._memory.counts.get(name, {})))
            for name, now in devices.items()
        }
        self._said: dict[str, bytes] = {}
        self._shapes: dict[str, tuple[int, int, int]] = {}
        self._health_s = self._save_s = 0.0
        self._can_save = True
        self.turned_s = 0.0
        self.link = Link(
            broker,
            client_id=f"mk-home-{gateway}",
            subscriptions=[STATUS] if discovery else [],
            on_message=self._on_message,
            on_up=self._on_up,
            will=Will(self._topics.state, b"offline"),
            echo=self._topics.state,
        )

    def _forget_kinds(self, titles: Mapping[str, str]) -> None:
        """A name that now stands for another kind of device shows nothing of the one before."""
        for name, title in self._memory.titles.items():
            if titles.get(name, title) != title:
                self._memory.shown[name] = homeassistant.gone(self._memory.shown.get(name, {}))
        self._memory.titles = dict(titles)

    def _on_message(self, _: str, payload: bytes) -> None:
        """Home Assistant has started: say everything again."""
        if payload == b"online":
            self._forget_said()

    async def _on_up(self) -> None:
        """A broker may have lost what it retained: say everything again."""
        self._forget_said()
        await self._say(self._topics.state, b"online")

    def _forget_said(self) -> None:
        self._said.clear()
        self._shapes.clear()
        self._health_s = 0.0

    async def run(self) -> None:
        """Publish for ever; ends only when cancelled."""
        self._save_s = asyncio.get_running_loop().time() + SAVE_S
        while True:
            self.turned_s = asyncio.get_running_loop().time()
            for device in self._devices.values():
                device.hear(self.turned_s)
            if self.link.up.is_set():
                with suppress(LinkDown):  # the link logs it; on_up says everything again
                    await self._publish_changes(self.turned_s)
            if self.turned_s >= self._save_s:
                self._save(self.turned_s)
            await asyncio.sleep(INTERVAL_S)

    async def farewell(self) -> None:
        """Say that nobody is here, and write down what must be known again."""
        self._save(asyncio.get_running_loop().time())
        if self.link.up.is_set():
            with suppress(LinkDown):
                await self.link.publish(self._topics.state, b"offline", retain=True)

    async def _publish_changes(self, now_s: float) -> None:
        await self._withdraw()
        is_turn = now_s >= self._health_s
        if is_turn:
            self._health_s = now_s + HEALTH_S
            facts = {name: fact for name, fact in self._health().items() if fact is not None}
            await self._describe(
                "",
                homeassistant.gateway(
                    self._topics,
                    About("gateway", version("meterkast")),
                    facts,
                    language=self._language,
                ),
            )
            await self._say(self._topics.health, msgspec.json.encode(facts))
        for name, device in self._devices.items():
            available = b"online" if device.now.state(now_s) == "ok" else b"offline"
            if device.readings:
                if self._shapes.get(name) != device.shape():
                    await self._describe(name, self._described(name, device))
                    self._shapes[name] = device.shape()
                await self._say(self._topics.device(name, "state"), state(device.readings))
            await self._say(self._topics.device(name, "avail"), available)
            if is_turn:
                await self._say(self._topics.device(name, "line"), _line(device.now, now_s))

    def _described(self, name: str, device: _Device) -> homeassistant.Payload:
        identifier = self._topics.identifier(name)
        shown = homeassistant.components(
            device.readings,
            device.kinds(),
            device.counters.counts,
            identifier=identifier,
            language=self._language,
        )
        self._memory.shown[name] = homeassistant.grown(self._memory.shown.get(name, {}), shown)
        return homeassistant.device(
            self._topics,
            name,
            device.about(self._titles[name]),
            self._memory.shown[name],
            language=self._language,
        )

    async def _describe(self, name: str, payload: homeassistant.Payload) -> None:
        if self._topics.prefix:
            await self._say(self._topics.config(name), msgspec.json.encode(payload))

    async def _withdraw(self) -> None:
        """Empty what is retained of devices that are no more, or under names that were before."""
        for topic in [topic for topic in self._memory.topics if not self._is_ours(topic)]:
            await self.link.publish(topic, b"", retain=True)
            self._memory.topics.remove(topic)
            self._save_s = 0.0

    def _is_ours(self, topic: str) -> bool:
        leaves = ("state", "avail", "line")
        ours = {self._topics.state, self._topics.health}
        ours |= {self._topics.device(name, leaf) for name in self._devices for leaf in leaves}
        if self._topics.prefix:
            ours |= {self._topics.config(name) for name in ("", *self._devices)}
        return topic in ours

    async def _say(self, topic: str, payload: bytes) -> None:
        if self._said.get(topic) != payload:
            await self.link.publish(topic, payload, retain=True)
            self._said[topic] = payload
            if topic not in self._memory.topics:
                self._memory.topics.append(topic)
                self._save_s = 0.0

    def _save(self, now_s: float) -> None:
        self._save_s = now_s + SAVE_S
        self._memory.counts |= {
            name: device.counters.counts for name, device in self._devices.items()
        }
        try:
            homememory.save(self._folder, self._memory)
        except OSError as error:
            if self._can_save:
                log.warning("home_memory_not_kept", reason=str(error))
            self._can_save = False
        else:
            self._can_save = True


def _line(device: DeviceNow, now_s: float) -> bytes:
    line = device.line
    return msgspec.json.encode(
        {
            "telegrams": line.telegrams,
            "faults": sum(line.faults.values()),
            "damaged_percent": round(100 * line.damaged(), 1),
            "silence_s": round(max(line.silent_s_max, line.silent_s(now_s))),
        }
    )
