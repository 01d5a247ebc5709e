"""A meter's life in one afternoon with real processes: a dip, a gas meter that moves, a wrong clock
and a swap. The steward fits the new meter; the page and the books say all of it.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.house import behind, power, stamp, telegram
from tests.street import MIDNIGHT_MS, QUARTER_MS
from tests.system.programs import Program, done, free_port, running, until
from tests.system.test_two_telegrams import balance, found_hub, start_broker, stored, write_gateway

pytestmark = pytest.mark.system

SEPTEMBER_MS = MIDNIGHT_MS + 90 * 86_400_000


def messages(page: int) -> int:
    """How many telegrams the gateway has heard, by its page."""
    with suppress(OSError), urlopen(f"http://127.0.0.1:{page}/api/now", timeout=5) as answer:
        count: int = json.load(answer)["devices"]["hall"]["messages"]
        return count
    return -1


def set_clock(path: Path, now_ms: int) -> None:
    """Move the domain's time on in one step: whoever reads meanwhile sees the old or the new."""
    aside = path.with_suffix(".new")
    aside.write_text(str(now_ms))
    aside.replace(path)


@pytest.mark.timeout(180)
def test_an_afternoon_of_troubles_ends_with_what_the_meters_gained(tmp_path, part):
    port, hub_page, home_page = free_port(), free_port(), free_port()
    broker = start_broker("embedded", tmp_path, port, part)
    hub, bridge_key = found_hub(tmp_path / "hub", f"mqtt://127.0.0.1:{port}", hub_page)
    wire, line = os.openpty()
    home = write_gateway(
        tmp_path / "home", broker=f"mqtt://127.0.0.1:{port}", bridge_key=bridge_key,
        port=os.ttyname(line),
    )  # fmt: skip
    home.write_text(f'page = "127.0.0.1:{home_page}"\n{home.read_text()}')
    done("hub", "admit", f"home-noor={done('enrol', '--config', home).strip()}", "--config", hub)
    done("member", "add", "noor", "--config", hub)
    fit = ("device", "fit", "home-noor/hall", "--member", "noor", "--config", hub, "--serial")
    done(*fit, "E1")
    done(*fit, "G1")
    clock = tmp_path / "clock"
    env = {"METERKAST_CLOCK": str(clock)}
    heard = 0

    def say(quarter: int, *lines: str, meter_ms: int = 0) -> None:
        nonlocal heard
        now_ms = MIDNIGHT_MS + quarter * QUARTER_MS + 4_000
        set_clock(clock, now_ms)
        os.write(wire, telegram(f"0-0:1.0.0({stamp(meter_ms or now_ms)})", *lines))
        heard += 1
        until(f"telegram {heard} is heard", lambda: messages(home_page) == heard)

    at = [stamp(MIDNIGHT_MS + quarter * QUARTER_MS) for quarter in range(96)]
    set_clock(clock, MIDNIGHT_MS + 40 * QUARTER_MS)
    bridge = Program("bridge", tmp_path, "bridge", "--config", hub, env=env)
    gateway = Program("gateway", tmp_path, "gateway", "--config", home, env=env)
    with running(broker, bridge, gateway):
        until("the gateway listens", lambda: messages(home_page) == 0)
        say(40, *power("E1", export_1=5_000_000), *behind(1, "G1", 321_000, at[40]))
        say(41, *power("E1", export_1=5_000_300), *behind(1, "G1", 321_100, at[40]))
        say(42, *power("E1", export_1=0), *behind(1, "G1", 0, at[41]))
        dead = behind(1, "G1", 321_100, "000101000000W")
        live = behind(2, "G1", 321_200, at[43])
        say(43, *power("E1", export_1=5_000_600), *dead, *live)
        say(44, *power("E1", export_1=5_000_900), *dead, *live, meter_ms=SEPTEMBER_MS)
        say(45, *power("E2", export_1=12), *dead, *live)
        say(46, *power("E2", export_1=312), *dead, *live)
        set_clock(clock, MIDNIGHT_MS + 46 * QUARTER_MS + 10_000)
        until("the clock and seven counts are stored", lambda: stored(hub) == 8, seconds=60)
        # 0.9 kWh of the old meter at 1 credit per kWh.
        until("the old meter's credit is booked", lambda: balance(hub) == "0.900000")
        (waits,) = json.loads(done("ledger", "held", "--json", "--config", hub))
        assert ("home-noor/hall", "E2") == (waits["meter"], waits["serial"])
        with urlopen(f"http://127.0.0.1:{hub_page}/parts") as answer:
            assert "This meter is not registered to anybody." in answer.read().decode()
        with urlopen(f"http://127.0.0.1:{home_page}/") as answer:
            shown = answer.read().decode()
        assert "gas<span" in shown
        assert "gas, meter G1 niet gehoord<span" in shown
        done(*fit, "E2", "--from", "2026-06-21")
        until("the new meter's credit is booked", lambda: balance(hub) == "1.200000")
        assert [] == json.loads(done("ledger", "held", "--json", "--config", hub))
        words = (
            "ledger",
            "statement",
            "--member",
            "noor",
            "--period",
            "2026-06-21",
            "--config",
            hub,
        )
        told = done(*words)
        assert "home-noor/hall E1: The meter shows less than before" in told
        clock_is_wrong = "The meter's clock is wrong; this counts at the time when it was received."
        assert f"home-noor/hall E1: {clock_is_wrong} (1-0:2.8.1; 1x)" in told
        day = json.loads(done(*words, "--json"))
        gas = [one["value"] for one in day["readings"] if one["register"] == "0-n:24.2.1"]
        assert [321_000_000, 321_100_000, 0, 321_200_000] == gas[:4]
        done("verify", "--config", hub)
