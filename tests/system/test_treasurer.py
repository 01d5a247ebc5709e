"""A treasurer's two months, over a running bridge: new rules from a template, an exchange through
the pool, the month closed and exported, a bag that comes late, and a neighbour who checks.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import openpyxl
import paho.mqtt.client as mqtt
import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.hub import Hub
from tests.bench.gateway import command
from tests.point import Point
from tests.street import MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, key
from tests.system.programs import Program, free_port, running, until
from tests.system.test_meter_life import set_clock
from tests.system.test_two_telegrams import start_broker

pytestmark = pytest.mark.system

DAY_MS = 86_400_000
NEXT_MORNING_MS = MIDNIGHT_MS + DAY_MS + 8 * 3_600_000
# 14 July and 1 August 2026.
IN_JULY_MS = NOON_MS + 23 * DAY_MS
IN_AUGUST_MS = NOON_MS + 41 * DAY_MS
POINT, NOOR, BRAM = "milieustraat", "home-noor", "home-bram"


class Gateways:
    """What a recycling point and two houses say to the broker, in their chains."""

    def __init__(self, port: int, card_key: bytes) -> None:
        self._point, self._noor, self._bram = Point(POINT), Chain(NOOR), Chain(BRAM)
        for chain in (self._point, self._noor, self._bram):
            chain.community = "zonstraat"
        self._card_key = card_key
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        heard: list[str] = []
        self._client.on_message = lambda *said: heard.append(said[2].topic)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("mk/v1/zonstraat/policy", qos=1)
        self._client.loop_start()
        until("the bridge is at the broker", lambda: bool(heard))

    def bring(self, name: str, *, grams: int, card: str) -> None:
        """Glass, at noon of 21 June."""
        said = self._point.bring(name, NOON_MS, grams=grams, card=card, card_key=self._card_key)
        self._say(POINT, said)

    def shine(self) -> None:
        """In the quarter-hour from noon on Noor gives back 3 kWh and Bram uses 1.2 kWh."""
        for at_ms, given, used in (
            (NOON_MS, 0, 0),
            (NOON_MS + QUARTER_MS, 3_000, 1_200),
            (MIDNIGHT_MS + DAY_MS, 3_000, 1_200),
        ):
            self._say(NOOR, self._noor.quarter(at_ms, export_wh=given))
            self._say(BRAM, self._bram.quarter(at_ms, export_wh=used, register="1-0:1.8.1"))

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, gateway: str, data: bytes) -> None:
        topic = f"mk/v1/zonstraat/{gateway}/record"
        self._client.publish(topic, data, qos=1).wait_for_publish(10)


def found(hub: Path, *, port: int, page: int) -> str:
    """A hub with two houses and a recycling point; gives the log's key, as auditors are told it."""
    told = command(
        "hub", "init", hub, "--community", "zonstraat", "--broker", f"mqtt://127.0.0.1:{port}",
        "--page", f"127.0.0.1:{page}",
    )  # fmt: skip
    policy = hub / "policy.toml"
    policy.write_text(re.sub(r"valid_from = \S+", "valid_from = 2026-06-01", policy.read_text()))
    command("policy", "activate", policy)
    command("hub", "admit", *(f"{one}={key(one).public.x}" for one in (POINT, NOOR, BRAM)))
    for member, card, house in (("noor", "0A01", NOOR), ("bram", "0A02", BRAM)):
        command("member", "add", member, "--name", member.capitalize())
        command("member", "card", member, card)
        command("device", "fit", f"{house}/hall", "--member", member)
    (log_key,) = re.findall(r"log's key: (\S+)", told)
    return str(log_key)


def refused(*words: str) -> list[str]:
    """The lines with which a command is refused."""
    with pytest.raises(PeopleError) as error:
        command(*words)
    return str(error.value).splitlines()


def holds(member: str) -> dict[str, str]:
    """What a member has, by asset."""
    told = json.loads(command("ledger", "balance", "--json"))
    (found,) = (one["balances"] for one in told if one["holder"] == member)
    return dict(found)


def neighbour(folder: Path, log_key: str) -> subprocess.CompletedProcess[str]:
    """Another machine: the file and the key, and nothing of the hub."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "verify", "--proof", "bram.proof", "--key", log_key],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def text_of(html: str) -> str:
    """What stands on a page, without its tags, its styles and its addresses."""
    return re.sub(r"(?s)<(style|script)\b.*?</\1>|<[^>]*>", " ", html)


def page_of(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


@pytest.mark.timeout(180)
def test_a_treasurers_round_from_a_template_to_the_neighbour_who_checks(
    tmp_path, part, monkeypatch
):
    """By hand: Bram used 1.2 kWh of what Noor gave: 1.2 ENERGY for her. 20 kg of glass at 0.05 are
    1 WASTE, of which half is worth 1 ENERGY at 2; he gives back 0.25 of that. 2 kg that come after
    the close are 0.1.
    """
    port, page, hub = free_port(), free_port(), tmp_path / "hub"
    clock = tmp_path / "clock"
    set_clock(clock, NEXT_MORNING_MS)
    monkeypatch.setenv("METERKAST_CLOCK", str(clock))
    hub.mkdir()
    monkeypatch.chdir(hub)
    log_key = found(hub, port=port, page=page)
    broker = start_broker("embedded", tmp_path, port, part)
    with running(broker, Program("bridge", hub, "bridge")):
        gateways = Gateways(port, Hub.load(Path("bridge.toml")).card_key())
        gateways.bring("b1", grams=20_000, card="0A02")
        gateways.shine()
        until("energy is shared", lambda: holds("noor").get("ENERGY") == "1.200000")
        until("glass is credited", lambda: holds("bram").get("WASTE") == "1.000000")

        new_rules()
        assert "2 ENERGY voor 1 WASTE, via pool" in page_of(f"http://127.0.0.1:{page}/policy")
        set_clock(clock, IN_JULY_MS)
        trade()
        shown = page_of(f"http://127.0.0.1:{page}/member/bram?month=2026-07&lang=nl")
        assert "bram ruilde 0,5 WASTE voor 1 ENERGY, via pool, koers 2" in shown
        assert [] == re.findall(r"(?i)\b(?:mint|hash|merkle|leaf|claim)\w*", text_of(shown))

        set_clock(clock, IN_AUGUST_MS)
        closed = close_and_export()
        gateways.bring("b2", grams=2_000, card="0A02")
        until("the late bag is credited", lambda: holds("bram")["WASTE"] == "0.600000")
        gateways.end()
        august = command("ledger", "statement", "--member", "bram", "--period", "2026-08",
                         "--by", "booking")  # fmt: skip
        assert f"A correction of a period that was closed by booking {closed}." in august
        assert "verified: 8 records" in command("verify")
        check_the_proof(tmp_path / "elsewhere", log_key)


def new_rules() -> None:
    """From the template to a policy in force, as the page on policies has it."""
    Path("next.toml").write_text(
        command("policy", "template", "street", "--community", "zonstraat")
    )
    checked = command("policy", "check", "next.toml").splitlines()
    assert "it may follow the policy of 2026-06-01" == checked[-1]
    simulated = command("policy", "simulate", "next.toml", "--out", "next.html")
    assert "In all 1.2 ENERGY, as before; 0 get more, 0 less, 1 the same." in simulated
    assert "In all 1 WASTE, as before; 0 get more, 0 less, 1 the same." in simulated
    assert "Everybody / Iedereen" in Path("next.html").read_text("utf-8")
    assert "in force from 2026-07-13 on: " in command("policy", "activate", "next.toml")


def trade() -> None:
    """The pool is filled, one exchanges and gives back; what cannot be is told in three lines."""
    exchange = ("ledger", "exchange", "bram", "waste-for-energy", "0.5")
    assert [
        "error: pool has 0.000000 ENERGY",
        "where: exchange waste-for-energy for bram",
        "try:   fill it: meterkast ledger donate MEMBER AMOUNT ENERGY --to pool",
    ] == refused(*exchange)
    command("ledger", "donate", "noor", "1", "ENERGY")
    assert "bram exchanged 0.5 WASTE for 1 ENERGY" in command(*exchange)
    command("ledger", "retire", "bram", "0.25", "ENERGY")
    assert [
        "error: bram has 0.750000 ENERGY",
        "where: retirement by bram",
        "try:   at most 0.750000 ENERGY",
    ] == refused("ledger", "retire", "bram", "5", "ENERGY")


def close_and_export() -> int:
    """June and July are closed, in their order; gives the booking that closed June."""
    july = ("ledger", "close", "2026-07")
    assert "try:   close what is before it first: meterkast ledger close 2026-06" in refused(*july)
    june = json.loads(command("ledger", "close", "2026-06", "--json"))
    assert "2026-07 is closed" in command(*july)
    out = ("--out", "july.xlsx")
    command("ledger", "export", "--period", "2026-07", "--format", "xlsx", *out)
    rows = openpyxl.load_workbook("july.xlsx")["Saldi"].iter_rows(values_only=True)
    assert ("bram", "ENERGY", 0, 1, -0.25, 0.75) in [(*row[:1], *row[4:]) for row in rows]
    return int(june["booking"])


def check_the_proof(elsewhere: Path, log_key: str) -> None:
    """Of the exchange: it holds as it is, and not with another amount."""
    elsewhere.mkdir()
    told = json.loads(command("ledger", "statement", "--member", "bram", "--period", "2026-07",
                              "--by", "booking", "--json"))  # fmt: skip
    number = next(line["booking"] for line in told["lines"] if line["kind"] == "exchange")
    assert "  -0.500000 WASTE\n" in command("ledger", "why", number)
    file = elsewhere / "bram.proof"
    command("ledger", "proof", number, "--out", file)
    checked = neighbour(elsewhere, log_key)
    assert 0 == checked.returncode, checked.stderr
    assert "+1.000000 ENERGY" in checked.stdout
    file.write_text(file.read_text("utf-8").replace("+1.000000 ENERGY", "+2.000000 ENERGY"))
    checked = neighbour(elsewhere, log_key)
    assert 1 == checked.returncode
    assert "is not what the leaf says" in checked.stdout + checked.stderr
