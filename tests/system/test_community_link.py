"""What leaves the house: a listener hears everything that a gateway says on the community link."""

import json
import os
import urllib.request
from base64 import urlsafe_b64decode
from zlib import decompress

import paho.mqtt.client as mqtt
import pytest

from gateway.contract import record
from gateway.contract.keys import SigningKey
from gateway.contract.record import CLOCK, QUARTER, SAMPLES
from tests.house import power, stamp, telegram
from tests.publisher import BRIDGE
from tests.system.programs import Program, free_port, running, until

pytestmark = pytest.mark.system

MINUTE_MS = 60_000
# 2026-06-21T00:00 in Amsterdam.
MIDNIGHT_MS = 1_781_992_800_000
NOON_MS = MIDNIGHT_MS + 12 * 3_600_000
LEAVES = {"state", "birth", "record", "health"}


class Listener:
    """Somebody at the broker who may read all of it."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda *said: self.heard.append((said[2].topic, said[2].payload))
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def records(self, typ: str) -> list[record.Record]:
        said = [data for topic, data in self.heard if topic == "mk/v1/straat/home/record"]
        return [one for _, one in map(record.parse, said) if one.typ == typ]

    def text(self) -> str:
        """All that was said, and the telegrams in it, as one text."""
        packs = [one for typ in (QUARTER, SAMPLES, CLOCK) for one in self.records(typ)]
        raw = [
            decompress(urlsafe_b64decode(element.vd + "==")).decode()
            for pack in packs
            for element in pack.elements
            if element.vd
        ]
        return "\n".join([*(payload.decode() for _, payload in self.heard), *raw])


class Home:
    """A gateway with a meter, in a time that is set by hand, on an embedded broker."""

    def __init__(self, folder, *, consent: str = "") -> None:
        port, self._page = free_port(), free_port()
        self._wire, self._line = os.openpty()
        self._now = folder / "clock"
        self._said = 0
        (folder / "gateway.toml").write_text(
            f'community = "straat"\ngateway = "home"\nbroker = "mqtt://127.0.0.1:{port}"\n'
            f'bridge_key = "{BRIDGE.public.x}"\npage = "127.0.0.1:{self._page}"\n{consent}\n'
            f'[device.hall]\ndriver = "p1"\nport = "{os.ttyname(self._line)}"\n'
        )
        SigningKey.create(folder / "gateway.key")
        self.set(NOON_MS)
        self._programs = [
            Program("broker", folder, "broker", "--dir", folder / "broker", "--port", port)
        ]
        self.listener = Listener(port)
        env = {"METERKAST_CLOCK": str(self._now)}
        config = folder / "gateway.toml"
        self._programs.append(Program("gateway", folder, "gateway", "--config", config, env=env))

    def set(self, now_ms: int) -> None:
        beside = self._now.with_name("clock.new")
        beside.write_text(str(now_ms))
        beside.replace(self._now)

    def say(self, now_ms: int, *, taken_wh: int, watts: int) -> None:
        """A telegram of this moment, and the gateway has heard it."""
        self.set(now_ms)
        lines = [
            "1-3:0.2.8(50)",
            f"0-0:1.0.0({stamp(now_ms)})",
            *power("K8", import_1=taken_wh),
            f"1-0:1.7.0({watts / 1000:06.3f}*kW)",
        ]
        os.write(self._wire, telegram(*lines))
        self._said += 1
        until("the telegram is read", lambda: self._heard() == self._said)

    def _heard(self) -> int:
        return self._device()["messages"]

    def _device(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/api/now") as answer:
            return json.loads(answer.read())["devices"]["hall"]

    def __enter__(self) -> Listener:
        self._running = running(*self._programs)
        self._running.__enter__()
        until("the line is open", lambda: self._device()["state"] == "ok")
        return self.listener

    def __exit__(self, *_: object) -> None:
        self.listener.end()
        self._running.__exit__(None, None, None)
        os.close(self._wire)
        os.close(self._line)


def test_what_a_meter_says_within_a_quarter_of_an_hour_stays_in_the_house(tmp_path):
    home = Home(tmp_path)
    with home as listener:
        home.say(NOON_MS, taken_wh=5_555_000, watts=1_111)
        for minute in range(1, 15):
            home.say(NOON_MS + minute * MINUTE_MS, taken_wh=7_777_000 + minute, watts=8_765)
        home.say(NOON_MS + 15 * MINUTE_MS, taken_wh=5_555_900, watts=1_111)
        home.set(NOON_MS + 17 * MINUTE_MS)
        until("both boundaries are told", lambda: len(listener.records(QUARTER)) == 2)
    text = listener.text()
    assert "005555.900*kWh" in text
    assert "5555900" in text
    assert [] == [value for value in ("7777", "8765", "08.765", "8.765") if value in text]
    assert LEAVES == {topic.rpartition("/")[2] for topic, _ in listener.heard}
    assert [] == listener.records(SAMPLES)


def test_samples_leave_from_the_day_of_consent_and_none_from_before_it(tmp_path):
    home = Home(tmp_path, consent="samples_shared_since = 2026-06-21")
    with home as listener:
        for minute in range(-16, 16):
            home.say(MIDNIGHT_MS + minute * MINUTE_MS, taken_wh=5_555_000 + minute, watts=1_111)
        home.set(MIDNIGHT_MS + 17 * MINUTE_MS)
        until("samples are told", lambda: listener.records(SAMPLES))
        until("all boundaries are told", lambda: len(listener.records(QUARTER)) == 4)
    (pack,) = listener.records(SAMPLES)
    counts = [one for one in pack.elements if one.n == "hall/1-0:1.8.1"]
    made_ms = pack.identity.made_ms
    assert list(range(15)) == [
        (made_ms + record.milli(one.t) - MIDNIGHT_MS) // MINUTE_MS for one in counts
    ]
    assert list(range(5_555_000, 5_555_015)) == [record.milli(one.v) // 1000 for one in counts]
