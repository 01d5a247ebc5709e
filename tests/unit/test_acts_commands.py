"""What a treasurer types to move credit, and what they read."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import build
from gateway.contract.errors import PeopleError, UsageError
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.market import HOUR_MS, POLICY
from tests.point import Point
from tests.street import ID, NOON_MS, key


def run(*words):
    return build()(words)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A hub at noon of 21 June 2026: noor and bram brought 8 kg of glass each, so 8 WASTE."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METERKAST_CLOCK", str(folder / "now"))
        (folder / "now").write_text(str(NOON_MS))
        config = folder / "hub" / "bridge.toml"
        run("hub", "init", str(config.parent), "--community", ID, "--page", "127.0.0.1:0")
        (config.parent / "policy.toml").write_text(POLICY)
        for words in (
            ("hub", "admit", f"point={key('point').public.x}"),
            *(("member", "add", member) for member in ("noor", "bram")),
            *(("member", "card", member, member) for member in ("noor", "bram")),
            ("policy", "activate", str(config.parent / "policy.toml")),
        ):
            run(*words, "--config", str(config))
    hub, point = Hub.load(config), Point()
    community = Community(store.open_to_write(hub.books), ID, log_key=hub.key("log"))
    records = [
        point.bring(card, NOON_MS - 1, grams=8_000, card=card, card_key=hub.card_key())
        for card in ("noor", "bram")
    ]
    Inbox(community).take([("point", one) for one in records], now_ms=NOON_MS)
    community.settle(NOON_MS)
    community.db.close()
    return folder


@pytest.fixture
def hub(made, tmp_path, monkeypatch, capsys):
    """The same hub, for one test to change; its clock is the file `now` beside it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("METERKAST_CLOCK", str(tmp_path / "now"))
    monkeypatch.chdir(tmp_path / "hub")
    capsys.readouterr()
    return tmp_path


def dump(hub: Path) -> list[str]:
    """Everything that the books say."""
    db = store.open_to_read(hub / "hub" / "books.db")
    found = list(db.iterdump())
    db.close()
    return found


def holdings(capsys) -> dict[str, str]:
    """What each holds of WASTE, where it is not nothing."""
    run("ledger", "balance", "--json")
    found = json.loads(capsys.readouterr().out)
    return {
        one["holder"]: one["balances"]["WASTE"]
        for one in found
        if float(one["balances"].get("WASTE", 0))
    }


@pytest.mark.parametrize(
    ("words", "sentence", "held"),
    [
        (
            ("transfer", "noor", "bram", "1.5", "WASTE"),
            "booking 3: noor gave bram 1.5 WASTE",
            {"noor": "6.500", "bram": "9.500"},
        ),
        (
            ("donate", "noor", "1.5", "WASTE"),
            "booking 3: noor gave 1.5 WASTE to pool",
            {"noor": "6.500", "bram": "8.000", "pool": "1.500"},
        ),
        (
            ("retire", "noor", "1.5", "WASTE"),
            "booking 3: noor gave back 1.5 WASTE for good",
            {"noor": "6.500", "bram": "8.000", "retired": "1.500"},
        ),
        (
            ("cancel", "noor", "1.5", "WASTE", "--reference", "kerkwijk 12"),
            "booking 3: 1.5 WASTE of noor left this book: kerkwijk 12",
            {"noor": "6.500", "bram": "8.000", "cancelled": "1.500"},
        ),
        (
            ("reserve", "noor", "bram", "1.5", "WASTE", "--until", "2026-06-22"),
            "booking 3: 1.5 WASTE of noor is set apart for bram until 2026-06-23 00:00",
            {"noor": "6.500", "bram": "8.000", "clearing": "1.500"},
        ),
    ],
    ids=lambda case: case[0] if isinstance(case, tuple) else "",
)
def test_an_act_is_told_in_a_sentence(hub, capsys, words, sentence, held):
    run("ledger", *words)
    assert f"{sentence}\n" == capsys.readouterr().out
    assert {**held, "issuance": "-16.000"} == holdings(capsys)


def test_a_reservation_is_listed_and_a_part_of_it_posted(hub, capsys):
    run("ledger", "reserve", "noor", "bram", "2", "WASTE", "--until", "2026-06-22")
    run("ledger", "reservations")
    assert "      3  noor   bram       2.000  WASTE  2026-06-23 00:00" in capsys.readouterr().out
    run("ledger", "post", "3", "0.5")
    assert "booking 4: bram got 0.5 WASTE of the 2 WASTE that noor" in capsys.readouterr().out
    run("ledger", "post", "3", "0.5")
    assert capsys.readouterr().out.startswith("booking 4: ")
    run("ledger", "reservations", "--json")
    assert "[]\n" == capsys.readouterr().out
    assert {"noor": "7.500", "bram": "8.500", "issuance": "-16.000"} == holdings(capsys)


def test_a_reservation_is_voided(hub, capsys):
    run("ledger", "reserve", "noor", "bram", "2", "WASTE", "--until", "2026-06-22")
    run("ledger", "void", "3")
    said = capsys.readouterr().out.splitlines()[-1]
    assert "booking 4: 2 WASTE set apart for bram went back to noor" == said
    assert {"noor": "8.000", "bram": "8.000", "issuance": "-16.000"} == holdings(capsys)


def test_what_nobody_posted_goes_back_before_the_next_act(hub, capsys):
    run("ledger", "reserve", "noor", "bram", "8", "WASTE", "--until", "2026-06-21")
    (hub / "now").write_text(str(NOON_MS + 12 * HOUR_MS))
    run("ledger", "transfer", "noor", "bram", "8", "WASTE")
    assert "booking 5: noor gave bram 8 WASTE" in capsys.readouterr().out
    run("ledger", "why", "4")
    said = capsys.readouterr().out
    assert "bram did not get 8 WASTE in time, it went back to noor" in said
    assert "nobody asked for it: the time was over" in said


def test_an_exchange_that_the_pool_cannot_serve_is_told(hub, capsys):
    """3 WASTE would be 1 ENERGY, of which nobody gave the pool any."""
    run("ledger", "donate", "noor", "2", "WASTE")
    with pytest.raises(PeopleError, match=r"pool has 0\.00 ENERGY"):
        run("ledger", "exchange", "bram", "to-energy", "3")
    with pytest.raises(UsageError, match="posted: to-energy, to-waste"):
        run("ledger", "exchange", "bram", "to-gold", "3")


def test_a_mistake_is_reversed_and_both_bookings_say_so(hub, capsys):
    run("ledger", "transfer", "noor", "bram", "1", "WASTE")
    run("ledger", "reverse", "3", "--reason", "the other bram")
    assert "booking 4: booking 3 was reversed: the other bram" in capsys.readouterr().out
    run("ledger", "why", "3")
    assert "reversed by booking 4" in capsys.readouterr().out


def test_why_names_who_asked_and_by_which_policy(hub, capsys):
    run("ledger", "transfer", "noor", "bram", "1", "WASTE", "--key", "rent of june")
    capsys.readouterr()
    run("ledger", "why", "3", "--json")
    act = json.loads(capsys.readouterr().out)["act"]
    steward = Hub.load(Path("bridge.toml")).key("steward").public
    assert {
        "kind": "transfer",
        "giver": "noor",
        "receiver": "bram",
        "asset": "WASTE",
        "amount": 1_000,
    } == act["asked"]
    assert ("rent of june", steward.kid) == (act["key"], act["signed_by"])
    assert ("noor gave bram 1 WASTE", "noor gaf bram 1 WASTE") == (act["sentence"], act["zin"])
    assert "2026-06-21" == act["policy"]["valid_from"]


def test_the_same_key_is_the_same_act(hub, capsys):
    run("ledger", "transfer", "noor", "bram", "1", "WASTE", "--key", "k")
    run("ledger", "transfer", "noor", "bram", "1", "WASTE", "--key", "k")
    assert capsys.readouterr().out == 2 * "booking 3: noor gave bram 1 WASTE\n"
    with pytest.raises(PeopleError, match="this key was used for another act"):
        run("ledger", "transfer", "noor", "bram", "2", "WASTE", "--key", "k")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("transfer", "noor", "bram", "1.2345", "WASTE"), "at most 3 decimal places"),
        (("transfer", "noor", "bram", "much", "WASTE"), "'much' is not an amount"),
        (("transfer", "noor", "bram", "1e3", "WASTE"), "'1e3' is not an amount"),
        (("transfer", "noor", "bram", "-1", "WASTE"), "no amount above zero"),
        (("transfer", "noor", "bram", "9" * 25, "WASTE"), "is not an amount"),
        (("transfer", "noor", "bram", "1", "GOLD"), "assets: ENERGY, WASTE, SLEEPING, BOUND"),
        (("transfer", "noor", "eve", "1", "WASTE"), "no member 'eve'"),
        (("reserve", "noor", "bram", "1", "WASTE", "--until", "2026-06-20"), "it would end"),
        (("post", "1"), "booking 1 reserved nothing"),
        (("post", "1", "1"), "booking 1 reserved nothing"),
        (("reverse", "1", "--reason", "x"), "booking 1 is no act"),
        (("reverse", "99", "--reason", " "), "no reason is given"),
        (("write-off", "noor", "WASTE", "--reason", "gone"), "owes nothing"),
        (("transfer", "noor", "bram", "1", "WASTE", "--key", "k" * 101), "is no key"),
        (("transfer", "noor", "bram", "1", "WASTE", "--key", "a\nb"), r"'a\\nb' is no key"),
    ],
)
def test_what_cannot_be_is_told_in_three_lines_and_changes_nothing(hub, capsys, words, what):
    before = dump(hub)
    with pytest.raises(PeopleError, match=what) as error:
        run("ledger", *words)
    assert 3 == len(str(error.value).splitlines())
    assert before == dump(hub)


def test_a_new_hub_has_an_account_of_each_role(hub, capsys):
    run("account", "list", "--json")
    found = json.loads(capsys.readouterr().out)
    roles = ["pool", "retired", "cancelled", "clearing", "supplier"]
    assert roles == [one["role"] for one in found["accounts"]]
    assert roles == [one["account"] for one in found["accounts"]]


def test_a_policy_whose_exchange_goes_through_no_pool_is_noted(hub, capsys):
    text = POLICY.replace("2026-06-21", "2026-06-22").replace('pool = "pool"', 'pool = "kitty"', 1)
    Path("next.toml").write_text(text)
    run("policy", "check", "next.toml")
    note = "note: exchange 'to-energy' goes through 'kitty': meterkast account open pool kitty"
    assert note in capsys.readouterr().out
    run("account", "open", "pool", "kitty")
    run("policy", "check", "next.toml")
    assert note not in capsys.readouterr().out


def test_an_account_is_opened_once(hub, capsys):
    run("account", "open", "pool", "kitty")
    assert "opened kitty, an account of role pool\n" == capsys.readouterr().out
    with pytest.raises(PeopleError, match="there is one account for retired already"):
        run("account", "open", "retired", "twice")
    with pytest.raises(PeopleError, match="account 'kitty' is there already"):
        run("account", "open", "pool", "kitty")


def test_a_limit_is_agreed_listed_and_held(hub, capsys):
    run("account", "limit", "noor", "WASTE", "--floor", "-2", "--ceiling", "9", "--reason", "x")
    assert "noor, WASTE: floor -2, ceiling 9\n" == capsys.readouterr().out
    run("account", "list")
    assert "noor    WASTE  -2.000    9.000" in capsys.readouterr().out
    run("ledger", "transfer", "noor", "bram", "10", "WASTE")
    with pytest.raises(PeopleError, match=r"noor has -2\.000 WASTE, and the floor is -2\.000"):
        run("ledger", "transfer", "noor", "bram", "0.001", "WASTE")
