"""`hub gateways`, `tell`, `rekey`, `revoke` and `admit` as a steward uses them."""

import errno
import json

import pytest

from gateway.contract import command
from gateway.contract.clock import domain_clock
from gateway.contract.command import DONE, REFUSED
from gateway.contract.errors import PeopleError, UsageError
from gateway.contract.record import ANSWER, Element, decimal
from ledger_bridge.books.registry.edits import GatewayAdmitted
from ledger_bridge.commands import gateways as commands
from ledger_bridge.commands import hub as hubs
from ledger_bridge.commands.common import edit, read_books
from ledger_bridge.commands.gateways import gateways, tell_gateway
from ledger_bridge.commands.hub import admit, init
from ledger_bridge.commands.keys import rekey, revoke
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.street import ID, NOON_MS, Chain, key

EVIDENCE = "evidence-000000000001"


@pytest.fixture
def hub(tmp_path, capsys):
    init(tmp_path, community=ID)
    made = Hub.load(tmp_path / "bridge.toml")
    edit(made, GatewayAdmitted("home", key("home").public.x))
    capsys.readouterr()
    return made


def give(hub, *data: bytes, now_ms: int | None = None) -> None:
    """The bridge stores what a gateway sends, and is gone again."""
    community = hub.open_to_write()
    now_ms = domain_clock().utc_ms() if now_ms is None else now_ms
    Inbox(community).take([("home", one) for one in data], now_ms=now_ms)
    community.db.close()


def notes(count: int) -> list[bytes]:
    home = Chain("home")
    return [home.record([], made_ms=NOON_MS) for _ in range(count)]


def test_all_is_well_with_a_gateway_whose_chains_have_no_gap(hub, capsys):
    give(hub, *notes(2))
    assert 0 == gateways(config=hub.config)
    told = capsys.readouterr().out.splitlines()
    assert ["gateway", "state", "last record", "chain", "up to", "trouble"] == [
        cell for cell in told[0].split("  ") if cell
    ]
    assert told[1].startswith("home     -      20")
    assert told[1].endswith(f"  {EVIDENCE}      2")


def test_trouble_is_told_in_words_and_by_the_exit_code(hub, capsys):
    five = notes(5)
    give(hub, five[0], five[2], five[4], b"noise")
    assert 1 == gateways(config=hub.config)
    told = capsys.readouterr().out.splitlines()
    assert told[1].endswith("missing 2; missing 4")
    assert "home: refused 1 times: malformed" == told[2]


def test_a_silent_gateway_is_told(hub, capsys):
    now_ms = domain_clock().utc_ms()
    give(hub, *notes(1), now_ms=now_ms - 46 * 60_000)
    assert 1 == gateways(config=hub.config)
    assert "silent for 46 minutes" in capsys.readouterr().out


def test_the_json_has_all_of_it(hub, capsys):
    five = notes(5)
    give(hub, five[0], five[4], now_ms=NOON_MS)
    gateways(config=hub.config, json=True)
    (told,) = json.loads(capsys.readouterr().out)
    (chain,) = told["chains"]
    assert ("home", [{"first": 2, "last": 4}]) == (told["gateway"], chain["missing"])


def test_an_order_is_kept_although_nobody_is_there(hub, capsys):
    assert 0 == tell_gateway("home", "tare", device="scale", wait=0, config=hub.config)
    assert "home is told to tare: not answered yet\n" == capsys.readouterr().out


ANSWERS = {
    "done": ((DONE, ""), (0, "home is told to telegram: done")),
    "refused": ((REFUSED, "not now"), (1, "home is told to telegram: refused, not now")),
}


@pytest.mark.parametrize(("said", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_order_waits_for_its_answer(hub, capsys, monkeypatch, said, expected):
    monkeypatch.setattr(commands.secrets, "token_hex", lambda _: "a1")
    count = Element(n="hall/1-0:1.8.1", u="Wh", v=decimal(4_426_000))
    answer = [*command.answer("a1", *said), count]

    def meanwhile(_: float) -> None:
        give(hub, Chain("home").record(answer, made_ms=NOON_MS, typ=ANSWER))

    monkeypatch.setattr(commands.time, "sleep", meanwhile)
    code = tell_gateway("home", "telegram", device="hall", config=hub.config)
    told, reading = capsys.readouterr().out.splitlines()
    assert (expected, "  hall/1-0:1.8.1  4426 Wh") == ((code, told), reading)


def test_a_word_that_is_none_is_refused(hub):
    with pytest.raises(UsageError, match="no such command 'dance'"):
        tell_gateway("home", "dance", config=hub.config)


def test_a_lost_key_is_replaced_from_the_first_number_that_is_not_stored(hub, capsys):
    five = notes(5)
    give(hub, five[0], five[2])
    new = key("new").public.x
    rekey(f"home={new}", config=hub.config)
    assert f"home has another key\n  {EVIDENCE} from 4 on\n" == capsys.readouterr().out
    rekey(f"home={key('newer').public.x}", from_=(f"{EVIDENCE}=9",), config=hub.config, json=True)
    assert {EVIDENCE: 9} == json.loads(capsys.readouterr().out)["chains"]


@pytest.mark.parametrize(
    ("given", "from_", "said"),
    [
        ("home", (), "'home' names no key"),
        ("home=AA", (), "'AA' is no Ed25519 key"),
        (f"home={key('new').public.x}", (f"{EVIDENCE}=x",), "names no number"),
        (f"home={key('new').public.x}", (f"{EVIDENCE}=1",), "stored up to 2 under the old key"),
        (f"home={key('new').public.x}", ("evidence-2=3",), "home has no chain 'evidence-2'"),
        (f"shed={key('new').public.x}", (), "no gateway 'shed'"),
    ],
    ids=["no key", "not a key", "no number", "a number that is stored", "no chain", "no gateway"],
)
def test_a_key_that_does_not_fit_is_refused_with_its_reason(hub, given, from_, said):
    give(hub, *notes(2))
    with pytest.raises(PeopleError, match=said):
        rekey(given, from_=from_, config=hub.config)


@pytest.mark.parametrize(
    ("gateway", "from_", "what", "try_"),
    [
        ("shed", (), "no gateway 'shed'", "meterkast hub gateways lists them"),
        ("shed", (f"{EVIDENCE}=1",), "no gateway 'shed'", "meterkast hub gateways lists them"),
        ("home", ("evidence-2=1",), "home has no chain 'evidence-2'", f"its chains: {EVIDENCE}"),
        ("home", ("1",), "'1' names no number", "CHAIN=NUMBER"),
        ("home", (f"{EVIDENCE}=4",), f"{EVIDENCE} is stored up to 2, so that 4 is too late",
         f"at most {EVIDENCE}=3"),
        ("home", (f"{EVIDENCE}=0",), "numbers of a chain begin with 1", "CHAIN=NUMBER"),
    ],
)  # fmt: skip
def test_what_cannot_be_revoked_is_told_and_nothing_is(hub, gateway, from_, what, try_):
    give(hub, *notes(2))
    with pytest.raises(PeopleError) as refused:
        revoke(gateway, from_=from_, config=hub.config)
    (problem,) = refused.value.problems
    assert (what, try_) == (problem.what, problem.try_)
    assert not read_books(hub.config).registry.is_barred("home")


def test_a_gateway_may_be_revoked_from_each_number_that_is_stored_and_from_the_next(hub, capsys):
    give(hub, *notes(2))
    for first in (3, 1):
        revoke("home", from_=(f"{EVIDENCE}={first}",), config=hub.config, json=True)
        assert {EVIDENCE: first} == json.loads(capsys.readouterr().out)["chains"]
    assert read_books(hub.config).registry.bars("home", EVIDENCE, 1)


def test_who_revokes_is_told_what_the_broker_needs(hub, capsys):
    revoke("home", config=hub.config)
    expected = [
        "home is revoked",
        "the broker lets it in until it has the new list and is restarted:",
        f"  sudo meterkast install mosquitto --config {hub.config} --yes",
        "  sudo systemctl restart mosquitto",
    ]
    assert expected == capsys.readouterr().out.splitlines()


def test_a_revoked_gateway_is_not_admitted_again_with_its_old_key(hub):
    revoke("home", config=hub.config, json=True)
    with pytest.raises(UsageError) as refused:
        admit(f"home={key('home').public.x}", config=hub.config)
    (problem,) = refused.value.problems
    assert "home is revoked, and counts again with another key only" == problem.what
    rekey(f"home={key('new').public.x}", config=hub.config, json=True)
    assert not read_books(hub.config).registry.is_barred("home")


@pytest.mark.parametrize("step", ["_write_card_key", "write", "edit"])
def test_a_hub_that_cannot_be_founded_to_its_end_is_not_there_and_can_be_founded_again(
    tmp_path, monkeypatch, step
):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "books.db")

    with monkeypatch.context() as full:
        full.setattr(hubs, step, fail)
        with pytest.raises(UsageError, match="no hub can be made here: No space left on device"):
            init(tmp_path / "hub", community=ID)
    assert [] == list((tmp_path / "hub").iterdir())
    init(tmp_path / "hub", community=ID)
    assert ID == read_books(tmp_path / "hub" / "bridge.toml").community


def test_what_a_founding_left_that_was_cut_off_is_in_nobodys_way(tmp_path):
    (tmp_path / ".founding/keys").mkdir(parents=True)
    (tmp_path / ".founding/keys/bridge.key").touch()
    init(tmp_path, community=ID)
    assert not (tmp_path / ".founding").exists()
    assert ID == read_books(tmp_path / "bridge.toml").community


def test_a_hub_is_not_founded_beside_another_ones_keys(tmp_path):
    init(tmp_path, community=ID)
    before = (tmp_path / "keys/log.key").read_bytes()
    (tmp_path / "bridge.toml").unlink()
    with pytest.raises(UsageError, match="no hub can be made here: File exists"):
        init(tmp_path, community=ID)
    assert before == (tmp_path / "keys/log.key").read_bytes()
    assert not (tmp_path / "bridge.toml").exists()
