"""A recycling point with its hub: real programs, a simulated scale and reader, a real browser."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Page, sync_playwright

from firmware_sim.devices import mtsics
from firmware_sim.devices.rdm6300 import Reader
from firmware_sim.scale import Plate, Scale
from firmware_sim.terminal import Terminal
from gateway.contract.keys import SigningKey
from gateway.kiosk import pin
from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import Program, done, free_port, running

PAGE = DOCS / "recycling-point.md"
PICTURES = DOCS / "pictures"
PIN = "4711"
NOOR = "0A00ABCDEF"
LOOP_S = 0.02
# People look before they act; what is quicker was not meant as a confirmation.
SEEN_S = 0.8

# On top of the rules that `hub init` writes.
FRACTIONS = """
[fractions.plastic]
euralcode = "15 01 02"
unit = "kg"
nl = "plastic"
en = "plastic"

[fractions.textile]
euralcode = "20 01 10"
unit = "kg"
nl = "textiel"
en = "textiles"

[fractions.batteries]
euralcode = "20 01 33*"
unit = "kg"
nl = "batterijen"
en = "batteries"
operator = true

[fractions.lamps]
euralcode = "20 01 21*"
unit = "piece"
nl = "lampen"
en = "lamps"

[clubs.noor]
nl = "VV Dorp"
en = "Village FC"

[[rules]]
id = "sun"
"""

GATEWAY = """
community = "zonstraat"
gateway = "milieustraat"
bridge_key = "{bridge_key}"
broker = "{broker}"

[device.scale]
driver = "mtsics"
port = "{scale}"

[device.reader]
driver = "rdm6300"
port = "{reader}"

[kiosk]
scale = "scale"
readers = ["reader"]
card_key = "card.key"
stewards = ["{steward}"]
screen = "127.0.0.1:{screen}"
pin = "operator.pin"
division = "5 g"

[kiosk.crates.blue]
tare = "1.5 kg"
nl = "blauwe krat"
en = "blue crate"

[kiosk.containers]
glass = "40 kg"
paper = "400 kg"
"""


class Devices:
    """The scale and the reader, on pseudo-terminals of their own, moved by a thread."""

    def __init__(self, folder: Path) -> None:
        self.scale_port = Terminal(folder / "ports" / "scale")
        self.reader_port = Terminal(folder / "ports" / "reader")
        self._plate = Plate(Scale())
        self._scale = mtsics.Terminal(Scale(), self._plate)
        self._reader = Reader()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self.scale_port.close()
        self.reader_port.close()

    def _run(self) -> None:
        while not self._is_over.wait(LOOP_S):
            with self._lock:
                now_ms = _now_ms()
                heard = self.scale_port.read()
                answer = self._scale.hears(heard, now_ms=now_ms) if heard else b""
                self.scale_port.write(answer + self._scale.ticks(now_ms))
                # A wire keeps nothing for a program that does not read.
                if not self.reader_port.unread():
                    self.reader_port.write(self._reader.sends(now_ms))

    def put(self, kg: str) -> None:
        """What lies on the plate from now on."""
        whole, _, grams = kg.partition(".")
        with self._lock:
            load_mg = int(whole) * 1_000_000 + int(grams.ljust(3, "0") or 0) * 1_000
            self._plate.put(load_mg, now_ms=_now_ms())

    def tap(self, number: str = NOOR) -> None:
        """Hold a card to the reader for a moment."""
        time.sleep(SEEN_S)
        with self._lock:
            self._reader.hold(number)
        time.sleep(0.3)
        with self._lock:
            self._reader.take_away()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Place:
    """The point, its hub, and the programs of both."""

    def __init__(self, folder: Path, devices: Devices) -> None:
        self.devices = devices
        self.page = f"http://127.0.0.1:{(screen := free_port())}"
        broker = free_port()
        address = f"mqtt://127.0.0.1:{broker}"
        told = json.loads(
            done(
                "hub", "init", folder / "hub", "--community", "zonstraat", "--broker", address,
                "--page", f"127.0.0.1:{free_port()}", "--json",
            )
        )  # fmt: skip
        self.hub = folder / "hub" / "bridge.toml"
        home = folder / "point"
        home.mkdir()
        config = home / "gateway.toml"
        config.write_text(
            GATEWAY.format(
                bridge_key=told["bridge_key"],
                steward=told["stewards"][0],
                broker=address,
                screen=screen,
                scale=devices.scale_port.path,
                reader=devices.reader_port.path,
            )
        )
        (home / "card.key").write_bytes((folder / "hub" / "card.key").read_bytes())
        pin.write(home / "operator.pin", PIN)
        public = SigningKey.create(home / "gateway.key").public.x
        members = folder / "members.csv"
        members.write_text(f"member,name,card\nnoor,Noor,{NOOR}\n")
        done("hub", "admit", f"milieustraat={public}", "--config", self.hub)
        done("member", "import", members, "--config", self.hub)
        policy = folder / "hub" / "policy.toml"
        text = policy.read_text().replace('[[rules]]\nid = "sun"\n', FRACTIONS.lstrip())
        # Just after midnight a deposit still counts in the day before.
        text = re.sub(r"valid_from = \S+", "valid_from = 2026-01-01", text)
        policy.write_text(text + 'rates.lamps = { credit = "0.1", per = "1 piece" }\n')
        done("policy", "activate", policy, "--config", self.hub)
        # Without a broker there is nothing to listen to yet: the first screen is a closed one.
        self.gateway = Program("gateway", folder, "gateway", "--config", config)
        self.broker = Program(
            "broker", folder, "broker", "--dir", folder / "broker", "--port", broker
        )
        self.bridge = Program("bridge", folder, "bridge", "--config", self.hub)


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    with Devices(folder) as devices:
        here = Place(folder, devices)
        with running(here.gateway, here.broker, here.bridge):
            yield here


class Tab:
    """A page in a real browser; what it complained of, and where it went, is remembered."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.requested: set[str] = set()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.add(request.url))
        page.goto(address, wait_until="domcontentloaded")

    def _hear(self, kind: str, text: str) -> None:
        # A gateway that is away is a refused connection, which the browser tells on its console.
        if kind in {"error", "warning"} and "ERR_" not in text:
            self.complaints.append(text)

    def sees(self, screen: str, word: str = "") -> None:
        """Wait for this screen, with this word where one is named."""
        which = f'body:not(.away)[data-screen="{screen}"]' + (
            f'[data-word="{word}"]' if word else ""
        )
        self.page.wait_for_selector(which, state="attached")

    def reads(self, text: str) -> None:
        """Wait until this can be read somewhere."""
        self.page.wait_for_function(
            "text => document.body?.innerText.includes(text) && !document.body.matches('.away')",
            arg=text,
        )

    def look(self) -> None:
        """Take a moment to see what stands there."""
        self.page.wait_for_timeout(SEEN_S * 1000)

    def touch(self, text: str) -> None:
        """Touch the button that says this, once its page is there with its script."""
        button = self.page.locator("button:visible", has_text=text).first
        button.wait_for()
        self.page.wait_for_load_state("load")
        button.click()

    def picture(self, name: str) -> None:
        """Keep a picture for the documents where there is none yet."""
        path = PICTURES / f"kiosk-{name}.png"
        if not path.exists():
            self.page.wait_for_timeout(SEEN_S * 1000)  # what comes in comes to rest
            self.page.screenshot(path=path)


def flags() -> list[str]:
    """How the browser of a recycling point is started, as its page says."""
    (line,) = blocks(PAGE, "text")
    command, *options, address, _ = line.split()
    assert ("chromium", "http://127.0.0.1:7090/") == (command, address)
    return options


@contextmanager
def tab(chromium: str, address: str, *, width: int = 1024, height: int = 600) -> Iterator[Tab]:
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", *flags()]
        )
        try:
            size = {"width": width, "height": height}
            yield Tab(window.new_page(viewport=size), address)  # type: ignore[arg-type]
        finally:
            window.close()
