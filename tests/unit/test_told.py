"""What the bridge tells gateways, through a real broker."""

import subprocess
import sys

import aiomqtt
import pytest

from gateway.contract import credit as credits_
from gateway.contract import policy as papers
from gateway.contract.cards import token
from gateway.contract.signed import Malformed
from ledger_bridge import bridge as bridges
from ledger_bridge.books.registry.edits import CardGiven, GatewayAdmitted, MemberAdded
from ledger_bridge.hub import Hub
from tests.running import Running
from tests.street import CARD_KEY, MIDNIGHT_MS, NOON_MS, POLICY, Chain, deposit_id, key
from tests.system.programs import Program, free_port, running

DAY_MS = 86_400_000
NEXT = POLICY.replace("2026-06-21", "2026-06-22").replace("1 per day", "2 per day")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder, number = tmp_path_factory.mktemp("broker"), free_port()
    broker = Program("broker", folder, "broker", "--dir", folder / "store", "--port", number)
    with running(broker):
        yield number


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(bridges, "LOOK_S", 0.05)


async def heard(client: aiomqtt.Client) -> aiomqtt.Message:
    return await anext(aiter(client.messages))


def test_the_policy_in_force_is_retained_and_the_next_one_follows_it_at_midnight(tmp_path, port):
    street = Running(tmp_path, port, POLICY, NEXT)
    street.clock.now_ms = MIDNIGHT_MS + DAY_MS - 1

    async def look(client: aiomqtt.Client) -> None:
        await client.subscribe("mk/v1/straat/policy", qos=1)
        told = await heard(client)
        assert "2026-06-21" == street.day_told(told.payload)
        street.clock.now_ms += 1
        told = await heard(client)
        assert "2026-06-22" == street.day_told(told.payload)
        async with aiomqtt.Client("127.0.0.1", port) as later:
            await later.subscribe("mk/v1/straat/policy", qos=1)
            told = await heard(later)
            assert told.retain
            assert "2026-06-22" == street.day_told(told.payload)

    street.listening(look)


def test_the_policy_is_said_when_the_link_comes_up(tmp_path, port, monkeypatch):
    monkeypatch.setattr(bridges, "LOOK_S", 3600)
    street = Running(tmp_path, port, POLICY)
    street.clock.now_ms = MIDNIGHT_MS

    async def look(client: aiomqtt.Client) -> None:
        await client.subscribe("mk/v1/straat/policy", qos=1)
        assert "2026-06-21" == street.day_told((await heard(client)).payload)

    street.listening(look)


def test_a_policy_that_is_activated_for_today_is_told_at_once(tmp_path, port):
    street = Running(tmp_path, port)
    street.clock.now_ms = MIDNIGHT_MS

    async def look(client: aiomqtt.Client) -> None:
        await client.subscribe("mk/v1/straat/policy", qos=1)
        street.activate(POLICY)
        told = await heard(client)
        assert "2026-06-21" == street.day_told(told.payload)
        with pytest.raises(Malformed, match="not signed by a steward"):
            papers.check(told.payload, (street.hub.key("bridge").public.x,))

    street.listening(look)


def test_a_deposit_that_comes_and_one_that_is_claimed_are_told_with_their_credit(tmp_path, port):
    street, point = Running(tmp_path, port, POLICY), Chain("point")
    street.edit(
        GatewayAdmitted("point", key("point").public.x),
        MemberAdded("noor", "acc-noor"),
        CardGiven(token("A", CARD_KEY), "noor"),
    )
    street.clock.now_ms = NOON_MS

    async def credit(client: aiomqtt.Client) -> tuple[str, str, str]:
        payload = (await heard(client)).payload
        told = credits_.check(payload, key=street.hub.key("bridge").public)
        assert ("straat", "point") == (told.community, told.gateway)
        return told.deposit, told.state, told.amount

    async def look(client: aiomqtt.Client) -> None:
        await client.subscribe("mk/v1/straat/point/credit", qos=1)
        for grams, card in ((2_000, "A"), (3_000, "found")):
            record = point.deposit(NOON_MS, grams=grams, card=card)
            await client.publish("mk/v1/straat/point/record", record, qos=1)
        expected = [
            (deposit_id("point", 0), "credited", "0.100000"),
            (deposit_id("point", 1), "held", ""),
        ]
        assert expected == sorted([await credit(client), await credit(client)], key=second)
        street.edit(CardGiven(token("found", CARD_KEY), "noor"))
        assert (deposit_id("point", 1), "credited", "0.150000") == await credit(client)

    street.listening(look)


def second(told: tuple[str, str, str]) -> str:
    return told[1]


def test_hub_init_prints_what_a_kiosk_needs(tmp_path):
    said = subprocess.run(
        [sys.executable, "-m", "gateway", "hub", "init", "hub", "--community", "straat"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    steward = Hub.load(tmp_path / "hub" / "bridge.toml").key("steward").public.x
    assert "kiosks need a copy of hub/card.key, and under [kiosk]:" == said[3]
    assert f'  stewards = ["{steward}"]' == said[4]
