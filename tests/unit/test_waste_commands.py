"""What a steward types about deposits, scales and containers, and what they read."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli import build
from gateway.contract.cards import claim, token
from gateway.contract.errors import PeopleError, UsageError
from ledger_bridge.books import store
from ledger_bridge.books.community import Community, load_registry
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.point import MINUTE_MS, Point
from tests.street import ID, NOON_MS, key


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A hub whose point has sent: a deposit of nobody, one too large, one taken back too late, and
    a container with too little in it.
    """
    config = tmp_path_factory.mktemp("sent") / "hub" / "bridge.toml"
    run("hub", "init", str(config.parent), "--community", ID, "--page", "127.0.0.1:0")
    for words in (
        ("hub", "admit", f"point={key('point').public.x}"),
        ("member", "add", "noor"),
        ("member", "add", "bram"),
        ("member", "card", "noor", "A"),
    ):
        run(*words, "--config", str(config))
    policy = config.parent / "policy.toml"
    text = policy.read_text().replace('en = "glass"', 'en = "glass"\nmost = "80 kg"')
    valid_from = next(line for line in text.splitlines() if line.startswith("valid_from"))
    policy.write_text(text.replace(valid_from, "valid_from = 2026-06-01"))
    run("policy", "activate", str(policy), "--config", str(config))
    send(config)
    return config.parent


@pytest.fixture
def hub(sent, tmp_path, capsys):
    """The same hub, for one test to change."""
    capsys.readouterr()
    return Path(shutil.copytree(sent, tmp_path / "hub")) / "bridge.toml"


def send(config):
    hub_, point = Hub.load(config), Point()
    card_key = hub_.card_key()

    def bring(name, at_ms, *, kg, **words):
        return point.bring(name, at_ms, grams=kg * 1000, card_key=card_key, **words)

    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    records = [
        bring("d1", NOON_MS, kg=2, code="K7QM-3RXA"),
        bring("d2", NOON_MS + 1, kg=90, card="A"),
        bring("d3", NOON_MS + 2, kg=3, card="A"),
        point.correct("d3", NOON_MS + 9 * MINUTE_MS, reason="not mine"),
        point.empty("e1", NOON_MS + 10 * MINUTE_MS, kg=50),
        point.check(NOON_MS, nominal_g=20_000, shown_g=19_000),
        point.turn_away(NOON_MS, "mixed"),
    ]
    Inbox(community).take([("point", one) for one in records], now_ms=NOON_MS)
    community.settle(NOON_MS)
    community.db.close()


def run(*words):
    return build()(words)


def registry(config):
    db = store.open_to_read(config.parent / "books.db")
    found = load_registry(db, ID)
    db.close()
    return found


def held(config, capsys):
    capsys.readouterr()
    run("ledger", "held", "--config", str(config), "--json")
    return {one.get("id") or one.get("deposit") or one["emptying"]: one for one in out(capsys)}


def out(capsys):
    return json.loads(capsys.readouterr().out)


def test_what_waits_is_listed_with_why_and_what_to_type(hub, capsys):
    run("ledger", "held", "--config", str(hub))
    told = capsys.readouterr().out
    for part in (
        "It is nobody's yet: kept until somebody claims it",
        "More than one deposit of this kind may be",
        "Taken back more than five minutes later",
        "The haulier weighed less than was brought",
        "meterkast member claim MEMBER CODE\n",
        'meterkast deposit decide point/d2 --accept or --void --reason "…"',
        'meterkast deposit decide point/d3 --accept or --void --reason "…"',
        'meterkast container explain point/e1 --reason "…"',
    ):
        assert part in told
    kinds = [one["kind"] for one in held(hub, capsys).values()]
    assert ["deposit", "deposit", "correction", "emptying"] == kinds


@pytest.mark.parametrize("code", ["K7QM-3RXA", "k7qm3rxa", "K7QM 3RXA"])
def test_a_code_is_claimed_as_people_write_it(hub, capsys, code):
    run("member", "claim", "bram", code, "--config", str(hub), "--json")
    assert {"member": "bram", "code": code, "deposits": 1} == out(capsys)
    assert "d1" not in held(hub, capsys)
    run("ledger", "close", "2026-06-21", "--anyway", "--config", str(hub))
    capsys.readouterr()
    run("ledger", "balance", "--config", str(hub), "--json")
    assert "0.100000" == out(capsys)[0]["balances"]["WASTE"]


def test_letters_that_no_code_has_are_read_as_the_digits_they_look_like(hub):
    run("member", "claim", "bram", "OIL4-56X8", "--config", str(hub))
    assert "bram" == registry(hub).cards[claim("01145 6X8", Hub.load(hub).card_key())]


@pytest.mark.parametrize("code", ["K7QM-3RX", "K7QM-3RXU", "", "K7QM-3RXAA"])
def test_what_is_no_code_is_told(hub, code):
    with pytest.raises(UsageError, match="is no code"):
        run("member", "claim", "bram", code, "--config", str(hub))


def test_a_code_is_given_once(hub, capsys):
    run("member", "claim", "bram", "K7QM-3RXA", "--config", str(hub))
    with pytest.raises(UsageError, match="this code was given to bram"):
        run("member", "claim", "noor", "K7QM-3RXA", "--config", str(hub))
    run("member", "claim", "noor", "7777-7777", "--config", str(hub))
    assert "no deposit has come under it yet" in capsys.readouterr().out


@pytest.fixture
def found(hub):
    """The hub once somebody has held a card that is nobody's to the reader."""
    hub_, point = Hub.load(hub), Point(chain="evidence-000000000002")
    card_key = hub_.card_key()
    bag = point.bring("d5", NOON_MS, grams=1_000, card="B", code="7ZZZ-0001", card_key=card_key)
    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    Inbox(community).take([("point", bag)], now_ms=NOON_MS)
    community.db.close()
    return hub


def test_a_card_is_given_by_a_slip_without_its_number(found, capsys):
    assert "member card MEMBER --slip CODE" in held(found, capsys)["d5"]["try"]
    run("member", "card", "bram", "--slip", "7zzz 0001", "--config", str(found))
    assert "d5" not in held(found, capsys)
    # All that is brought with it, and not only what that slip is for.
    assert "bram" == registry(found).cards[token("B", Hub.load(found).card_key())]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "no card"),
        (("B", "--slip", "7ZZZ-0001"), "no card"),
        (("--slip", "7ZZZ"), "'7ZZZ' is no code"),
        (("--slip", "7ZZZ-0002"), "no deposit has come under this code yet"),
        (("--slip", "K7QM-3RXA"), "this deposit was made without a card"),
    ],
)
def test_a_slip_that_names_no_card_is_told(found, words, what):
    before = registry(found).cards
    with pytest.raises(UsageError, match=what):
        run("member", "card", "bram", *words, "--config", str(found))
    assert before == registry(found).cards


def test_a_slip_gives_nobody_the_card_of_somebody_else(found):
    run("member", "card", "bram", "B", "--config", str(found))
    with pytest.raises(UsageError, match="this card is bram's"):
        run("member", "card", "noor", "--slip", "7ZZZ-0001", "--config", str(found))


def brought_later(found) -> None:
    """Another bag with the card of the slip, a day later."""
    hub_, point = Hub.load(found), Point(chain="evidence-000000000003")
    bag = point.bring(
        "d6", NOON_MS + 24 * 60 * MINUTE_MS, grams=1_000, card="B", card_key=hub_.card_key()
    )
    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    Inbox(community).take([("point", bag)], now_ms=NOON_MS + 24 * 60 * MINUTE_MS)
    community.db.close()


def test_a_lost_card_is_revoked_by_a_slip_without_its_number(found, capsys):
    run("member", "card", "bram", "--slip", "7ZZZ-0001", "--config", str(found))
    run("member", "card", "bram", "--slip", "7ZZZ-0001", "--revoke", "--from", "2026-06-22",
        "--config", str(found))  # fmt: skip
    assert "card of bram revoked" in capsys.readouterr().out
    brought_later(found)
    # What was brought before stays bram's, and what is brought with it now waits.
    assert ("d6" in held(found, capsys), "d5" in held(found, capsys)) == (True, False)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("noor", "--slip", "7ZZZ-0001", "--revoke"), "this card is bram's"),
        (("bram", "--slip", "7ZZZ-0002", "--revoke"), "no deposit has come under this code yet"),
        (("bram", "C", "--revoke"), "nobody has this card"),
        (("bram", "--revoke"), "no card"),
        (("bram", "C", "--from", "2026-06-22"),
         "a card is given for all days, and revoked from one on"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_revoked_is_told_and_stays(found, words, what):
    run("member", "card", "bram", "B", "--config", str(found))
    before = registry(found)
    with pytest.raises(PeopleError) as refused:
        run("member", "card", *words, "--config", str(found))
    assert [what] == [one.what for one in refused.value.problems]
    assert before.cards == registry(found).cards
    assert {} == registry(found).revoked


def test_a_revoked_card_is_not_given_again_and_its_day_moves_only_when_it_is_named(found):
    run("member", "card", "bram", "B", "--config", str(found))
    run("member", "card", "bram", "B", "--revoke", "--from", "2026-06-22", "--config", str(found))
    before = registry(found).revoked
    with pytest.raises(UsageError, match="this card was revoked: what is brought with it counts"):
        run("member", "card", "bram", "--slip", "7ZZZ-0001", "--config", str(found))
    with pytest.raises(UsageError, match="this card is revoked already"):
        run("member", "card", "bram", "B", "--revoke", "--config", str(found))
    assert before == registry(found).revoked
    run("member", "card", "bram", "B", "--revoke", "--from", "2026-06-21", "--config", str(found))
    assert before != registry(found).revoked


def test_decisions_are_kept_with_their_reason(hub, capsys):
    words = ("--reason", "weighed it again", "--config", str(hub))
    run("deposit", "decide", "point/d2", "--accept", *words)
    run("deposit", "decide", "point/d3", "--void", *words, "--json")
    assert "d2 is accepted: weighed it again" in capsys.readouterr().out
    assert {"d1", "e1"} == set(held(hub, capsys))
    decided = registry(hub).decisions["point", "d3"]
    assert (False, "weighed it again") == (decided.is_accepted, decided.reason)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("point/d2",), "no decision"),
        (("point/d2", "--accept", "--void"), "no decision"),
        (("d2", "--void"), "'d2' is not of the form GATEWAY/DEPOSIT"),
        (("point/d9", "--void"), "there is no such deposit"),
        (("home/d2", "--void"), "there is no such deposit"),
        (("point/d1", "--accept"), "It is nobody's yet"),
    ],
)
def test_a_decision_that_nothing_would_come_of_is_refused(hub, words, what):
    with pytest.raises(UsageError, match=what):
        run("deposit", "decide", *words, "--reason", "so", "--config", str(hub))
    assert {} == registry(hub).decisions


def test_a_mark_of_a_scale_is_taken_from_its_plate(hub):
    plate = ("--serial", "S1", "--class", "III", "--max", "60 kg", "--division", "20 g")
    days = ("--from", "2026-01-01", "--until", "2027-12-31")
    run("device", "verified", "point/scale", *plate, *days, "--config", str(hub))
    (mark,) = registry(hub).scales["point", "scale"]
    assert ("S1", "III", 20_000, 60_000_000) == (
        mark.serial,
        mark.accuracy,
        mark.division_mg,
        mark.max_mg,
    )
    # Local midnights of Amsterdam: of 1 January 2026, and after 31 December 2027.
    assert (1_767_222_000_000, 1_830_294_000_000) == (mark.from_ms, mark.until_ms)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"--class": "V"}, "'V' is no class of scale"),
        ({"--max": "60"}, "'60' is no quantity"),
        ({"--max": "60 L"}, "is no mass of whole milligrams"),
        ({"--division": "1/7 g"}, "is no mass of whole milligrams"),
        ({"--max": "20 g"}, "a scale of 20000 mg in steps of 20000 mg"),
        ({"--serial": ""}, "a scale without its number"),
        ({"--from": "2028-01-01"}, "a mark that ends before it begins"),
        ({"place": "scale"}, "is not of the form GATEWAY/DEVICE"),
        ({"place": "home/scale"}, "no gateway 'home'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_plate_that_cannot_be_is_told(hub, change, what):
    plate = {
        "place": "point/scale",
        "--serial": "S1",
        "--class": "III",
        "--max": "60 kg",
        "--division": "20 g",
        "--until": "2027-12-31",
        **change,
    }
    words = [word for name, said in plate.items() if name != "place" for word in (name, said)]
    with pytest.raises(PeopleError, match=what):
        run("device", "verified", plate["place"], *words, "--config", str(hub))
    assert {} == registry(hub).scales


def test_an_emptying_is_explained_once_and_for_all(hub, capsys):
    words = ("--reason", "the ticket is of another street", "--config", str(hub))
    with pytest.raises(UsageError, match="there is no emptying 'e9' of 'point'"):
        run("container", "explain", "point/e9", *words)
    run("container", "explain", "point/e1", *words)
    assert "e1" not in held(hub, capsys)


def test_containers_are_listed_with_their_scale_and_what_was_turned_away(hub, capsys):
    run("container", "list", "--config", str(hub))
    told = capsys.readouterr().out
    # 2, 90 and 3 kg were put down; the one that was taken back too late counts until decided.
    for part in (
        "95.000 kg",
        "50.000 kg",
        "point/scale: 19.000 kg for 20.000 kg",
        "The scale was further off at the test weight than its class allows",
        "point: turned away 1x: mixed",
    ):
        assert part in told
    run("container", "list", "--config", str(hub), "--json")
    found = out(capsys)
    assert ["held"] == [one["state"] for one in found["containers"][0]["emptyings"]]
    assert [1] == [one["times"] for one in found["turned_away"]]


def test_a_record_without_a_time_is_listed(hub, capsys):
    point = Point(chain="evidence-000000000002")
    point.has_clock = False
    hub_ = Hub.load(hub)
    community = Community(store.open_to_write(hub_.books), ID, log_key=hub_.key("log"))
    bag = point.bring("d9", NOON_MS, grams=1_000)
    Inbox(community).take([("point", bag)], now_ms=NOON_MS)
    community.db.close()
    run("ledger", "held", "--config", str(hub))
    told = capsys.readouterr().out
    assert "point/evidence-000000000002/1  Made while the point had no clock" in told


def test_verify_says_how_much_waits(hub, capsys):
    assert 0 == run("verify", "--config", str(hub))
    assert "held:     4, see meterkast ledger held" in capsys.readouterr().out


def test_a_statement_tells_what_became_of_each_deposit(hub, capsys):
    run("deposit", "decide", "point/d3", "--void", "--reason", "so", "--config", str(hub))
    capsys.readouterr()
    run("ledger", "statement", "--member", "noor", "--period", "2026-06-21", "--config", str(hub))
    told = capsys.readouterr().out
    assert "glass 90.000 kg  More than one deposit of this kind may be" in told
    said = (
        "glass 3.000 kg  Corrected by the member, taken back: not mine."
        " A steward has decided on this deposit.  A steward decided that this does not count."
    )
    assert said in told


def test_a_card_that_is_somebodys_is_not_given_to_another(hub, tmp_path):
    before = registry(hub).cards
    with pytest.raises(UsageError, match="this card is noor's"):
        run("member", "card", "bram", "A", "--config", str(hub))
    (tmp_path / "cards.csv").write_text("member,card\nbram,B\nnoor,b\n")
    with pytest.raises(UsageError, match="this card is bram's") as told:
        run("member", "import", str(tmp_path / "cards.csv"), "--config", str(hub))
    assert "cards.csv line 3" in str(told.value)
    assert before == registry(hub).cards
    run("member", "card", "noor", "A", "--config", str(hub))


def test_a_cards_number_may_be_copied_in_small_letters(hub):
    run("member", "card", "bram", " 0a00b1c2d3 ", "--config", str(hub))
    read_by_the_point = token("0A00B1C2D3", Hub.load(hub).card_key())
    assert "bram" == registry(hub).cards[read_by_the_point]
