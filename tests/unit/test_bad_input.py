"""Whatever is handed in that is not what it should be is named, and nothing has changed.

What signed papers may say is tried by putting something odd in the place of any one thing that a
good paper says; what is accepted then must be true, which `verify` looks at.
"""

import json
import tempfile
from base64 import urlsafe_b64decode
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import command, signed
from gateway.contract import policy as policies
from gateway.contract.cards import token
from gateway.contract.record import to_json
from ledger_bridge import inbox, orders
from ledger_bridge.books.acts import requests
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.facts.official import Series, Sight
from ledger_bridge.books.registry import edits
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.desk import Answer, Paper, take
from tests.market import HOUR_MS, POLICY, Market
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key
from tests.unit.test_inbox import odd_deliveries

STEWARD = key("steward")
EAN = "871694831000000001"
TOMORROW = POLICY.replace("2026-06-21", "2026-06-22")
DAY_MS = 86_400_000

ACTS = (
    requests.Transfer("noor", "bram", "ENERGY", 5),
    requests.Donate("noor", "pool", "ENERGY", 5),
    requests.Exchange("bram", "to-energy", 9),
    requests.Retire("noor", "ENERGY", 5),
    requests.Cancel("noor", "ENERGY", 5, "book of kerkwijk"),
    requests.Reserve("noor", "bram", "ENERGY", 5, NOON_MS + HOUR_MS),
    requests.Post(3, 1),
    requests.Void(3),
    requests.Reverse(3, "a mistake"),
    requests.WriteOff("noor", "ENERGY", "pool", "gone"),
    requests.Close("2026-06"),
)
EDITS = (
    edits.MemberAdded("saar", "acc-saar"),
    edits.AccountOpened("acc-tool", "pool", "tools"),
    edits.LimitSet("noor", "ENERGY", -100, 2_000, "as agreed"),
    edits.CardGiven(token("C", CARD_KEY), "bram"),
    edits.GatewayAdmitted("barn", key("barn").public.x),
    edits.MeterFitted("home", "hall", "E1", "bram", NOON_MS, point=EAN, digits=6, share="1/2"),
    edits.MemberLeft("bram", NOON_MS - HOUR_MS),
    edits.CountsDecided("home", "hall", "", "E1", MIDNIGHT_MS, NOON_MS, True, "seen"),
    edits.DepositDecided("point", "d1", False, "seen"),
    edits.ScaleVerified("point", "scale", "S1", "III", 20_000, 20_000_000, 0, NOON_MS),
    edits.CardRevoked(token("B", CARD_KEY), NOON_MS),
    edits.EmptyingExplained("point", "e1", "wet"),
    edits.EvidencePruned("2026-06-21"),
    edits.MemberErased("bram"),
    edits.GatewayRekeyed("home", key("other").public.x, (("evidence-000000000001", 3),)),
    edits.BridgeRotated("x"),
)
EVIDENCE = (
    Attestation("noor", "2026-06-21", "care", 60, "Mirjam"),
    Series(EAN, "1-0:2.8.1", MIDNIGHT_MS, (300_000, None), "m-", "Liander"),
    Sight("home", "hall", "1-0:2.8.1", "E1", NOON_MS, 10_000_000, "Wh", "Ans"),
    TakenBack(1, 1, "twice"),
)
ORDER = command.Command(
    community=ID, gateway="home", id="a1", expires_ms=NOON_MS + 60_000, word=command.TARE,
    device="scale",
)  # fmt: skip


def paper(kind: str, data: bytes) -> Paper:
    return Paper(kind, data.decode())


GOOD = [
    *(paper("act", requests.make(requests.Request(ID, "k", one), key=STEWARD)) for one in ACTS),
    *(
        paper("edits", registries.make(edits.Edits(ID, NOON_MS, (one,)), key=STEWARD))
        for one in EDITS
    ),
    *(
        paper("evidence", papers.make(papers.Paper(ID, "p", NOON_MS, (one,)), key=STEWARD))
        for one in EVIDENCE
    ),
    paper("policy", policies.make(TOMORROW, community=ID, key=STEWARD)),
    paper("order", orders.make(ORDER, key=STEWARD)),
]
KINDS = ("act", "edits", "evidence", "policy", "order", "gift")


def refused(market: Market, one: Paper) -> bool:
    """Whether it is, by three lines and without any change; else the books must verify."""
    while market.community.settle(NOON_MS):
        pass
    before = list(market.community.db.iterdump())
    answer = take(market.community, one, now_ms=NOON_MS)
    if answer.problems:
        assert before == list(market.community.db.iterdump())
        assert all(all(lines) and len(lines) == 3 for lines in answer.problems)
        return True
    while market.community.settle(NOON_MS):
        pass
    market.verify()
    market.community.db.close()
    market.open()  # and can be read again
    return False


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    market = Market(tmp_path_factory.mktemp("market"), pool=(500, 0))
    market.community.db.execute("PRAGMA synchronous = OFF")
    return market


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_paper_that_is_not_as_it_was_signed_is_refused(market, data):
    """Invariant 10 (DESIGN): a letter changed, cut out or put in, or as another kind of paper."""
    good = data.draw(st.sampled_from(GOOD))
    at = data.draw(st.integers(0, len(good.document) - 1))
    letter = data.draw(st.sampled_from('aZ09"{[,:.- \n\x00é')).replace(good.document[at], "~")
    how = data.draw(st.sampled_from(("changed", "cut", "put in", "cut off", "kind")))
    head, tail = good.document[:at], good.document[at + 1 :]
    odd = {
        "changed": head + letter + tail,
        "cut": head + tail,
        "put in": head + letter + good.document[at:],
        "cut off": head,
        "kind": good.document,
    }[how]
    other = data.draw(st.sampled_from([kind for kind in KINDS if kind != good.kind]))
    assert refused(market, Paper(other if how == "kind" else good.kind, odd))


ODD_NUMBERS = (-1, 0, 1, 2**31, 2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 1.5)
ODD_WORDS = ("", " ", "x", "noor", "nobody", "pool", "ENERGY", "\0", "a\nb", "../..", "é" * 600)
ODD_TEXTS = ("0", "-1", "1/0", "9" * 40, "2026-06-21", "2026-13", "0001-01-01", "9999-12-31")
ODD = st.sampled_from(
    [*ODD_NUMBERS, *ODD_WORDS, *ODD_TEXTS, True, False, None, [], {}, [[]], ["noor"]]
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all that a paper says."""
    if not isinstance(value, dict | list):
        return [path]
    some = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(way for name, inner in some for way in leaves(inner, (*path, name)))]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The same with something else there."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], odd)
    return copy


def what_it_says(good: Paper) -> Any:
    """Of registry edits what opens them."""
    lines = good.document.split("\n")
    return json.loads(lines[2] if good.kind == "edits" else lines[0])


def signed_again(good: Paper, path: tuple[Any, ...], odd: Any) -> Paper:
    """The paper with something odd there, and a steward's signature over that."""
    header = good.document.split("\n")[1].split(".")[0]
    typ = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["typ"]
    said = to_json(put(what_it_says(good), path, odd))
    if good.kind != "edits":
        return paper(good.kind, signed.sign(said, typ=typ, key=STEWARD))
    named = to_json({"community": ID, "time_ms": NOON_MS, "edits": [sha256(said).hexdigest()]})
    return paper("edits", signed.sign(named, typ=typ, key=STEWARD) + b"\n" + said)


@pytest.fixture(scope="module")
def came():
    """How many were refused, and how many not: a law that never meets one of them says nothing."""
    counted: Counter[bool] = Counter()
    yield counted
    print(f"\nodd papers: {counted[True]} refused, {counted[False]} accepted")
    assert counted[True] > 50
    assert counted[False] > 5


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_signed_paper_with_one_odd_thing_is_refused_or_true(came, data):
    """Invariant 10 (DESIGN); 4 and 8 (ledger)."""
    good = data.draw(st.sampled_from(GOOD))
    path = data.draw(st.sampled_from(leaves(what_it_says(good))))
    odd = signed_again(good, path, data.draw(ODD))
    with tempfile.TemporaryDirectory() as folder:
        market = Market(Path(folder), pool=(500, 0))
        market.community.db.execute("PRAGMA synchronous = OFF")
        came[refused(market, odd)] += 1
        market.community.db.close()


# What is delivered.

NOTED = ("rejected", "fork", "chain", "gap")


@pytest.fixture
def street(tmp_path):
    """Noor gave back 900 Wh, and a bag came with her card."""
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    some = [home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=900 * n) for n in (0, 1)]
    street.take("home", *some)
    street.take("point", point.deposit(NOON_MS - HOUR_MS, grams=2_000))
    return street


def all_but_what_is_noted(street: Street) -> list[str]:
    """The books without what they say of refusals and of chains that are held."""
    return [
        line
        for line in street.community.db.iterdump()
        if not line.startswith(tuple(f'INSERT INTO "{name}"' for name in NOTED))
    ]


def contradictions():
    """Other records under numbers that the books have, and one beyond what they wait for."""
    home = Chain("home")
    return {
        "another count under its number": (
            "home", home.quarter(MIDNIGHT_MS, export_wh=5_000), inbox.FORKED,
        ),
        "far ahead": ("home", home.record([], made_ms=NOON_MS, seq=1_003), inbox.TOO_FAR),
        "another bag under its number": (
            "point", Chain("point").deposit(NOON_MS, grams=9_000), inbox.FORKED,
        ),
    }  # fmt: skip


ODD_DELIVERIES = odd_deliveries() | contradictions()


@pytest.mark.parametrize(("gateway", "data", "reason"), ODD_DELIVERIES.values(), ids=ODD_DELIVERIES)
def test_an_odd_delivery_is_noted_and_changes_nothing(street, gateway, data, reason):
    """Invariant 10 (DESIGN)."""
    before = all_but_what_is_noted(street)
    assert (gateway, reason) in street.take(gateway, data).refused
    assert before == all_but_what_is_noted(street)


# What a policy says.

POLICIES = {
    "overlaps itself": (
        TOMORROW
        + TOMORROW[TOMORROW.index("[[rules]]") : TOMORROW.index('[[rules]]\nid = "waste"')].replace(
            '"sun"', '"moon"'
        ),
        "is rewarded by rule 'sun' already",
    ),
    "divides by zero": (TOMORROW.replace('credit = "1"', 'credit = "1/0"'), "'1/0'"),
    "by nothing at all": (TOMORROW.replace('per = "1 kWh"', 'per = "0 kWh"'), "'0 kWh'"),
    "reaches back": (POLICY, "rules cannot reach back"),
    "into what is closed": (TOMORROW.replace("06-22", "06-20"), "the books are closed up to"),
    "has no number that fits": (TOMORROW.replace("scale = 2", "scale = 99"), "scale"),
}


@pytest.mark.parametrize(("toml", "what"), POLICIES.values(), ids=POLICIES)
def test_a_policy_that_cannot_be_is_named_and_changes_nothing(tmp_path, toml, what):
    """Invariant 10 (DESIGN)."""
    market = Market(tmp_path)
    market.act(requests.Close("2026-06-21"), "evening", now_ms=NOON_MS + DAY_MS)
    before = list(market.community.db.iterdump())
    data = policies.make(toml, community=ID, key=STEWARD)
    answer: Answer = take(market.community, paper("policy", data), now_ms=NOON_MS)
    assert any(what in found for found, _, _ in answer.problems), answer.problems
    assert before == list(market.community.db.iterdump())
