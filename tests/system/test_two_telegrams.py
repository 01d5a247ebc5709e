"""Two telegrams of a real meter's shape, from a pseudo-terminal to a credit and back to the bytes.

The sender is a file descriptor of the operating system: nothing of ours speaks on the line.
"""

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.docs.test_wire import run_the_snippet
from tests.system.programs import Program, done, free_port, meterkast, running, until

pytestmark = pytest.mark.system

# The shape of a DSMR 5.0 meter's telegram, cut to what matters here.
TELEGRAM = (
    "/XMX5LGBBFG1009394887\r\n\r\n"
    "1-3:0.2.8(50)\r\n"
    "0-0:1.0.0({stamp})\r\n"
    "0-0:96.1.1(4530303331303033323635383934353132)\r\n"
    "1-0:1.8.1(000004.426*kWh)\r\n"
    "1-0:1.8.2(000002.399*kWh)\r\n"
    "1-0:2.8.1({export}*kWh)\r\n"
    "1-0:2.8.2(000000.000*kWh)\r\n"
    "0-0:96.14.0(0002)\r\n"
    "1-0:1.7.0(00.000*kW)\r\n"
    "1-0:2.7.0(01.250*kW)\r\n"
    "!"
)


def crc16(data: bytes) -> int:
    """CRC-16/ARC bit by bit, as the P1 companion standard describes it."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def telegram(at: datetime, export_kwh: str) -> bytes:
    local = at.astimezone(ZoneInfo("Europe/Amsterdam"))
    stamp = f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"
    body = TELEGRAM.format(stamp=stamp, export=export_kwh).encode()
    return body + f"{crc16(body):04X}\r\n".encode()


def write_gateway(folder: Path, *, broker: str, bridge_key: str, port: str) -> Path:
    folder.mkdir()
    config = folder / "gateway.toml"
    config.write_text(
        f"""
community = "zonstraat"
gateway = "home-noor"
data = "data"
key = "gateway.key"
bridge_key = "{bridge_key}"
broker = "{broker}"

[device.hall]
driver = "p1"
port = "{port}"
"""
    )
    return config


def found_hub(folder: Path, broker: str, page: int) -> tuple[Path, str]:
    told = done(
        "hub", "init", folder, "--community", "zonstraat", "--broker", broker,
        "--page", f"127.0.0.1:{page}", "--json",
    )  # fmt: skip
    config = folder / "bridge.toml"
    # Just after midnight the quarter-hour still counts in the day before.
    policy = folder / "policy.toml"
    policy.write_text(re.sub(r"valid_from = \S+", "valid_from = 2026-01-01", policy.read_text()))
    done("policy", "activate", folder / "policy.toml", "--config", config)
    return config, json.loads(told)["bridge_key"]


def now_quarter() -> datetime:
    """The boundary of a quarter-hour nearest to now."""
    now = datetime.now(UTC)
    quarter = timedelta(minutes=15)
    return datetime.fromtimestamp(
        round(now.timestamp() / quarter.total_seconds()) * quarter.total_seconds(), UTC
    )


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_two_telegrams_around_a_quarter_become_a_credit_that_leads_back_to_them(
    tmp_path, kind, part
):
    port, page = free_port(), free_port()
    broker = start_broker(kind, tmp_path, port, part)
    hub, bridge_key = found_hub(tmp_path / "hub", f"mqtt://127.0.0.1:{port}", page)
    wire, line = os.openpty()
    home = write_gateway(
        tmp_path / "home", broker=f"mqtt://127.0.0.1:{port}", bridge_key=bridge_key,
        port=os.ttyname(line),
    )  # fmt: skip
    public = done("enrol", "--config", home).strip()
    done("hub", "admit", f"home-noor={public}", "--config", hub)
    done("member", "add", "noor", "--name", "Noor", "--config", hub)
    done("device", "fit", "home-noor/hall", "--member", "noor", "--config", hub)
    bridge = Program("bridge", tmp_path, "bridge", "--config", hub)
    gateway = Program("gateway", tmp_path, "gateway", "--config", home)
    listener = subprocess.Popen(
        [
            part("mosquitto_sub"),
            "-p",
            str(port),
            "-t",
            "mk/v1/zonstraat/+/record",
            "-C",
            "3",
            "-W",
            "60",
        ],
        stdout=subprocess.PIPE,
    )
    with running(broker, bridge, gateway), browser(part("chromium")) as tab:
        tab.goto(f"http://127.0.0.1:{page}/", wait_until="domcontentloaded")
        assert "nothing yet" in tab.inner_text("main")
        boundary = now_quarter()
        os.write(wire, telegram(boundary - timedelta(seconds=10), "000002.444"))
        os.write(wire, telegram(boundary + timedelta(seconds=5), "000002.694"))
        until("the clock and two counts are stored", lambda: stored(hub) == 3, seconds=90)
        # 0.250 kWh at 1 credit per kWh.
        until("the credit is booked", lambda: balance(hub) == "0.250000")
        # The page that is open shows it by itself.
        tab.wait_for_selector("text=+0.250000")
        assert "Noor" in tab.inner_text("main")
        tab.click("a:text-is('1')")
        assert "1-0:2.8.1(000002.694*kWh)" in tab.inner_text("pre")
        heard, _ = listener.communicate(timeout=60)
        why = json.loads(done("ledger", "why", "1", "--json", "--config", hub))
        assert "0.250000" == why["credit"]
        assert (
            telegram(boundary + timedelta(seconds=5), "000002.694").decode()
            == why["record"]["telegram"]
        )
        assert "000002.694" in done("ledger", "why", "1", "--config", hub)
        lines = heard.decode().splitlines()
        assert 6 == len(lines)
        assert json.loads(lines[2])[0]["gateway"] == "home-noor"
        run_the_snippet(f"{lines[2]}\n{lines[3]}".encode(), public, tmp_path)
        done("verify", "--config", hub)
    spoil(hub)


@contextmanager
def browser(chromium: str) -> Iterator[Page]:
    """A tab of a real browser."""
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield window.new_page()
        finally:
            window.close()


def start_broker(kind: str, folder: Path, port: int, part) -> Program:
    if kind == "embedded":
        return Program("broker", folder, "broker", "--dir", folder / "broker", "--port", port)
    return Mosquitto(folder, port, part("mosquitto"))


class Mosquitto(Program):
    """A Mosquitto of our own, with the configuration that is shipped, on a port of its own."""

    def __init__(self, folder: Path, port: int, program: str) -> None:
        config = folder / "mosquitto.conf"
        shipped = Path(__file__).parents[2] / "deploy" / "mosquitto" / "meterkast.conf"
        config.write_text(shipped.read_text().replace("listener 1883", f"listener {port}"))
        self.process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def stored(hub: Path) -> int:
    db = sqlite3.connect(f"file:{hub.parent / 'books.db'}?mode=ro", uri=True)
    try:
        count: int = db.execute("SELECT count(*) FROM record").fetchone()[0]
        return count
    finally:
        db.close()


def balance(hub: Path) -> str:
    told = json.loads(done("ledger", "balance", "--json", "--config", hub))
    return told[0]["balances"].get("KWH", "")


def spoil(hub: Path) -> None:
    """One byte of a stored record, changed with the tool that everybody has."""
    sql = (
        "DROP TRIGGER record_stays; UPDATE record SET data ="
        " CAST(replace(CAST(data AS TEXT), '2.7.0', '2.7.1') AS BLOB) WHERE seq = 2;"
    )
    subprocess.run(["sqlite3", str(hub.parent / "books.db"), sql], check=True)
    result = meterkast("verify", "--config", hub)
    assert 1 == result.returncode
    assert "differs: its signature is not its gateway's" in result.stdout
    assert "/2" in result.stdout
