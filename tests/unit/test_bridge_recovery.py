"""The bridge's key is lost: stewards give it another, and gateways that are told believe it."""

import json
from pathlib import Path

import pytest

from gateway.community.bridgekey import BridgeKey
from gateway.config import load
from gateway.contract import rotation
from gateway.contract.errors import ConfigError, PeopleError, UsageError
from gateway.contract.keys import PublicKey, SigningKey
from ledger_bridge.books.registry import recovered
from ledger_bridge.books.registry.edits import BridgeRecovered
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.registry.recovered import Recovered
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.commands import hub as commands
from ledger_bridge.commands import policy
from ledger_bridge.commands.common import edit, read_books
from ledger_bridge.commands.keys import PAPER, rotate
from ledger_bridge.commands.stewards import stewards
from ledger_bridge.hub import Hub
from tests.unit.test_enrolment import Way


@pytest.fixture
def hub(tmp_path, monkeypatch, capsys) -> Hub:
    """A hub whose bridge has lost its key; its folder is where the commands are typed."""
    commands.init(tmp_path, community="straat", json=True)
    monkeypatch.chdir(tmp_path)
    found = Hub.load(tmp_path / "bridge.toml")
    (tmp_path / "keys" / "bridge.key").unlink()
    capsys.readouterr()
    return found


def bridge(hub: Hub) -> str:
    return read_books(hub.config).registry.bridge


def recover(hub: Hub, **given: object) -> None:
    rotate("bridge", config=hub.config, json=True, **given)


def test_without_its_key_nothing_can_be_written_and_with_the_stewards_word_it_goes_on(hub, capsys):
    lost = bridge(hub)
    with pytest.raises(ConfigError, match="the key file does not exist"):
        hub.open_to_write()
    recover(hub, lost=True)
    told = json.loads(capsys.readouterr().out)["bridge_key"]
    assert told == bridge(hub) == hub.key("bridge").public.x != lost
    community = hub.open_to_write()
    verify(community.db, "straat", log_key=hub.key("log").public, progress=str)
    community.db.close()
    # And from there it changes as ever.
    rotate("bridge", config=hub.config)
    said = read_books(hub.config).registry.rotations
    assert bridge(hub) == rotation.follow(said[0].encode(), "straat", PublicKey(told)).x


def test_a_key_that_others_know_is_replaced_although_it_is_there(tmp_path, monkeypatch, capsys):
    commands.init(tmp_path, community="straat", json=True)
    monkeypatch.chdir(tmp_path)
    hub = Hub.load(tmp_path / "bridge.toml")
    known = hub.key("bridge").public
    recover(hub, lost=True)
    assert known.x != hub.key("bridge").public.x == bridge(hub)
    assert SigningKey.load(tmp_path / f"keys/bridge.until-{known.kid[:8]}").public.x == known.x


def test_as_many_stewards_sign_as_for_a_policy(tmp_path, monkeypatch, capsys):
    commands.init(tmp_path, community="straat", json=True)
    monkeypatch.chdir(tmp_path)
    hub = Hub.load(tmp_path / "bridge.toml")
    other = SigningKey.create(tmp_path / "other.key")
    stewards(hub.key("steward").public.x, other.public.x, asked=2, config=hub.config)
    (tmp_path / "keys" / "bridge.key").unlink()
    lost = bridge(hub)
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        recover(hub, lost=True)
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        apply(read_books(hub.config).registry, [BridgeRecovered(signed_by(hub).decode())])
    assert lost == bridge(hub)
    policy.sign(PAPER, key=tmp_path / "other.key", config=hub.config)
    slip = Path("slip.signed")
    slip.write_bytes(PAPER.read_bytes().replace(b'"number":1', b'"number":2'))
    with pytest.raises(PeopleError, match=f"it was changed since {other.public.x[:8]}… signed it"):
        recover(hub, paper=slip)
    assert lost == bridge(hub)
    # As some mail programs pass it on.
    PAPER.write_bytes(PAPER.read_bytes().replace(b"\n", b"\r\n"))
    capsys.readouterr()
    recover(hub, paper=PAPER)
    assert json.loads(capsys.readouterr().out)["bridge_key"] == bridge(hub) != lost


def test_the_paper_is_not_made_anew_over_what_others_signed(tmp_path, monkeypatch, capsys):
    commands.init(tmp_path, community="straat", json=True)
    monkeypatch.chdir(tmp_path)
    hub = Hub.load(tmp_path / "bridge.toml")
    other = SigningKey.create(tmp_path / "other.key")
    stewards(hub.key("steward").public.x, other.public.x, asked=2, config=hub.config)
    lost = bridge(hub)
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        recover(hub, lost=True)
    policy.sign(PAPER, key=tmp_path / "other.key", config=hub.config)
    recover(hub, lost=True)
    assert lost != bridge(hub) == hub.key("bridge").public.x
    # Another one takes the place of what is over.
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        recover(hub, lost=True)
    assert 2 == recovered.read(PAPER.read_bytes().strip()).number


@pytest.mark.parametrize("cut", ["before the edit", "after the edit"])
def test_a_recovery_that_was_cut_off_is_finished(hub, monkeypatch, cut):
    lost = bridge(hub)
    where = "ledger_bridge.hub.Hub.open_to_recover"
    if cut == "after the edit":
        where = "ledger_bridge.hub.Hub.finish_rotation"
    with monkeypatch.context() as ended:
        ended.setattr(where, stop)
        with pytest.raises(KeyboardInterrupt):
            recover(hub, lost=True)
    if cut == "before the edit":
        recover(hub, lost=True)
    hub.open_to_write().db.close()
    assert lost != bridge(hub) == hub.key("bridge").public.x


def stop(*_: object) -> bool:
    raise KeyboardInterrupt


def signed_by(hub: Hub, number: int = 1, **other: str) -> bytes:
    said = {"community": "straat", "key": SigningKey(b"n" * 32).public.x} | other
    return recovered.make(Recovered(number=number, **said), key=hub.key("steward"))


@pytest.mark.parametrize(
    ("what", "paper"),
    [
        ("change 2 of 'straat', not 1 of 'straat'", lambda h: signed_by(h, 2)),
        ("change 1 of 'markt', not 1 of 'straat'", lambda h: signed_by(h, community="markt")),
        ("the bridge has this key", lambda h: signed_by(h, key=bridge(h))),
        ("An Ed25519 public key is 32 bytes long", lambda h: signed_by(h, key="AAAA")),
        (
            "not signed by a steward of this community",
            lambda _: recovered.make(
                Recovered("straat", 1, SigningKey(b"n" * 32).public.x), key=SigningKey(b"x" * 32)
            ),
        ),
    ],
    ids=["number", "community", "same-key", "no-key", "nobody"],
)
def test_a_paper_that_gives_no_key_is_told_and_changes_nothing(tmp_path, capsys, what, paper):
    commands.init(tmp_path, community="straat", json=True)
    hub = Hub.load(tmp_path / "bridge.toml")
    before = bridge(hub)
    with pytest.raises(PeopleError) as refused:
        edit(hub, BridgeRecovered(paper(hub).decode()))
    assert what == refused.value.problems[0].what
    assert before == bridge(hub)


def test_an_old_paper_does_not_bring_an_old_key_back(tmp_path, capsys):
    commands.init(tmp_path, community="straat", json=True)
    hub = Hub.load(tmp_path / "bridge.toml")
    first = signed_by(hub)
    community = hub.open_to_write()
    community.db.close()
    rotate("bridge", lost=True, config=hub.config, json=True)
    now = bridge(hub)
    with pytest.raises(PeopleError, match="change 1 of 'straat', not 2 of 'straat'"):
        edit(hub, BridgeRecovered(first.decode()))
    assert now == bridge(hub)


@pytest.mark.parametrize(
    ("what", "whose", "paper"),
    [
        ("stewards recover the bridge's key here", "log", None),
        ("No such file", "bridge", Path("none")),
        ("expected", "bridge", Path("policy.toml")),
    ],
)
def test_what_recovers_nothing_is_told(hub, what, whose, paper):
    with pytest.raises(UsageError, match=what):
        rotate(whose, lost=True, paper=paper, config=hub.config)


def test_a_gateway_that_enrols_again_believes_the_new_key_and_the_old_one_no_more(
    tmp_path, monkeypatch, capsys
):
    way = Way(tmp_path, monkeypatch, capsys)
    way.all_the_way()
    # It has followed a rotation meanwhile, which it keeps.
    hub = Hub.load(way.hub)
    old = hub.key("bridge")
    rotate("bridge", config=way.hub)
    folder = way.house.parent / "data"
    folder.mkdir()
    said = read_books(way.hub).registry.rotations[0].encode()
    BridgeKey(old.public, community="zonstraat", folder=folder).take(said)
    rotate("bridge", lost=True, config=way.hub)
    assert () == read_books(way.hub).registry.rotations
    way.said()
    way.all_the_way()
    believed = BridgeKey(
        PublicKey(load(way.house).bridge_key), community="zonstraat", folder=folder
    )
    assert hub.key("bridge").public.x == believed.key.x
    believed.take(said)  # what the broker still has
    assert hub.key("bridge").public.x == believed.key.x
