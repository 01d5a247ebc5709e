"""A house with Home Assistant and no community: the page of the docs, a real gateway and Mosquitto.

What stands in for Home Assistant is `mosquitto_sub`; the rules of its discovery are in
`tests/homeassistant.py`.
"""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.docs.test_pages import DOCS, blocks
from tests.homeassistant import flaws
from tests.house import behind, power, telegram
from tests.system.programs import Program, free_port, running, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PAGE = DOCS / "home-assistant.md"
# What nobody needs to know who is in no community.
LEDGER = re.compile(
    r"credit|receipt|ledger|\bmint|\bhub\b|settle|steward|deliver|pending|expired"
    r"|bijgeschreven|centrale|verrekend|spelregel|in afwachting"
)


class Mosquitto:
    """A broker that lets in one user and keeps nothing when it ends, as an add-on might."""

    def __init__(self, folder: Path, port: int, part, user: str, password: str) -> None:
        self._config, self._port = folder / "mosquitto.conf", port
        users = folder / "users"
        subprocess.run([part("mosquitto_passwd"), "-c", "-b", users, user, password], check=True)
        users.chmod(0o644)
        self._config.write_text(f"listener {port} 127.0.0.1\npassword_file {users}\nuser root\n")
        self._program = part("mosquitto")
        self.start()

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        command = [self._program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        until("the broker listens", self._listens)

    def _listens(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self._port)) == 0

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=10)


class Listener:
    """The command of the page, for all topics: the last that was said on each."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self._file = folder / "heard"
        with self._file.open("wb") as heard:
            self._process = subprocess.Popen(command, stdout=heard, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    def text(self) -> str:
        return self._file.read_text("utf-8")

    def last(self, topic: str) -> str:
        said = re.findall(rf"^{re.escape(topic)} (.*)$", self.text(), re.MULTILINE)
        return said[-1] if said else ""

    def described(self) -> dict[str, dict]:
        said = re.findall(r"^(homeassistant/device/\S+) (.+)$", self.text(), re.MULTILINE)
        return {topic: json.loads(payload) for topic, payload in said}


def say(wire: int, watts: int, *, taken_wh: int, litres: int = 321_009) -> None:
    lines = [*power("K8", import_1=taken_wh), f"1-0:1.7.0({watts / 1000:06.3f}*kW)"]
    os.write(wire, telegram(*lines, *behind(1, "G1", litres, "261128120000W")))


def fetched(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def test_a_house_without_a_community_is_told_to_home_assistant_and_to_nobody_else(tmp_path, part):
    port, page, health = free_port(), free_port(), free_port()
    wire, line = os.openpty()
    (text,) = blocks(PAGE, "toml")
    for old, new in {
        "homeassistant.local:1883": f"127.0.0.1:{port}",
        "127.0.0.1:7081": f"127.0.0.1:{page}",
        "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0": os.ttyname(line),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "gateway.toml").write_text(f'health = "127.0.0.1:{health}"\n{text}')
    start, listen = (block.split() for block in blocks(PAGE, "bash"))
    assert ["meterkast", "gateway"] == start[:2]
    user, password = re.search(r"//(.+):(.+)@", text).groups()
    assert ["mosquitto_sub", "-h", "homeassistant.local", "-u", user, "-P", password] == listen[:7]

    broker = Mosquitto(tmp_path, port, part, user, password)
    gateway = Program("gateway", tmp_path, *start[1:])
    command = [part("mosquitto_sub"), "-h", "127.0.0.1", "-p", port, *listen[3:7], "-t", "#", "-v"]
    heard = Listener(tmp_path, [str(word) for word in command])
    hall = "meterkast/home/dev/hall/state"

    def told() -> dict:
        return json.loads(heard.last(hall) or "{}")

    def is_told(watts: int, taken_wh: int) -> bool:
        """The meter says it again and again: who opens its line begins with what comes then."""
        say(wire, watts, taken_wh=taken_wh)
        return told().get("1-0:1.7.0") == watts

    with running(broker, gateway, heard):
        until("the meter is told", lambda: is_told(250, 4_426_500))
        assert (4_426_500, 321_009) == (told()["1-0:1.8.1"], told()["gas"])
        assert {
            "homeassistant/device/meterkast_home/config",
            "homeassistant/device/meterkast_home_hall/config",
        } == heard.described().keys()
        assert [] == [f for topic, one in heard.described().items() for f in flaws(topic, one)]
        # The names of the page's table.
        config = heard.described()["homeassistant/device/meterkast_home_hall/config"]
        names = {component["name"] for component in config["components"].values()}
        assert {"Afgenomen energie, tarief 1", "Gas"} <= names
        assert "Afgenomen energie, tarief 1" in PAGE.read_text("utf-8")

        # A power cut: the broker says that nobody is here, and the meter begins with a zero.
        gateway.end()
        until("it is gone", lambda: heard.last("meterkast/home/state") == "offline")
        gateway.start()
        until("it is heard again", lambda: is_told(251, 0))
        assert 4_426_500 == told()["1-0:1.8.1"]
        gateway.kill()
        until("its will is told", lambda: heard.last("meterkast/home/state") == "offline")
        gateway.start()
        until("it is back", lambda: is_told(252, 4_426_501))

        # A broker that forgot everything is told everything.
        heard.end()
        broker.end()
        broker.start()
        heard = Listener(tmp_path, [str(word) for word in command])
        until("all is said again", lambda: told().get("1-0:1.8.1") == 4_426_501)
        until("also that it is here", lambda: heard.last("meterkast/home/state") == "online")
        assert 2 == len(heard.described())

        said = {
            "topics": heard.text(),
            "page": fetched(page, "/"),
            "api": fetched(page, "/api/now"),
            "health": fetched(health, "/healthz"),
            "metrics": fetched(health, "/metrics"),
        }
    heard.end()
    said["log"] = (tmp_path / "gateway.log").read_text()
    assert {} == {name: words for name, one in said.items() if (words := LEDGER.findall(one))}
    assert "mk/v1" not in said["topics"]
