"""What is missing on the hub, when a gateway is asked for it, and what stewards order."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.contract import command
from gateway.contract.command import DONE, REFUSED, RESEND, TARE, Command
from gateway.contract.errors import PeopleError
from gateway.contract.record import ANSWER, Element, decimal
from gateway.contract.signed import Malformed
from ledger_bridge import arriving, inbox, orders
from ledger_bridge.arriving import Arrival, Arriving
from ledger_bridge.asking import QUIET_S, Asking
from ledger_bridge.gaps import Gap
from ledger_bridge.gateways import Alarms, gateways, silent
from ledger_bridge.heard import BYTES_MAX, Heard, chains_of
from ledger_bridge.orders import Orders
from tests.street import ID, NOON_MS, Chain, Street, key

EVIDENCE = "evidence-000000000001"
MINUTE_MS = 60_000


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path)


def notes(chain: Chain, count: int) -> list[bytes]:
    return [chain.record([], made_ms=NOON_MS) for _ in range(count)]


def missing(street):
    return [(gap.first, gap.last, gap.since_ms, gap.asked) for gap in street.inbox.gaps]


# The ledger of gaps.


def test_a_gap_is_kept_from_when_it_opened_until_it_is_filled(street):
    ten = notes(Chain("home"), 10)
    street.inbox.take([("home", ten[0]), ("home", ten[6])], now_ms=1_000)
    assert [(2, 6, 1_000, 0)] == missing(street)
    street.inbox.take([("home", ten[1])], now_ms=2_000)
    assert [(3, 6, 1_000, 0)] == missing(street)
    street.inbox.take([("home", one) for one in ten[2:6]], now_ms=3_000)
    assert [] == missing(street)


def test_the_next_gap_follows_the_first_with_its_own_time(street):
    ten = notes(Chain("home"), 10)
    street.inbox.take([("home", ten[2]), ("home", ten[9])], now_ms=1_000)
    assert [(1, 2, 1_000, 0)] == missing(street)
    street.inbox.take([("home", ten[0]), ("home", ten[1])], now_ms=2_000)
    assert [(4, 9, 2_000, 0)] == missing(street)


def test_gaps_and_how_often_they_were_asked_for_outlive_a_restart(street):
    ten = notes(Chain("home"), 10)
    street.inbox.take([("home", ten[9])], now_ms=1_000)
    street.inbox.asked([("home", EVIDENCE)])
    street.community.db.close()
    street.open()
    assert [(1, 9, 1_000, 1)] == missing(street)


def test_what_was_too_far_ahead_shows_what_is_missing_before_it(street):
    far = Chain("home").record([], made_ms=NOON_MS, seq=5_000)
    assert [("home", inbox.TOO_FAR)] == street.take("home", far).refused
    assert [(1, 4_999, NOON_MS, 0)] == missing(street)


def test_a_chain_that_is_held_misses_nothing(street):
    ten = notes(Chain("home"), 10)
    street.take("home", ten[0], ten[5])
    street.take("home", Chain("home").record([], made_ms=1))
    assert [] == missing(street)


def test_a_gap_that_did_not_come_about_is_not_kept(street, monkeypatch):
    ten = notes(Chain("home"), 10)
    monkeypatch.setattr(street.community.derivation, "add", None)
    with pytest.raises(TypeError):
        street.take("home", ten[5])
    assert [] == missing(street)


# Asking.

GAP = Gap("home", EVIDENCE, 11, 5_000, since_ms=0, asked=0)


def asked(asking: Asking, gap: Gap, now_s: float) -> list[tuple[int, int]]:
    due = asking.due_gaps([gap], community=ID, now_s=now_s, now_ms=NOON_MS)
    return [(one.first, one.last) for one in due]


def test_a_gap_is_asked_for_when_it_does_not_fill_by_itself_and_ever_more_seldom():
    asking = Asking()
    assert [] == asked(asking, GAP, 0.0)
    assert [] == asked(asking, GAP, QUIET_S - 0.1)
    times = [second for second in range(10, 200) if asked(asking, GAP, float(second))]
    assert [10, 15, 25, 45, 85, 165] == times
    # Five minutes is the longest.
    times = [second for second in range(200, 1_500) if asked(asking, GAP, float(second))]
    assert [325, 625, 925, 1_225] == times


def test_no_more_is_asked_for_at_once_than_may_lie_beyond_a_gap():
    asking = Asking()
    asked(asking, GAP, 0.0)
    assert [(11, 1_010)] == asked(asking, GAP, QUIET_S)


def test_a_gap_that_gets_smaller_is_left_alone():
    asking = Asking()
    assert [[]] * 30 == [asked(asking, GAP._replace(first=11 + n), n * 5.0) for n in range(30)]


def test_a_resend_that_is_refused_is_not_asked_for_again():
    asking = Asking()
    asked(asking, GAP, 0.0)
    (told,) = asking.due_gaps([GAP], community=ID, now_s=20.0, now_ms=NOON_MS)
    assert (RESEND, "home", EVIDENCE) == (told.word, told.gateway, told.chain)
    asking.answered([told.id])
    assert [] == asked(asking, GAP, 10_000.0)


# Orders.


def order(word: str = TARE, **more) -> Command:
    about = {"device": "scale"} if word == TARE else {"chain": EVIDENCE, "first": 1, "last": 5}
    said = {"community": ID, "gateway": "home", "id": "a1", "expires_ms": NOON_MS + MINUTE_MS}
    return Command(**{**said, **about, "word": word, **more})


def take(street, one: Command, signer: str = "steward") -> str:
    desk = Orders(street.community.db, ID)
    data = orders.make(one, key=key(signer))
    return desk.take(data, registry=street.community.registry, now_ms=NOON_MS)


def outcome(street, now_ms: int = NOON_MS, word: str = TARE) -> tuple[str, str]:
    return orders.outcome(street.community.db, order(word), now_ms=now_ms)


def waiting(street, now_ms: int = NOON_MS) -> list[str]:
    return [one.id for one in Orders(street.community.db, ID).open(now_ms)]


def test_an_order_is_said_until_a_record_answers_it(street):
    assert "a1" == take(street, order())
    assert "a1" == take(street, order())  # twice is once
    assert ["a1"] == waiting(street)
    home = Chain("home")
    said = command.answer("a1", REFUSED, "it is not at rest")
    delivery = street.take("home", home.record(said, made_ms=NOON_MS, typ=ANSWER))
    assert ["a1"] == delivery.answered
    assert ([], (REFUSED, "it is not at rest")) == (waiting(street), outcome(street))
    # The first answer is the one.
    again = home.record(command.answer("a1", DONE), made_ms=NOON_MS, typ=ANSWER)
    street.take("home", again)
    assert (REFUSED, "it is not at rest") == outcome(street)


def test_an_answer_shows_what_it_says_beside(street):
    take(street, order())
    count = Element(n="hall/1-0:1.8.1", u="Wh", v=decimal(4_426_000))
    odd = Element(n="hall/0-0:96.13.0", vs="\x1b[2J")
    bytes_ = Element(n="hall/telegram", vd="eJzT1w")
    said = [*command.answer("a1", DONE), count, odd, bytes_]
    street.take("home", Chain("home").record(said, made_ms=NOON_MS, typ=ANSWER))
    assert [("hall/1-0:1.8.1", "4426", "Wh")] == orders.readings(street.community.db, order())


def test_an_order_ends_with_its_time(street):
    take(street, order())
    assert ["a1"] == waiting(street, NOON_MS + MINUTE_MS - 1)
    assert [] == waiting(street, NOON_MS + MINUTE_MS)
    assert ("expired", "") == outcome(street, NOON_MS + MINUTE_MS)


def test_nobody_answers_for_another_gateway(street):
    take(street, order())
    said = command.answer("a1", DONE)
    street.take("point", Chain("point").record(said, made_ms=NOON_MS, typ=ANSWER))
    assert ["a1"] == waiting(street)


def test_a_resend_is_done_when_the_records_are_here(street):
    home = Chain("home")
    five = notes(home, 5)
    street.take("home", five[0], five[4])
    take(street, order(RESEND))
    assert (["a1"], ("not answered yet", "")) == (waiting(street), outcome(street, word=RESEND))
    street.take("home", *five)
    assert ([], (DONE, "")) == (waiting(street), outcome(street, word=RESEND))


def test_an_answer_that_says_nothing_answers_nothing(street):
    take(street, order())
    odd = Chain("home").record([Element(n="command/id")], made_ms=NOON_MS, typ=ANSWER)
    assert [""] == street.take("home", odd).answered
    assert ["a1"] == waiting(street)


def test_what_would_act_on_a_terminal_is_left_out_of_an_answer(street):
    take(street, order())
    said = command.answer("a1", "\x1b[2J", "\x1b[2J")
    street.take("home", Chain("home").record(said, made_ms=NOON_MS, typ=ANSWER))
    assert ("answered", "") == outcome(street)


ODD_ORDERS = {
    "nobody's": (order(gateway="shed"), "no gateway 'shed'"),
    "of nothing": (order("dance", device="x"), "no such command"),
    "over": (order(expires_ms=NOON_MS), "an order that is over"),
    "for ever": (order(expires_ms=NOON_MS + 6 * MINUTE_MS), "an order that is over"),
    "to no device": (order(device=""), "no device is named"),
    "to a terminal": (order(device="\x1b[2J"), "no device is named"),
    "of a range beyond all numbers": (order(RESEND, last=2**53), "no range of a chain"),
    "of a device and a range": (order(first=2**63), "about no range of a chain"),
    "of no range": (order(RESEND, first=6), "no range of a chain"),
    "under no id": (order(id="A 1"), "no such command"),
}


@pytest.mark.parametrize(("odd", "said"), ODD_ORDERS.values(), ids=ODD_ORDERS)
def test_an_odd_order_is_refused_with_its_reason(street, odd, said):
    with pytest.raises(PeopleError, match=said):
        take(street, odd)
    assert [] == waiting(street)


def test_what_is_here_is_not_asked_for(street):
    street.take("home", *notes(Chain("home"), 5))
    with pytest.raises(PeopleError, match="nothing of it is missing"):
        take(street, order(RESEND))


def test_who_is_no_steward_orders_nothing(street):
    with pytest.raises(Malformed, match="not signed by a steward"):
        take(street, order(), signer="burglar")
    with pytest.raises(Malformed, match="community 'elders'"):
        take(street, order(community="elders"))


def test_so_many_orders_may_wait_and_no_more(street, monkeypatch):
    monkeypatch.setattr(orders, "OPEN_MAX", 2)
    take(street, order(id="a1"))
    take(street, order(id="a2"))
    with pytest.raises(PeopleError, match="2 orders of this gateway wait"):
        take(street, order(id="a3"))


# What is shown.


def shown(street, now_ms: int = NOON_MS):
    one = street.community
    return gateways(one.db, ID, registry=one.registry, now_ms=now_ms)


def test_every_gateway_is_shown_with_what_is_missing_lost_and_refused(street):
    home, samples = Chain("home"), Chain("home", "samples-000000000001")
    ten, six = notes(home, 10), notes(samples, 6)
    street.take("home", ten[0], ten[4], ten[9])
    street.take("home", six[0])
    street.take("home", home.lost(samples.chain, 2, 3, "a" * 64), b"noise")
    here, point = shown(street)
    assert ("home", "", NOON_MS, 0) == tuple(
        here[name] for name in ("gateway", "state", "seen_ms", "silent_min")
    )
    evidence, others = here["chains"]
    expected = {"chain": EVIDENCE, "up_to": 1, "held": "", "lost": []}
    expected["missing"] = [{"first": 2, "last": 4}, {"first": 6, "last": 9}]
    assert expected | {"missing_since_ms": NOON_MS, "asked": 0} == evidence
    assert (3, []) == (others["up_to"], others["missing"])
    assert [{"first": 2, "last": 3, "why": "no-longer-held"}] == others["lost"]
    assert [{"reason": inbox.MALFORMED, "count": 1, "last_ms": NOON_MS}] == here["refused"]
    assert ("point", None, []) == (point["gateway"], point["seen_ms"], point["chains"])


def test_what_is_far_ahead_is_shown_as_missing_before_it(street):
    street.take("home", Chain("home").record([], made_ms=NOON_MS, seq=5_000))
    (chain,) = shown(street)[0]["chains"]
    assert [{"first": 1, "last": 4_999}] == chain["missing"]


def test_a_gateway_that_gave_evidence_and_gives_none_is_silent(street):
    street.take("home", *notes(Chain("home"), 1))
    assert {} == silent(street.community.db, street.community.registry, NOON_MS + 44 * MINUTE_MS)
    assert {"home": 45} == silent(
        street.community.db, street.community.registry, NOON_MS + 45 * MINUTE_MS
    )
    assert [45, 0] == [one["silent_min"] for one in shown(street, NOON_MS + 45 * MINUTE_MS)]


def test_a_recycling_point_is_silent_where_it_is_not_there(street):
    street.take("point", *notes(Chain("point"), 1))
    heard = Heard(street.community)
    heard.note("point", "birth", b'{"kiosk": {"scale": "scale"}}', now_ms=1)
    heard.note("point", "state", b"online", now_ms=1)
    heard.write()
    assert {} == silent(street.community.db, street.community.registry, NOON_MS + 600 * MINUTE_MS)
    heard.note("point", "state", b"offline", now_ms=1)
    heard.write()
    assert {"point": 600} == silent(
        street.community.db, street.community.registry, NOON_MS + 600 * MINUTE_MS
    )


def test_silence_is_told_once_and_its_end_once():
    alarms = Alarms()
    with capture_logs() as told:
        for silence in ({}, {"home": 45}, {"home": 46}, {}, {"home": 45}):
            alarms.silent(silence)
    events = [(one["event"], one["gateway"]) for one in told]
    silent_, again = ("gateway_silent", "home"), ("gateway_heard_again", "home")
    assert [silent_, again, silent_] == events


# 2029-11-28T00:00:00Z, and three years after it.
ENDS_MS, NEXT_ENDS_MS = 1_890_518_400_000, 1_985_126_400_000


@pytest.mark.parametrize(
    ("told", "days", "ends_ms"),
    [
        pytest.param([], (61,), ENDS_MS, id="long-before"),
        pytest.param(["2029-11-28"], (59, 58, -1), ENDS_MS, id="once"),
        pytest.param([], (59,), None, id="without-TLS"),
    ],
)
def test_the_end_of_the_brokers_certificate_is_told_two_months_before(told, days, ends_ms):
    alarms = Alarms()
    with capture_logs() as logs:
        for before in days:
            alarms.broker(ends_ms, ENDS_MS - before * 1_440 * MINUTE_MS)
    assert told == [one["ends"] for one in logs]


def test_another_certificate_of_the_broker_is_another_end():
    alarms = Alarms()
    with capture_logs() as logs:
        alarms.broker(ENDS_MS, ENDS_MS)
        alarms.broker(NEXT_ENDS_MS, ENDS_MS)
        alarms.broker(NEXT_ENDS_MS, NEXT_ENDS_MS)
    assert ["2029-11-28", "2032-11-27"] == [one["ends"] for one in logs]


def test_what_gateways_say_of_themselves_is_kept_within_bounds(street):
    heard = Heard(street.community)
    heard.note("home", "state", b"online", now_ms=1)
    heard.note("home", "health", b'{"disk": 5}', now_ms=1)
    heard.note("home", "birth", b"[" * 9_000, now_ms=1)
    heard.note("point", "health", b" " * (BYTES_MAX + 1), now_ms=1)
    heard.note("point", "state", b"\x1b[2J", now_ms=1)
    heard.note("stranger", "state", b"online", now_ms=1)
    heard.write()
    heard.write()
    here, point = shown(street)
    assert ("online", {"disk": 5}, None) == (here["state"], here["health"], here["birth"])
    assert ("", None) == (point["state"], point["health"])
    assert ((4,),) == tuple(street.community.db.execute("SELECT count(*) FROM heard"))


BIRTHS = {
    "as it should be": (b'{"chains": {"evidence-1": {"first": 1}, "samples-1": {}}}', 2),
    "no chains": (b"{}", 0),
    "a list": (b'{"chains": ["evidence-1"]}', 0),
    "no ids": (b'{"chains": {"A B": {}, "": {}}}', 0),
    "noise": (b"\xff\x00", 0),
    "too deep": (b'{"chains": ' + b"[" * 20_000, 0),
    "a hundred": (b'{"chains": {' + b",".join(b'"c%d": 1' % n for n in range(100)) + b"}}", 16),
}


@pytest.mark.parametrize(("birth", "count"), BIRTHS.values(), ids=BIRTHS)
def test_a_birth_names_its_chains(birth, count):
    assert count == len(chains_of(birth))


def test_receipts_are_given_of_all_chains_and_of_those_that_are_asked_for(street):
    street.take("home", *notes(Chain("home"), 2))
    told = street.inbox.receipts("home", ["evidence-7"], now_ms=5)
    assert [(EVIDENCE, 2), ("evidence-7", 0)] == [(one.chain, one.up_to) for one in told]
    assert [] == street.inbox.receipts("stranger", ["evidence-7"], now_ms=5)


def test_a_flood_is_dropped_beyond_its_bound(monkeypatch):
    monkeypatch.setattr(arriving, "WAITING_MAX", 3)
    monkeypatch.setattr(arriving, "WAITING_BYTES_MAX", 100)
    some = Arriving()
    for size in (40, 40, 40, 10, 10):
        some.put(Arrival("home", "record", b"x" * size))
    assert 2 == some.dropped
    assert [40, 40] == [len(one.data) for one in asyncio.run(some.take(2))]
    assert [10] == [len(one.data) for one in asyncio.run(some.take(2))]
    some.put(Arrival("home", "record", b"x" * 99))
    assert 1 == len(asyncio.run(some.take(2)))
