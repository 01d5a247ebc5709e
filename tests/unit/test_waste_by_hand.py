"""One Sunday at a recycling point, worked out by hand.

Rates in WASTE per kg or piece: glass 0.05, paper 0, metal 0.01, lamps 0.10, paint 0.03; at most 1 a
day. In VOUCHER, which can be redeemed: metal 0.50 per kg, on a verified scale (class III, 20 g, up
to 60 kg; so from 400 g up). At most 20 kg of metal at once; lamps and paint with an operator.

    id  who           what             then                                  WASTE     VOUCHER
    a   Noor's card   12 kg glass      -                                     0.60      -
    b   Noor's card   13 kg glass      -                                     0.65      -
    c   Noor's card    8 kg paper      -                                     0         -
    d   Noor's card    4 kg glass      taken back after two minutes          -         -
    e   for the club   6.5 kg metal    (the club is Bram's)                  0.065     3.25
    f   a code         2 kg glass      Bram brings the code                  0.10      -
    g   Bram's card    3 lamps         with an operator                      0.30      -
    h   Bram's card   21 kg metal      more than 20 kg; accepted             0.21     10.50
    i   Bram's card    1 kg glass      an operator: it was paint             0.03      -
    j   Bram's card   0.399 kg metal   below 400 g                           0.003990  -
    k   a lost card    9 kg glass      nobody has it                         -         -
    l   Bram's card    5 kg metal      under the number of h; void           -         -
    m   Bram's card   61 kg paint      more than the scale carries           -         -

    Noor: 0.60 + 0.65 = 1.25, at most 1.                                     1.000000  -
    Bram: 0.065 + 0.10 + 0.30 + 0.21 + 0.03 + 0.00399 = 0.70899.             0.708990  13.75

In the containers: glass 12 + 13 + 2 + 9 = 36 kg (not d, not i), paper 8, paint 1 + 61, metal
6.5 + 21 + 0.399 = 27.899 kg (not l). The haulier finds 15 kg of the glass: 36 - 15 = 21, and 1.8 +
20 may be missing; and 6 kg of the metal: 21.899, and 1.394 + 20 may be missing. Of the paint 20 kg:
42 kg are missing, and 3.1 + 20 may be.
"""

import pytest

from gateway.contract.cards import claim
from ledger_bridge.books.facts.containers import containers
from ledger_bridge.books.registry.edits import CardGiven, DepositDecided, ScaleVerified
from ledger_bridge.books.telling.recycling import held_deposits
from ledger_bridge.books.verify.verify import verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import CARD_KEY, ID, NOON_MS, Street, key


def sunday() -> list[bytes]:
    point = Point()

    def bring(name, grams=0, **words):
        at_ms = NOON_MS + (ord(name) - ord("a")) * 10 * MINUTE_MS
        return point.bring(name, at_ms, grams=grams, serial="S1", **words)

    return [
        bring("a", 12_000, card="A"),
        bring("b", 13_000, card="A"),
        bring("c", 8_000, card="A", fraction="paper"),
        bring("d", 4_000, card="A"),
        point.correct("d", NOON_MS + 32 * MINUTE_MS),
        bring("e", 6_500, card="A", club="bram", fraction="metal"),
        bring("f", 2_000, code="K7QM-3RXA"),
        bring("g", pieces=3, card="B", fraction="lamps", operator="yes"),
        bring("h", 21_000, card="B", fraction="metal", alibi="41"),
        bring("i", 1_000, card="B"),
        point.correct("i", NOON_MS + 85 * MINUTE_MS, "paint", by="operator", reason="a tin"),
        bring("j", 399, card="B", fraction="metal"),
        bring("k", 9_000, card="lost"),
        bring("l", 5_000, card="B", fraction="metal", alibi="41"),
        bring("m", 61_000, card="B", fraction="paint", operator="yes"),
        point.empty("e1", NOON_MS + 200 * MINUTE_MS, kg=15),
        point.empty("e2", NOON_MS + 201 * MINUTE_MS, fraction="metal"),
        point.haul("e2", NOON_MS + 202 * MINUTE_MS, fraction="metal", kg=6),
        point.empty("e3", NOON_MS + 203 * MINUTE_MS, fraction="paint", kg=20),
    ]


PAPERS = [
    CardGiven(claim("K7QM-3RXA", CARD_KEY), "bram"),
    ScaleVerified("point", "scale", "S1", "III", 20_000, 60_000_000, 0, 2**42),
    DepositDecided("point", "h", True, "a bicycle"),
    DepositDecided("point", "l", False, "the same weighing"),
]


@pytest.mark.parametrize("papers_first", [True, False])
def test_a_sunday_at_the_point_comes_to_what_a_hand_works_out(tmp_path, papers_first):
    street = Street(tmp_path, policy=WASTE_POLICY)
    if papers_first:
        street.edit(*PAPERS)
    street.take("point", *sunday())
    if not papers_first:
        street.edit(*PAPERS)
        street.community.settle(NOON_MS)
    assert {
        ("acc-noor", "WASTE"): 1_000_000,
        ("acc-noor", "VOUCHER"): 0,
        ("acc-bram", "WASTE"): 708_990,
        ("acc-bram", "VOUCHER"): 1_375,
    } == {
        (account, asset): street.balance(account, asset)
        for account in ("acc-noor", "acc-bram")
        for asset in ("WASTE", "VOUCHER")
    }
    db, community = street.community.db, street.community
    held = held_deposits(db, ID, policies=community.policies)
    assert ["k", "m"] == [one["id"] for one in held]
    brought = {
        one["fraction"]: (emptying["delivered_mg"], emptying["state"])
        for one in containers(db, ID, registry=community.registry)
        for emptying in one["emptyings"]
    }
    assert {
        "glass": (36_000_000, "agreed"),
        "metal": (27_899_000, "held"),
        "paint": (62_000_000, "held"),
    } == brought
    assert 4 == verify(db, ID, log_key=key("log").public, progress=str).held
