"""Records that somebody made to do harm: none changes a balance, stops the inbox or goes unseen."""

import json

import pytest

from gateway.contract import signed
from gateway.contract.cards import token
from gateway.contract.keys import b64, unb64
from gateway.contract.record import DEPOSIT, GENESIS, LOST, QUARTER, is_id
from ledger_bridge import inbox
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.settle.due import DUE_MAX, due
from ledger_bridge.books.telling import recycling
from ledger_bridge.books.verify.verify import verify
from tests.point import Point
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, POLICY, Chain, Street, key

DEEP = b"[" * 30_000 + b"]" * 30_000


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def count(wh, **members):
    return {"n": "hall/1-0:2.8.1", "u": "Wh", "v": wh, **members}


def pack(*elements, **identity) -> bytes:
    head = {
        "bt": MIDNIGHT_MS // 1000,
        "n": "record",
        "community": ID,
        "gateway": "home",
        "chain": "evidence-000000000001",
        "seq": 1,
        "prev": GENESIS,
        **identity,
    }
    return json.dumps([head, *elements], separators=(",", ":")).encode()


def sign(line: bytes, typ: str = QUARTER) -> bytes:
    return signed.sign(line, typ=typ, key=key("home"))


def bag(net, **identity) -> bytes:
    elements = (
        {"n": "scale/net", "u": "g", "v": net},
        {"n": "kiosk/fraction", "vs": "glass"},
        {"n": "kiosk/card", "vs": token("A", CARD_KEY)},
        {"n": "kiosk/deposit", "vs": "1" * 32},
    )
    return sign(pack(*elements, **identity), DEPOSIT)


def verified(street: Street) -> None:
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


UNREADABLE = {
    "unknown members nested too deep": sign(pack({"x": "?"}).replace(b'"?"', DEEP)),
    "a value nested too deep": sign(pack(count("?")).replace(b'"?"', DEEP)),
    "a header nested too deep": b"{}\n" + b64(b'{"x":' + b"[" * 20_000).encode() + b"..AA",
    "a name that is not UTF-8": sign(pack({"n": "hall/?"}).replace(b"?", b"\xff")),
    "an unknown member that is not UTF-8": sign(pack({"x": "?"}).replace(b"?", b"\xff")),
    "a lone surrogate": sign(pack({"n": "hall/?"}).replace(b"?", b"\\ud800")),
    "a number that no database holds": sign(pack(seq=2**63), LOST),
    "a number that lies too far ahead to say so": sign(pack(seq=2**64)),
    "a number of 5000 digits": sign(pack().replace(b'"seq":1', b'"seq":1' + b"0" * 5000)),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused(street, data):
    assert [("home", inbox.MALFORMED)] == street.take("home", data).refused


IMPOSSIBLE = {
    "a time in the year 3,170,900": sign(pack(count(1, t=10**14))),
    "made in the year 31,690,708": sign(pack(count(1), bt=10**15 - 1)),
    "made before the year 1": sign(pack(count(1), bt=-(10**11))),
    "made in the last hour of 9999": sign(pack(count(1), bt=253_402_300_799)),
    "a bag of the year 10000": bag(5, bt=253_402_300_800),
    "a count below zero": sign(pack(count(-5))),
    "a count of 16 digits": sign(pack(count(10**15 - 1))),
    "electricity in joules": sign(pack(count(5, u="J"))),
    "a bag without a weight": sign(pack({"n": "scale/net", "u": "g"}), DEPOSIT),
}


@pytest.mark.parametrize("data", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_true_is_stored_and_is_evidence_of_nothing(street, data):
    assert 1 == street.take("home", data).stored
    facts = "SELECT (SELECT count(*) FROM counter) + (SELECT count(*) FROM deposit)"
    assert (0,) == street.community.db.execute(facts).fetchone()
    verified(street)


def test_two_counts_under_one_name_at_one_time_are_one(street):
    street.take("home", sign(pack(count(100), count(900))))
    assert [(100_000,)] == street.community.db.execute("SELECT value FROM counter").fetchall()
    verified(street)


@pytest.mark.parametrize("grams", [-100_000, 0, 3_000_001, 10**15 - 1])
def test_a_weight_that_no_bag_has_is_held(street, grams):
    street.take("home", bag(grams))
    assert 0 == street.balance("acc-noor", "WASTE")
    held = street.community.db.execute("SELECT verdict, counted FROM deposit").fetchall()
    assert [("weight", 0)] == held
    verified(street)


def test_a_dozen_enormous_weights_do_not_stop_settlement(street):
    point = Chain("point")
    for n in range(12):
        street.take("point", point.deposit(NOON_MS + n, grams=999_999_999_999))
    street.take("point", point.deposit(NOON_MS + 20, grams=2_000))
    assert 100_000 == street.balance("acc-noor", "WASTE")


def test_no_claim_is_due_more_than_the_books_can_hold():
    policy = parse(POLICY.replace('cap = "20 per day"', ""), name="policy")
    assert DUE_MAX == due(policy, policy.rules[0], {"1-0:2.8.1": 10**30})


def respelled(data: bytes) -> list[bytes]:
    """The same bytes of signature, written otherwise: the last of its 86 digits has spare bits."""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = digits[digits.index(data[-1:]) ^ 1]
    return [data + b"=", data + b"==", data + b"\n", data[:-1] + bytes([other])]


def test_who_only_respells_a_signature_does_not_hold_the_chain(street):
    home = Chain("home")
    first = home.quarter(NOON_MS, export_wh=1)
    street.take("home", first)
    delivery = street.take("home", *respelled(first))
    assert [("home", inbox.MALFORMED)] * 4 == delivery.refused
    assert not street.take("home", home.quarter(NOON_MS + 900_000, export_wh=2)).refused


@pytest.mark.parametrize("text", ["AA=", "AA==", "A A", "AB", "AA\n", "é", "A"])
def test_base64url_has_one_spelling(text):
    with pytest.raises(ValueError, match=r"."):
        unb64(text)
    assert b"\0" == unb64("AA")


def test_noise_under_many_names_takes_a_bounded_part_of_the_books(street, monkeypatch):
    monkeypatch.setattr(inbox, "STRANGERS_MAX", 3)
    for n in range(9):
        street.take(f"nobody-{n}", b"noise")
    rows = street.community.db.execute("SELECT gateway, count FROM rejected").fetchall()
    assert {("nobody-0", 1), ("nobody-1", 1), ("nobody-2", 1), ("…", 6)} == set(rows)


def test_only_what_can_be_an_id_is_kept_in_mind():
    assert is_id("a" * 40)
    assert not is_id("a" * 41)
    assert not is_id("")
    assert not is_id("a\n")


ODD_IDS = {
    "a NUL": "a\0b",
    "nothing else": "\0",
    "two lines": "a\nb",
    "40 letters and one": "a" * 41,
}


@pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda point, odd: point.bring(odd, grams=2_000, card="A"),
        lambda point, odd: point.correct(odd, NOON_MS),
        lambda point, odd: point.empty(odd, NOON_MS, kg=1),
    ],
    ids=["a deposit", "a correction", "an emptying"],
)
def test_what_happened_at_a_point_under_a_name_that_is_no_id_is_evidence_of_nothing(
    street, make, odd
):
    assert 1 == street.take("point", make(Point(), odd)).stored
    rows = "SELECT count(*) FROM {}"
    for table in ("deposit", "correction", "container_event"):
        assert (0,) == street.community.db.execute(rows.format(table)).fetchone()
    verified(street)


def test_a_correction_of_the_year_10000_is_told_without_a_time(street):
    point = Point()
    late = point.correct("d1", 253_402_300_800_000, by="operator", fraction="paper")
    street.take("point", point.bring("d1", grams=2_000), late)
    (held,) = recycling.held_deposits(street.community.db, ID, policies=street.community.policies)
    assert [("paper", "")] == [(one["fraction"], one["at"]) for one in held["corrections"]]
    verified(street)


@pytest.mark.parametrize("odd", ["\x1b[2J", "glass\0", "glas\u202es", "gl\nass"], ids=repr)
def test_what_would_act_on_a_stewards_terminal_is_not_passed_on(street, odd):
    point = Point()
    street.take(
        "point",
        point.bring("d1", grams=2_000, fraction=odd, card="A"),
        point.correct("d1", NOON_MS, "paper", by="operator", reason=odd),
        point.turn_away(NOON_MS, odd),
    )
    rows = street.community.db.execute(
        "SELECT (SELECT fraction FROM deposit), (SELECT reason FROM correction),"
        " (SELECT reason FROM turned)"
    )
    assert ("", "", "") == rows.fetchone()
    verified(street)
