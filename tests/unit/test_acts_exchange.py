"""Exchanges: at the posted rate, through a pool that has it, and not more than a holder may."""

import pytest

from gateway.contract.errors import ConfigError, PeopleError
from ledger_bridge.books.acts.requests import Donate, Exchange, Reverse
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.telling.rules import of_policy
from tests.market import HOUR_MS, POLICY, Market
from tests.street import NOON_MS

DAY_MS = 24 * HOUR_MS


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path, pool=(500, 0))


def test_an_exchange_moves_both_assets_at_the_posted_rate(market):
    """2 WASTE at 1/3 is 2/3 ENERGY; in hundredths 66.67, of which 66 are given."""
    market.act(Exchange("bram", "to-energy", 2_000), "k")
    assert (66, 6_000) == market.holds("bram")
    assert (434, 2_000) == market.holds("pool")
    market.verify()


def test_the_log_says_at_which_rate_and_by_which_policy(market):
    number = market.act(Exchange("bram", "to-energy", 2_000), "k")
    (said,) = market.community.db.execute(
        "SELECT json_extract(body, '$.rate', '$.exchange', '$.policy') FROM leaf JOIN booking"
        " ON leaf.idx = booking.leaf WHERE seq = ?",
        (number,),
    ).fetchone()
    hashed = market.community.policies.in_order[0].hash
    assert f'["1/3","to-energy","{hashed}"]' == said


def test_what_the_pool_has_not_got_it_does_not_give(tmp_path):
    """3 WASTE at 1/3 is 1 ENERGY, and 0.99 lie in the pool."""
    market = Market(tmp_path, pool=(99, 0))
    with pytest.raises(PeopleError, match=r"pool has 0\.99 ENERGY"):
        market.act(Exchange("bram", "to-energy", 3_000), "k")
    market.act(Donate("noor", "pool", "ENERGY", 1), "more")
    market.act(Exchange("bram", "to-energy", 3_000), "k")
    assert (0, 3_000) == market.holds("pool")


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (99, "give at most 2.999 WASTE"),
        (1, "give at most 0.059 WASTE"),
        (0, "fill it: meterkast ledger donate MEMBER AMOUNT ENERGY --to pool"),
    ],
    ids=["nearly", "least", "empty"],
)
def test_who_asks_more_than_the_pool_has_is_told_how_much_to_give(tmp_path, pool, expected):
    """0.01 ENERGY costs 0.03 WASTE: 0.99 are got for 2.97 to 2.999, 0.01 for 0.03 to 0.059."""
    market = Market(tmp_path, pool=(pool, 0))
    with pytest.raises(PeopleError) as refused:
        market.act(Exchange("bram", "to-energy", 3_000), "k")
    assert [expected] == [problem.try_ for problem in refused.value.problems]


def test_a_holder_gives_no_more_than_is_posted_and_the_next_day_begins_anew(market):
    """At most 6 a day: 4 and then 3 is one too many, 2 is not; on the next day 2 more are left."""
    market.act(Exchange("bram", "to-energy", 4_000), "a")
    with pytest.raises(PeopleError, match=r"at most 6 a day, and bram gave 4\.000 WASTE of it"):
        market.act(Exchange("bram", "to-energy", 3_000), "b")
    market.act(Exchange("bram", "to-energy", 2_000), "c")
    market.act(Exchange("bram", "to-energy", 2_000), "d", now_ms=NOON_MS + DAY_MS)
    assert (133 + 66 + 66, 0) == market.holds("bram")
    market.verify()


def test_a_limit_over_a_week_counts_from_its_monday(tmp_path):
    """21 June 2026 is a Sunday: on Monday the 22nd another week begins."""
    market = Market(tmp_path, pool=(0, 8_000))
    market.act(Exchange("noor", "to-waste", 300), "sunday")
    with pytest.raises(PeopleError, match=r"at most 3 a week"):
        market.act(Exchange("noor", "to-waste", 1), "sunday too")
    market.act(Exchange("noor", "to-waste", 100), "monday", now_ms=NOON_MS + DAY_MS)
    assert (1_000 - 400, 8_000) == market.holds("noor")


def test_a_reversed_exchange_can_be_done_again(market):
    first = market.act(Exchange("bram", "to-energy", 6_000), "a")
    market.act(Reverse(first, "wrong way round"), "b")
    assert (0, 8_000) == market.holds("bram")
    market.act(Exchange("bram", "to-energy", 6_000), "c")
    assert (200, 2_000) == market.holds("bram")
    market.verify()


def test_the_rate_of_the_day_counts_and_no_rate_to_come(market):
    """0.9 WASTE at 1/3 is 0.30 ENERGY today; at 1/9 it is 0.10 tomorrow."""
    market.follow(('rate = "1/3"', 'rate = "1/9"'))
    market.act(Exchange("bram", "to-energy", 900), "today")
    assert 30 == market.holds("bram")[0]
    market.act(Exchange("bram", "to-energy", 900), "tomorrow", now_ms=NOON_MS + DAY_MS)
    assert 40 == market.holds("bram")[0]
    market.verify()


def test_what_is_not_posted_any_more_is_not_exchanged(market):
    market.follow(('id = "to-energy"', 'id = "to-sun"'))
    market.act(Exchange("bram", "to-energy", 900), "today")
    with pytest.raises(PeopleError, match="posted: to-sun, to-waste"):
        market.act(Exchange("bram", "to-energy", 900), "tomorrow", now_ms=NOON_MS + DAY_MS)
    with pytest.raises(PeopleError, match="posted: to-energy, to-waste"):
        market.act(Exchange("bram", "to-sun", 900), "today too")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Exchange("bram", "to-gold", 1_000), "no exchange 'to-gold' is posted"),
        (Exchange("bram", "to-energy", 29), r"0\.029 WASTE is too little for any ENERGY"),
        (Exchange("bram", "to-energy", 0), "no amount above zero"),
        (Exchange("noor", "to-energy", 1_000), r"noor has 0\.000 WASTE"),
        (Exchange("pool", "to-energy", 1_000), "pool is what it goes through"),
        (Exchange("nobody", "to-energy", 1_000), "no member 'nobody'"),
        (Exchange("clearing", "to-energy", 1_000), "clearing is an account of role clearing"),
    ],
)
def test_an_exchange_that_cannot_be_is_refused_and_changes_nothing(market, act, expected):
    before = list(market.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        market.act(act, "k")
    assert before == list(market.community.db.iterdump())


EUR = '[assets.EUR]\nunit = "EUR"\nscale = 2\nkind = "money"\n'
COUNT = '[assets.COUNT]\nunit = "times"\nkind = "counter"\n'


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('gets = "ENERGY"', 'gets = "EUR"'), "nothing is exchanged for money"),
        (('gets = "ENERGY"', 'gets = "COUNT"'), "a counter has no price"),
        (('gets = "ENERGY"', 'gets = "SLEEPING"'), "what is on trial counts for nothing yet"),
        (('gets = "ENERGY"', 'gets = "WASTE"'), "it gives and gets the same asset"),
        (('gets = "ENERGY"', 'gets = "GOLD"'), "asset 'GOLD' is not declared"),
        (('rate = "1/3"', 'rate = "0"'), "a rate of 0 gives nothing back"),
        (('rate = "1/3"', 'rate = "-1"'), "-1 is negative"),
        (('rate = "1/3"', 'rate = "1/0"'), "not a number such as"),
        (('rate = "1/3"', "rate = 0.3"), "is a float and not exact"),
        (('rate = "1/3"', 'rate = "51/100"'), "through 'to-energy' and back one gets more"),
        (('id = "to-waste"', 'id = "to-energy"'), "two exchanges are called 'to-energy'"),
        (('most = "6 per day"', 'most = "6"'), "no limit such as"),
    ],
)
def test_an_exchange_that_makes_no_sense_is_named_in_the_policy(change, expected):
    toml = POLICY.replace("[[rules]]", f"{EUR}{COUNT}\n[[rules]]", 1).replace(*change)
    with pytest.raises(ConfigError, match=expected):
        policies.parse(toml, name="policy.toml")


def test_an_exchange_is_told_in_words():
    told = of_policy(policies.parse(POLICY, name="policy.toml"))["exchanges"]
    assert {
        "en": "2 WASTE for 1 ENERGY, through pool; everybody gives at most 3 a week",
        "nl": "2 WASTE voor 1 ENERGY, via pool; ieder geeft hoogstens 3 per week",
    } == told["to-waste"]
