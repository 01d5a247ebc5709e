"""A shadow asset: minted and shown as a trial, never among what counts."""

import asyncio
import json

import httpx
import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Transfer
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.commands import policy as commands
from ledger_bridge.commands.hub import init
from ledger_bridge.hub import Hub
from ledger_bridge.page.app import build
from tests.street import ID, NOON_MS, POLICY, Chain, Street

TRIAL = POLICY.replace("[assets.WASTE]\n", "[assets.WASTE]\nshadow = true\n")


def test_a_trial_is_minted_and_told_apart_from_what_counts(tmp_path):
    """4 kg of glass at 0.05: 0.2, on trial."""
    street = Street(tmp_path, policy=TRIAL)
    street.take("point", Chain("point").deposit(NOON_MS, grams=4000))
    assert 200_000 == street.balance("acc-noor", "WASTE")
    community = street.community
    found = statement(
        community.db, ID, "noor", "2026-06-21",
        registry=community.registry, policies=community.policies,
    )  # fmt: skip
    expected = {"amount": "0.200000", "en": "counts for nothing yet", "nl": "telt nog niet"}
    assert {"WASTE": expected} == found["trial"]
    assert "WASTE" not in found["sums"]


def test_nothing_can_be_done_with_what_is_on_trial(tmp_path):
    street = Street(tmp_path, policy=TRIAL)
    street.take("point", Chain("point").deposit(NOON_MS, grams=4000))
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match="WASTE is on trial: it counts for nothing yet"):
        street.act(Transfer("noor", "bram", "WASTE", 100_000), "key", now_ms=NOON_MS)
    assert before == list(street.community.db.iterdump())


@pytest.fixture
def hub(tmp_path, capsys):
    init(tmp_path / "hub", community=ID)
    toml = tmp_path / "policy.toml"
    for day in ("2026-06-21", "2099-01-01"):
        toml.write_text(TRIAL.replace("2026-06-21", day))
        commands.activate(toml, config=tmp_path / "hub" / "bridge.toml")
    capsys.readouterr()
    return Hub.load(tmp_path / "hub" / "bridge.toml")


def get(hub: Hub, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build(hub, lambda: 0))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_the_hubs_page_shows_the_rules_in_force_and_to_come(hub):
    html = get(hub, "/policy").text
    told = get(hub, "/api/policies").json()
    assert [("2099-01-01", "to come"), ("2026-06-21", "in force")] == [
        (one["valid_from"], one["state"]) for one in told
    ]
    assert "vanaf 2099-01-01" in html
    assert "0,05 WASTE per kg glass; niets voor paper, hoogstens 1 per dag; telt nog niet" in html


def test_a_page_without_rules_says_so(tmp_path, capsys):
    init(tmp_path / "hub", community=ID)
    assert "no policy yet" in get(Hub.load(tmp_path / "hub" / "bridge.toml"), "/policy").text


def test_a_check_notes_that_a_rule_pays_in_what_is_on_trial(tmp_path, capsys):
    file = tmp_path / "policy.toml"
    file.write_text(TRIAL)
    commands.check(file, config=tmp_path / "no hub", json=True)
    told = json.loads(capsys.readouterr().out)["rules"]
    assert told["waste"]["nl"].endswith("; telt nog niet")
    assert "telt nog niet" not in told["sun"]["nl"]
